-- The whole change of the attempt in words, for its commit and its pull request; null = what was asked has to do.
alter table attempt add column change_title text, add column change_text text;
