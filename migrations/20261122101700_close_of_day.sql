-- migrate:up
-- clearing: who asked for the close of a day, and how long the open one has lasted.

-- Staff want a day closed before the calendar says so: once a day, by whoever asked first.
-- Retention: as long as the books.
CREATE TABLE clearing.close_order (
    day date PRIMARY KEY,
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL
);
CREATE VIEW clearing.close_order_view AS SELECT day, asked_by, asked_at FROM clearing.close_order;

-- The open day and since when it is timed, where days end after so many seconds (demos and tests); else it stays empty.
CREATE TABLE clearing.timed_day (
    singleton boolean PRIMARY KEY CONSTRAINT timed_day_is_one CHECK (singleton),
    day date NOT NULL,
    began_at timestamptz NOT NULL
);

-- migrate:down
