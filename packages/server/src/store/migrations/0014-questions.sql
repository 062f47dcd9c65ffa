-- What the agent of an attempt asks its user; while it waits for the answer, no worker holds it.
alter table attempt add column question jsonb;
alter table attempt drop constraint attempt_state_check;
alter table attempt add constraint attempt_state_check
  check (state in ('queued', 'running', 'awaiting-input', 'succeeded', 'failed', 'cancelled'));
