-- What each attempt of the turn may use; what is not named has its default.
alter table turn add column limits jsonb not null default '{}';
