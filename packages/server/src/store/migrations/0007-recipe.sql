-- Versions of before keep what they had: setup without network, and no setup that nobody wrote.
alter table environment_version
  add column setup_network jsonb not null default '{"kind": "none"}',
  -- Where there is no setup script, one is made by the files of the repository.
  add column automatic_setup boolean not null default false,
  -- Versions of programs that setup must find, by name.
  add column toolchains jsonb not null default '{}',
  -- Commands that must succeed before a change counts as finished.
  add column checks jsonb not null default '[]';

-- What the last run at the environment's own branch worked by, once the repository had its say.
alter table environment add column recipe jsonb, add column recipe_at timestamptz;

-- Variables that setup left for the agent's commands.
alter table layer_stack add column variables jsonb not null default '{}';

-- A task of the kind `setup-test` only runs the setup of its environment, and is in no list.
alter table task add column kind text not null default 'work' check (kind in ('work', 'setup-test'));
