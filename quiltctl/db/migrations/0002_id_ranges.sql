-- Ranges of user and group ids. One is leased when a container is made, and returned by the deletion of its row.

CREATE TABLE id_ranges (
    first_id INTEGER PRIMARY KEY CHECK (first_id > 0),
    size     INTEGER NOT NULL CHECK (size > 0 AND first_id + size <= 4294967295)
) STRICT;

-- Several containers share one only where one was made to join the user namespace of another.
CREATE TABLE id_range_uses (
    container_id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,
    first_id     INTEGER NOT NULL REFERENCES id_ranges (first_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX id_range_uses_by_range ON id_range_uses (first_id);

-- Ranges never overlap, so the last one that begins before the end of the new one tells.
CREATE TRIGGER id_ranges_are_apart BEFORE INSERT ON id_ranges
WHEN (SELECT first_id + size FROM id_ranges WHERE first_id < NEW.first_id + NEW.size ORDER BY first_id DESC LIMIT 1)
     > NEW.first_id
BEGIN
    SELECT RAISE (ABORT, 'id ranges overlap');
END;

CREATE TRIGGER id_ranges_are_final BEFORE UPDATE ON id_ranges
BEGIN
    SELECT RAISE (ABORT, 'id ranges do not change');
END;

CREATE TRIGGER id_range_returned AFTER DELETE ON id_range_uses
WHEN NOT EXISTS (SELECT 1 FROM id_range_uses WHERE first_id = OLD.first_id)
BEGIN
    DELETE FROM id_ranges WHERE first_id = OLD.first_id;
END;
