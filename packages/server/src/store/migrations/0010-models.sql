-- How a provider of models is reached, where somebody has set it on the settings page. The key is for the workers only.
create table model_provider (
  provider text primary key check (provider in ('openai', 'anthropic', 'compatible')),
  base_url text,
  key_secret text references secret,
  models jsonb not null default '[]',
  changed_at timestamptz not null default now(),
  changed_by text not null references users
);

-- What each worker can ask: it alone knows the keys. Kept when a worker goes, so that tasks can be given while it starts again.
create table worker_models (
  worker text primary key,
  models jsonb not null,
  providers jsonb not null,
  told_at timestamptz not null default now()
);

-- A small request that somebody wants made, and what a worker says came of it.
create table model_trial (
  id text primary key,
  model text not null,
  asked_at timestamptz not null default now(),
  answer jsonb
);

-- How much the model is to think; null = as its provider sees fit.
alter table task add column effort text;
