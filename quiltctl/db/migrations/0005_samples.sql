-- What containers used, recorded by `gc`, so that the past can be looked at.
-- NULL is what nobody knew: the container's cgroup lacks the controller that counts it.

CREATE TABLE samples (
    container_id       TEXT    NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    at                 INTEGER NOT NULL CHECK (at > 0),
    generation         INTEGER NOT NULL CHECK (generation > 0),  -- what is counted begins anew with each start
    cpu_ns             INTEGER CHECK (cpu_ns >= 0),
    memory_bytes       INTEGER CHECK (memory_bytes >= 0),
    memory_limit_bytes INTEGER CHECK (memory_limit_bytes >= 0),
    pids               INTEGER CHECK (pids >= 0),
    received_bytes     INTEGER CHECK (received_bytes >= 0),
    sent_bytes         INTEGER CHECK (sent_bytes >= 0),
    read_bytes         INTEGER CHECK (read_bytes >= 0),
    written_bytes      INTEGER CHECK (written_bytes >= 0),
    PRIMARY KEY (container_id, at)                               -- also the index by which the old ones are found
) STRICT, WITHOUT ROWID;
