-- What a token may do: only look, also give and control tasks, or all that its user may.
alter table api_token add column scope text not null default 'all' check (scope in ('read', 'tasks', 'all'));

-- Streams that a token or session opened end with it, whichever process holds them and whoever ended it.
create function tell_access_ended() returns trigger language plpgsql as $$
begin
  perform pg_notify('farhand_access', old.id);
  return null;
end $$;
create trigger token_ended after delete on api_token for each row execute function tell_access_ended();
create trigger session_ended after delete on session for each row execute function tell_access_ended();

alter table invitation add column created_at timestamptz not null default now();
