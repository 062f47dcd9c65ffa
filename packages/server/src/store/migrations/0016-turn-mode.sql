-- Null = as the task began.
alter table turn add column mode text;
