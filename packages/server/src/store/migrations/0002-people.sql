-- How people get in: sessions of the page, passwords, invitations, one-time links. The columns that better-auth wants stand beside ours.

alter table users
  add column email_verified boolean not null default false,
  add column image text,
  add column updated_at timestamptz not null default now(),
  -- null: never on the page, so far only with tokens.
  add column last_login_at timestamptz;

-- An address must have a domain with a dot, or it can be no login.
update users set email = email || '.localdomain' where email like '%@localhost';

create table session (
  id text primary key,
  user_id text not null references users on delete cascade,
  token text not null unique,
  -- 'password', 'link' or 'invitation'
  started_by text not null,
  ip_address text,
  user_agent text,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index session_of_user on session (user_id);

-- provider_id 'credential' holds the hash of a password; others are accounts elsewhere.
create table account (
  id text primary key,
  user_id text not null references users on delete cascade,
  provider_id text not null,
  account_id text not null,
  password text,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider_id, account_id)
);
create index account_of_user on account (user_id);

create table verification (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Links and invitations are stored as SHA-256: their tokens are long and random, so there is nothing to guess.
create table login_link (
  hash bytea primary key,
  user_id text not null references users on delete cascade,
  expires_at timestamptz not null
);

create table invitation (
  hash bytea primary key,
  email text not null unique,
  role text not null check (role in ('member', 'administrator')),
  invited_by text not null references users,
  expires_at timestamptz not null
);
