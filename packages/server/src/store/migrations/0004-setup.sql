alter table environment_version
  add column setup text not null default '',
  add column maintenance text not null default '',
  add column setup_minutes int not null default 30,
  add column variables jsonb not null default '{}';

-- For the setup phase only.
create table environment_secret (
  environment_id text not null,
  version int not null,
  name text not null,
  secret_id text not null references secret,
  primary key (environment_id, version, name),
  foreign key (environment_id, version) references environment_version on delete cascade
);

alter table environment
  -- Rises when what is kept is to be forgotten.
  add column generation int not null default 0,
  add column last_miss text,
  add column last_miss_at timestamptz;

-- A stack of sealed layers on a worker's disk: a checkout, or what setup left on one. The layers come first, then the row, so that a
-- row never names half of one; layers without a row are refuse.
create table layer_stack (
  id text primary key,
  worker text not null,
  environment_id text not null references environment on delete cascade,
  kind text not null check (kind in ('tree', 'setup')),
  -- Hash of everything that went into it but the commit and the task.
  family text not null,
  -- The same in pieces, for saying what has changed.
  parts jsonb not null,
  commit text not null,
  -- null = for all tasks of the environment.
  task_id text references task on delete cascade,
  -- Keys of the layers, the topmost first.
  layers jsonb not null,
  bytes bigint,
  hits int not null default 0,
  made_at timestamptz not null default now(),
  used_at timestamptz not null default now()
);
create unique index layer_stack_of on layer_stack (worker, environment_id, kind, family, commit, coalesce(task_id, ''));
