-- What execution says about an order's further attempts and its place beside others, and the engine that played a
-- session; null for sessions of engine version 1.

alter table order_events
    add column retrying boolean,  -- a further order for the same intent follows
    add column parent text;       -- the entry order that a stop or target protects

alter table sessions add column engine integer;
