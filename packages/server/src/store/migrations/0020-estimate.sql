-- When the run of an attempt began, and how long its runs took together, without what it waited in between. Attempts of before have none of it.
alter table attempt add column began_at timestamptz, add column worked_ms bigint not null default 0;
create index task_of_environment on task (environment_id, created_at desc, id desc);
