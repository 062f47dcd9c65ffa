-- How much the model of a turn is to think; null = as its provider sees fit.
alter table turn add column effort text;
update turn set effort = task.effort from task where task.id = turn.task_id and task.effort is not null;
alter table task drop column effort;
