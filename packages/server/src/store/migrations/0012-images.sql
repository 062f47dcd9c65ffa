-- Pictures that came with the prompt of a turn.
create table turn_image (
  task_id text not null,
  turn int not null,
  number int not null,
  media_type text not null check (media_type in ('image/png', 'image/jpeg', 'image/gif', 'image/webp')),
  bytes bytea not null check (octet_length(bytes) between 1 and 3145728),
  primary key (task_id, turn, number),
  foreign key (task_id, turn) references turn on delete cascade
);
-- They are compressed already.
alter table turn_image alter column bytes set storage external;
