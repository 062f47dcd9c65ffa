alter table blob drop constraint blob_kind_check;
alter table blob add constraint blob_kind_check check (kind in ('patch', 'output', 'checkpoint'));

-- The commit that an attempt's changes are relative to, the same for all its runs and all attempts that follow it.
alter table attempt add column base_commit text;
update attempt set base_commit = t.base_commit from task t where t.id = attempt.task_id and attempt.run > 0;

-- How many runs have begun since the last call of a tool that finished: an attempt that only loses its workers must end.
alter table attempt add column runs_in_vain int not null default 0;

-- The number of the event that a message was stored with, so that a resume can tell what came after a checkpoint.
alter table conversation add column seq int not null default 0;

-- The working tree after a tool that may have changed it, and at an attempt's end.
create table checkpoint (
  attempt_id text not null references attempt on delete cascade,
  number int not null,
  -- The number of the event that it was stored with.
  seq int not null,
  -- The git tree; null = it could not be saved.
  tree text,
  -- The blobs, of kind checkpoint, that hold all that the tree has and the base has not; the oldest first.
  packs text[] not null default '{}',
  created_at timestamptz not null default now(),
  primary key (attempt_id, number)
);
