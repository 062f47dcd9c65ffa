-- Whether somebody gave the task its title; one that was made from the prompt gives way to one that tells of the change. Of older tasks this is not known.
alter table task add column title_given boolean not null default true;
