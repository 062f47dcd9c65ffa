-- What is asked when a row goes that these refer to.
create index usage_of_task on usage (task_id);
create index attempt_of_patch on attempt (patch) where patch is not null;
create index attempt_after on attempt (follows) where follows is not null;
create index publication_of_attempt on publication (attempt_id);
create index layer_stack_of_task on layer_stack (task_id) where task_id is not null;

-- Usage is asked for by days.
create index usage_day on usage (at);
