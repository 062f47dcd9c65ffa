-- Those that the nightly job looks for, the oldest first.
create index blob_output_age on blob (created_at) where kind = 'output' and removed_at is null;
