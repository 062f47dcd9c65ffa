-- Whether the message of a commit names the address of its task.
alter table environment_version add column transcript text not null default 'none' check (transcript in ('none', 'link'));
