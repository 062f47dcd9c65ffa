-- Words as in the glossary of ARCHITECTURE.md. Ids are text: a prefix for people, then 80 random bits.

create table users (
  id text primary key,
  name text not null,
  email text not null unique,
  role text not null check (role in ('member', 'administrator')),
  created_at timestamptz not null default now()
);

-- Tokens are stored as SHA-256: they are long and random, so there is nothing to guess.
create table api_token (
  id text primary key,
  user_id text not null references users on delete cascade,
  name text not null,
  hash bytea not null unique,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);

create table setting (key text primary key, value jsonb not null);

-- Sealed so that only a worker can open them.
create table secret (
  id text primary key,
  sealed bytea not null,
  created_by text not null references users,
  created_at timestamptz not null default now()
);

create table repository (
  id text primary key,
  url text not null unique,
  created_at timestamptz not null default now()
);

create sequence environment_owner minvalue 0 start 0;

create table environment (
  id text primary key,
  name text not null unique,
  version int not null,
  -- Index of the host uid of all its sandboxes; never given to another environment.
  owner int not null unique default nextval('environment_owner'),
  created_by text not null references users,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table environment_version (
  environment_id text not null references environment on delete cascade,
  version int not null,
  repository_id text not null references repository,
  branch text,
  publish text not null check (publish in ('click', 'always')),
  limits jsonb not null,
  token_secret text references secret,
  -- Paths of the host and private addresses are for administrators only; who saved this version decides.
  by_administrator boolean not null,
  created_by text not null references users,
  created_at timestamptz not null default now(),
  primary key (environment_id, version)
);

create table task (
  id text primary key,
  title text not null,
  mode text not null,
  model text not null,
  environment_id text not null references environment,
  environment_version int not null,
  ref text,
  base_commit text,
  -- Chosen once; the pull request of every turn goes there.
  branch text not null,
  priority int not null,
  last_seq int not null default 0,
  created_by text not null references users,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  archived_at timestamptz,
  foreign key (environment_id, environment_version) references environment_version
);
create index task_newest on task (created_at desc, id desc);
create index task_of_user on task (created_by, created_at desc, id desc);

create table turn (
  task_id text not null references task on delete cascade,
  number int not null,
  prompt text not null,
  created_by text not null references users,
  created_at timestamptz not null default now(),
  primary key (task_id, number)
);

create table blob (
  id text primary key,
  task_id text not null references task on delete cascade,
  kind text not null check (kind in ('patch', 'output')),
  -- null: not finished; its writer is at work or has died.
  bytes bigint,
  truncated boolean not null default false,
  created_at timestamptz not null default now()
);
create index blob_of_task on blob (task_id);
create table blob_chunk (
  blob_id text not null references blob on delete cascade,
  number int not null,
  bytes bytea not null,
  primary key (blob_id, number)
);

create table attempt (
  id text primary key,
  task_id text not null references task on delete cascade,
  turn int not null,
  number int not null,
  user_id text not null references users,
  priority int not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  queued_at timestamptz not null default now(),
  -- Rises with each claim and guards every later write.
  run int not null default 0,
  worker text,
  leased_until timestamptz,
  phase text,
  cancel_requested boolean not null default false,
  -- How many events this run has appended: makes a repeated append harmless.
  appended int not null default 0,
  reason jsonb,
  patch text references blob,
  stats jsonb,
  ended_at timestamptz,
  unique (task_id, turn, number),
  foreign key (task_id, turn) references turn
);
create index attempt_queue on attempt (priority desc, queued_at, id) where state = 'queued';
create index attempt_running on attempt (user_id) where state = 'running';

create table event (
  task_id text not null references task on delete cascade,
  seq int not null,
  at timestamptz not null default now(),
  attempt int,
  run int,
  body jsonb not null,
  primary key (task_id, seq)
);

create table publication (
  id text primary key,
  task_id text not null unique references task on delete cascade,
  attempt_id text not null references attempt,
  state text not null default 'asked' check (state in ('asked', 'publishing', 'published', 'failed')),
  branch text not null,
  message text not null,
  author_name text not null,
  author_email text not null,
  -- Dates the commit, so that a repeat makes the same one.
  dated timestamptz not null default date_trunc('second', now()),
  run int not null default 0,
  worker text,
  leased_until timestamptz,
  -- What we pushed last; the next push may replace this and nothing else.
  pushed text,
  detail text,
  asked_by text not null references users,
  asked_at timestamptz not null default now()
);
create index publication_waiting on publication (asked_at) where state in ('asked', 'publishing');

create table usage (
  task_id text not null references task on delete cascade,
  attempt_id text not null references attempt on delete cascade,
  run int not null,
  step int not null,
  user_id text not null references users,
  model text not null,
  input_tokens bigint,
  cached_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  cost_usd double precision,
  at timestamptz not null default now(),
  primary key (attempt_id, run, step)
);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  target text not null,
  detail jsonb not null default '{}'
);

create table idempotency (
  user_id text not null references users on delete cascade,
  key text not null,
  request bytea not null,
  status int,
  response jsonb,
  created_at timestamptz not null default now(),
  primary key (user_id, key)
);

-- A question of the API to a worker, which alone may look at a repository.
create table probe (
  id text primary key,
  url text not null,
  branch text,
  sealed_token bytea,
  by_administrator boolean not null,
  answer jsonb,
  asked_at timestamptz not null default now()
);

create table worker (
  name text primary key,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  -- Why it cannot claim; empty = it does.
  missing jsonb not null,
  limits_not_held jsonb not null
);
