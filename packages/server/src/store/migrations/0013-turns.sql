-- What a turn has of its own; null = as the task began with. `chosen`: the attempt that somebody picked.
alter table turn add column model text;
alter table turn add column chosen int;

-- Ended by somebody before the agent was done; what it had done is kept.
alter table attempt add column stop_requested boolean not null default false;
alter table attempt add column stopped boolean not null default false;

-- What somebody says while the agent works. It has been given to an attempt once it stands in that attempt's conversation.
create table reply (
  id text primary key,
  task_id text not null,
  turn int not null,
  -- null = to all attempts of the turn
  attempt int,
  text text not null,
  created_by text not null references users,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (task_id, turn) references turn on delete cascade
);
create index reply_of_turn on reply (task_id, turn);
