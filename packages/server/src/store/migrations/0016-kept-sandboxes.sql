-- The worker that keeps the sandbox of an attempt that rests or has ended, for what follows on it, and how long.
alter table attempt add column kept_by text, add column kept_until timestamptz;
