-- As for disks without heads: else the pages of a long event log are sorted anew each time, for fear of the index. Holds for connections made from now on.
do $$ begin execute format('alter database %I set random_page_cost = 1.1', current_database()); end $$;
