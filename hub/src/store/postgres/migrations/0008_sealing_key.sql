-- Which key the sealed rows are sealed with, so that another one is noticed before it does harm.
CREATE TABLE sealing_key (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number = 1),
    key_id TEXT COLLATE "C" NOT NULL
);
