-- In which part of the list a task stands while it is not archived: taskView of the protocol in SQL. Triggers keep it, so that nobody who changes the
-- state of an attempt or a publication can forget it. When taskView changes, a migration makes the function anew and sets the column by it; a test holds
-- both against each other.
create function part_of_task(of_task text) returns text language sql stable as $$
  select case
    when exists (select from attempt a where a.task_id = t.id and a.turn = n.number and a.state in ('queued', 'running')) then 'active'
    when exists (select from attempt a where a.task_id = t.id and a.turn = n.number and a.state = 'awaiting-input') then 'review'
    when p.state = 'failed' then 'review'
    when p.state = 'published' then 'done'
    when exists (select from attempt a where a.task_id = t.id and a.turn = n.number and a.state = 'succeeded' and (a.stats ->> 'files')::int > 0) then 'review'
    else 'done'
  end
  from task t
    cross join lateral (select max(number) as number, coalesce(max(number) filter (where coalesce(mode, t.mode) = 'code'), 1) as changed from turn where task_id = t.id) n
    -- the publication of an earlier change says nothing about the one that the task stands at
    left join lateral (select p.state from publication p join attempt a on a.id = p.attempt_id where p.task_id = t.id and a.turn >= n.changed) p on true
  where t.id = of_task
$$;

alter table task add column part text not null default 'active' check (part in ('active', 'review', 'done'));
update task set part = part_of_task(id);

create function keep_part_of_task() returns trigger language plpgsql as $$
begin
  perform from task where id = new.task_id for no key update; -- of two attempts that end at once, the later one then sees both ends
  update task set part = part_of_task(id) where id = new.task_id and part <> part_of_task(id);
  return null;
end $$;
create trigger part_by_attempt after insert or update of state, stats on attempt for each row execute function keep_part_of_task();
create trigger part_by_publication after insert or update of state, attempt_id on publication for each row execute function keep_part_of_task();

create index task_open on task (created_at desc, id desc) where archived_at is null and part <> 'done';
create index task_archived on task (created_at desc, id desc) where archived_at is not null;
