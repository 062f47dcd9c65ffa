-- Which turn an attempt's event belongs to: attempts are numbered from 1 within each turn.
alter table event add column turn int;
update event set turn = 1 where attempt is not null;

-- The attempt of an earlier turn on whose result this one stands; null = it begins at the task's base commit.
alter table attempt add column follows text references attempt;

-- What the model of an attempt was told and said, in order, without the prompt that began it. Stored with the events that tell of it.
create table conversation (
  attempt_id text not null references attempt on delete cascade,
  number int not null,
  message jsonb not null,
  primary key (attempt_id, number)
);

-- What a request used is stored as soon as the model has replied, before the calls that it asked for.
update event set body = jsonb_set(body, '{type}', '"step.answered"') where body->>'type' = 'step.finished';
