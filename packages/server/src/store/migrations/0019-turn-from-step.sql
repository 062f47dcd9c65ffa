-- The number of the last event of the attempt that is followed which still counts for this one; null = all of it.
alter table attempt add column follows_until int;
