-- What the agent's sandboxes may reach. Versions of before had none.
alter table environment_version add column network jsonb not null default '{"kind": "none"}';
