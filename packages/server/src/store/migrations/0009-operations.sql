-- Which form an event's body has (store/event-versions.ts). Rows of before, and of a process of before that still runs, have the first.
alter table event add column version int not null default 1;

-- Its bytes were removed, as old ones are; the row stays, so that it can be said.
alter table blob add column removed_at timestamptz;

-- When the commands and outputs of an archived task were removed.
alter table task add column trimmed_at timestamptz;

alter table worker
  -- What takes the worker's disk, and how much is free; null = not measured yet.
  add column disk jsonb,
  -- What it has counted since its start, for GET /metrics.
  add column metrics jsonb;

-- One row for each job that is done once a night, by whichever worker takes it first.
create table nightly (
  job text primary key,
  night date not null,
  worker text not null,
  started_at timestamptz not null default now(),
  -- null: its worker is at it, or has died.
  finished_at timestamptz,
  detail text
);
