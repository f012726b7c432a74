PRAGMA user_version = 5;

CREATE TABLE allocation_moves (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;

CREATE TABLE cleanup_moves (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;

CREATE TABLE cleanup_tasks (
    id           INTEGER PRIMARY KEY,
    container_id TEXT NOT NULL,                             -- outlives the container's row
    type         TEXT NOT NULL CHECK (type IN ('rootfs', 'cgroup', 'network', 'mounts', 'volume', 'layer')),
    resource     TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'in_progress', 'completed', 'failed')),
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    UNIQUE (container_id, type, resource)
) STRICT;

CREATE INDEX cleanup_tasks_by_state ON cleanup_tasks (state);

CREATE TRIGGER cleanup_moves_legally BEFORE UPDATE OF state ON cleanup_tasks
WHEN NOT EXISTS (SELECT 1 FROM cleanup_moves WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE (ABORT, 'illegal move of a cleanup task');
END;

CREATE TABLE container_labels (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    key          TEXT NOT NULL,
    value        TEXT NOT NULL,
    PRIMARY KEY (container_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX container_labels_by_key ON container_labels (key, value);

CREATE TABLE container_moves (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    action     TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;

CREATE VIEW container_overview AS
SELECT substr(c.id, 1, 12) AS short_id, c.id, c.name, c.state, c.exit_code, c.exit_reason, c.oom_killed, c.image_name AS image,
       c.command, c.pid, c.generation AS starts,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at / 1000000000, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.started_at / 1000000000, 'unixepoch') AS started,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.finished_at / 1000000000, 'unixepoch') AS finished
FROM containers AS c;

CREATE TABLE containers (
    id           TEXT PRIMARY KEY CHECK (length(id) = 64 AND id NOT GLOB '*[^0-9a-f]*'),
    name         TEXT NOT NULL UNIQUE CHECK (name GLOB '[a-zA-Z0-9]*' AND name NOT GLOB '*[^a-zA-Z0-9_.-]*' AND length(name) <= 255),
    generation   INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0),  -- counts starts; a record of an older one changes nothing
    state        TEXT NOT NULL DEFAULT 'created'
                 CHECK (state IN ('created', 'starting', 'running', 'paused', 'exited', 'error')),
    image_id     TEXT REFERENCES images (id),
    image_name   TEXT NOT NULL,                             -- as the user spelt it
    command      TEXT NOT NULL CHECK (json_valid(command) AND json_type(command) = 'array'),
    pid          INTEGER CHECK (pid > 0),
    pid_started  INTEGER,
    shim_pid     INTEGER CHECK (shim_pid > 0),
    shim_started INTEGER,
    boot_id      TEXT,
    exit_code    INTEGER CHECK (exit_code BETWEEN 0 AND 255),         -- NULL while unknown: unknown is not 0
    exit_reason  TEXT,
    oom_killed   INTEGER NOT NULL DEFAULT 0 CHECK (oom_killed IN (0, 1)),
    error        TEXT,
    auto_remove  INTEGER NOT NULL DEFAULT 0 CHECK (auto_remove IN (0, 1)),
    config       TEXT NOT NULL CHECK (json_valid(config)),  -- every option of run and create, resolved
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    changed_at   INTEGER NOT NULL, oom_kills INTEGER NOT NULL DEFAULT 0 CHECK (oom_kills >= 0),                          -- when the last transition happened
    CHECK (state NOT IN ('starting', 'running', 'paused')
           OR (shim_pid IS NOT NULL AND shim_started IS NOT NULL AND boot_id IS NOT NULL)),
    CHECK (state NOT IN ('running', 'paused') OR (pid IS NOT NULL AND pid_started IS NOT NULL AND started_at IS NOT NULL)),
    CHECK (state <> 'exited' OR (finished_at IS NOT NULL AND exit_reason IS NOT NULL))
) STRICT;

CREATE INDEX containers_by_image ON containers (image_id);

CREATE INDEX containers_by_state ON containers (state, created_at);

CREATE INDEX containers_listed ON containers (
    created_at, id, name, generation, state, image_id, image_name, command, pid, pid_started, shim_pid, shim_started, boot_id,
    exit_code, exit_reason, oom_killed, error, auto_remove, started_at, finished_at
);

CREATE TRIGGER allocations_go_with_container AFTER DELETE ON containers
BEGIN
    DELETE FROM network_allocations WHERE container_id = OLD.id AND state = 'cleaned';
END;

CREATE TRIGGER container_begins BEFORE INSERT ON containers
WHEN NEW.state <> 'created'
BEGIN
    SELECT RAISE (ABORT, 'illegal move: a container begins as created');
END;

CREATE TRIGGER container_created AFTER INSERT ON containers
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.changed_at, 'container', 'create', NEW.id, NEW.name, json_object('image', NEW.image_name));
END;

CREATE TRIGGER container_leaves_when_ended BEFORE DELETE ON containers
WHEN OLD.state IN ('starting', 'running', 'paused')
BEGIN
    SELECT RAISE (ABORT, 'illegal move: a live container cannot be removed');
END;

CREATE TRIGGER container_moved AFTER UPDATE OF state ON containers
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    SELECT NEW.changed_at, 'container', action, NEW.id, NEW.name,
           CASE WHEN NEW.state IN ('exited', 'error')
                THEN json_object('image', NEW.image_name, 'generation', NEW.generation, 'exitCode', NEW.exit_code,
                                 'reason', NEW.exit_reason, 'oomKilled', json(iif(NEW.oom_killed, 'true', 'false')))
                ELSE json_object('image', NEW.image_name, 'generation', NEW.generation) END
    FROM container_moves WHERE from_state = OLD.state AND to_state = NEW.state;
END;

CREATE TRIGGER container_moves_legally BEFORE UPDATE OF state ON containers
WHEN NOT EXISTS (SELECT 1 FROM container_moves WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE (ABORT, 'illegal move of a container');
END;

CREATE TRIGGER container_out_of_memory AFTER UPDATE OF oom_kills ON containers
WHEN NEW.oom_kills > OLD.oom_kills
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.changed_at, 'container', 'oom', NEW.id, NEW.name,
            json_object('image', NEW.image_name, 'generation', NEW.generation,
                        'kills', NEW.oom_kills - OLD.oom_kills, 'total', NEW.oom_kills));
END;

CREATE TRIGGER container_removed AFTER DELETE ON containers
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000,
            'container', 'remove', OLD.id, OLD.name, json_object('image', OLD.image_name));
END;

CREATE TRIGGER container_renamed AFTER UPDATE OF name ON containers
WHEN NEW.name <> OLD.name
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.changed_at, 'container', 'rename', NEW.id, NEW.name, json_object('image', NEW.image_name, 'oldName', OLD.name));
END;

CREATE TRIGGER container_updated AFTER UPDATE OF config ON containers
WHEN (OLD.config -> '$.limits') IS NOT (NEW.config -> '$.limits')
  OR (OLD.config -> '$.egress') IS NOT (NEW.config -> '$.egress')
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.changed_at, 'container', 'update', NEW.id, NEW.name, json_object('image', NEW.image_name));
END;

CREATE VIEW event_log AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%S', at / 1000000000, 'unixepoch') || printf('.%03dZ', at / 1000000 % 1000) AS time,
       kind, action, substr(object_id, 1, 12) AS short_id, name, attributes
FROM events;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('container', 'image', 'network', 'volume', 'system')),
    action     TEXT NOT NULL,
    object_id  TEXT NOT NULL,
    name       TEXT NOT NULL DEFAULT '',
    attributes TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(attributes))
) STRICT;

CREATE INDEX events_by_name ON events (name, seq) WHERE action = 'died';

CREATE INDEX events_by_object ON events (object_id, seq);

CREATE INDEX events_by_time ON events (at);

CREATE TRIGGER events_are_final BEFORE UPDATE ON events
BEGIN
    SELECT RAISE (ABORT, 'events are append-only');
END;

CREATE TABLE id_range_uses (
    container_id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,
    first_id     INTEGER NOT NULL REFERENCES id_ranges (first_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX id_range_uses_by_range ON id_range_uses (first_id);

CREATE TRIGGER id_range_returned AFTER DELETE ON id_range_uses
WHEN NOT EXISTS (SELECT 1 FROM id_range_uses WHERE first_id = OLD.first_id)
BEGIN
    DELETE FROM id_ranges WHERE first_id = OLD.first_id;
END;

CREATE TABLE id_ranges (
    first_id INTEGER PRIMARY KEY CHECK (first_id > 0),
    size     INTEGER NOT NULL CHECK (size > 0 AND first_id + size <= 4294967295)
) STRICT;

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

CREATE TABLE image_layers (
    image_id TEXT    NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),        -- 0 is the lowest
    digest   TEXT    NOT NULL REFERENCES layers (digest),
    PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_layers_by_digest ON image_layers (digest);

CREATE TABLE image_names (
    name       TEXT PRIMARY KEY,                            -- complete: localhost/debian:latest
    image_id   TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX image_names_by_image ON image_names (image_id);

CREATE VIEW image_overview AS
SELECT substr(i.id, 1, 12) AS short_id, i.id, n.name, i.architecture, i.size_bytes, i.source,
       (SELECT count(*) FROM containers AS c WHERE c.image_id = i.id) AS containers,
       strftime('%Y-%m-%dT%H:%M:%SZ', i.created_at / 1000000000, 'unixepoch') AS created
FROM images AS i LEFT JOIN image_names AS n ON n.image_id = i.id;

CREATE TABLE image_sources (
    path       TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    device     INTEGER NOT NULL,
    image_id   TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX image_sources_by_image ON image_sources (image_id);

CREATE TABLE images (
    id           TEXT PRIMARY KEY CHECK (length(id) = 64 AND id NOT GLOB '*[^0-9a-f]*'),
    config       TEXT NOT NULL CHECK (json_valid(config)),  -- Env, Entrypoint, Cmd, User, WorkingDir, Labels, StopSignal
    architecture TEXT NOT NULL,
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    source       TEXT NOT NULL DEFAULT '',                  -- what it was imported from, for people
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE layers (
    digest     TEXT PRIMARY KEY CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),  -- sha256 of the unpacked archive's bytes
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    files      INTEGER NOT NULL CHECK (files >= 0),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE "network_allocations" (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    network_id     TEXT NOT NULL REFERENCES networks (id),
    container_id   TEXT NOT NULL,                           -- outlives the container's row until it is cleaned
    ip             TEXT NOT NULL,
    ip6            TEXT,
    mac            TEXT NOT NULL,
    host_interface TEXT NOT NULL CHECK (length(host_interface) <= 15),
    interface      TEXT NOT NULL CHECK (length(interface) <= 15),
    ports          TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(ports)),   -- [{host_ip, host_port, container_port, protocol}]
    state          TEXT NOT NULL DEFAULT 'allocated' CHECK (state IN ('allocated', 'active', 'cleanup_pending', 'cleaned')),
    allocated_at   INTEGER NOT NULL,
    released_at    INTEGER,
    egress         TEXT CHECK (egress IS NULL OR json_valid(egress))       -- the destinations allowed; NULL is all
) STRICT;

CREATE INDEX network_allocations_by_container ON network_allocations (container_id);

CREATE INDEX network_allocations_by_interface ON network_allocations (host_interface);

CREATE UNIQUE INDEX network_allocations_leased ON network_allocations (network_id, ip) WHERE state <> 'cleaned';

CREATE UNIQUE INDEX network_allocations_leased6 ON network_allocations (network_id, ip6) WHERE state <> 'cleaned' AND ip6 IS NOT NULL;

CREATE TRIGGER allocation_moves_legally BEFORE UPDATE OF state ON network_allocations
WHEN NOT EXISTS (SELECT 1 FROM allocation_moves WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE (ABORT, 'illegal move of a network allocation');
END;

CREATE TRIGGER ports_are_returned AFTER UPDATE OF state ON network_allocations
WHEN NEW.state = 'cleaned'
BEGIN
    DELETE FROM published_ports WHERE allocation_id = NEW.id;
END;

CREATE TRIGGER ports_are_taken AFTER INSERT ON network_allocations
WHEN NEW.ports <> '[]' AND NEW.state <> 'cleaned'
BEGIN
    INSERT INTO published_ports (protocol, host_ip, host_port, allocation_id)
    SELECT value ->> '$.protocol', value ->> '$.host_ip', value ->> '$.host_port', NEW.id FROM json_each(NEW.ports);
END;

CREATE TABLE network_joins (
    container_id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,
    owner_id     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX network_joins_by_owner ON network_joins (owner_id);

CREATE TABLE network_memberships (
    container_id TEXT    NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    network_id   TEXT    NOT NULL REFERENCES networks (id),
    position     INTEGER NOT NULL CHECK (position >= 0),    -- the first is asked for the way out
    interface    TEXT    NOT NULL CHECK (length(interface) <= 15),
    ip           TEXT,
    ip6          TEXT,
    mac          TEXT,
    aliases      TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(aliases)),
    PRIMARY KEY (container_id, network_id),
    UNIQUE (container_id, interface)
) STRICT, WITHOUT ROWID;

CREATE INDEX network_memberships_by_network ON network_memberships (network_id);

CREATE TRIGGER network_connected AFTER INSERT ON network_memberships
WHEN EXISTS (SELECT 1 FROM containers WHERE id = NEW.container_id AND (generation > 0 OR created_at < changed_at))
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000,
           'network', 'connect', n.id, n.name, json_object('container', NEW.container_id)
    FROM networks AS n WHERE n.id = NEW.network_id;
END;

CREATE TRIGGER network_disconnected AFTER DELETE ON network_memberships
WHEN EXISTS (SELECT 1 FROM containers WHERE id = OLD.container_id)
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000,
           'network', 'disconnect', n.id, n.name, json_object('container', OLD.container_id)
    FROM networks AS n WHERE n.id = OLD.network_id;
END;

CREATE VIEW network_overview AS
SELECT substr(n.id, 1, 12) AS short_id, n.id, n.name, n.bridge, n.subnet, n.gateway, n.subnet6, n.internal,
       (SELECT count(*) FROM network_allocations AS a WHERE a.network_id = n.id AND a.state <> 'cleaned') AS leased,
       strftime('%Y-%m-%dT%H:%M:%SZ', n.created_at / 1000000000, 'unixepoch') AS created
FROM networks AS n;

CREATE TABLE networks (
    id          TEXT PRIMARY KEY CHECK (length(id) = 64 AND id NOT GLOB '*[^0-9a-f]*'),
    name        TEXT NOT NULL UNIQUE,
    bridge      TEXT NOT NULL UNIQUE CHECK (length(bridge) <= 15),
    subnet      TEXT NOT NULL UNIQUE,
    gateway     TEXT NOT NULL,
    subnet6     TEXT,
    gateway6    TEXT,
    internal    INTEGER NOT NULL DEFAULT 0 CHECK (internal IN (0, 1)),
    config      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(config)),
    created_at  INTEGER NOT NULL
, ip_range TEXT, nat INTEGER NOT NULL DEFAULT 1 CHECK (nat IN (0, 1)), names INTEGER NOT NULL DEFAULT 1 CHECK (names IN (0, 1)), mtu INTEGER NOT NULL DEFAULT 0 CHECK (mtu >= 0), last_leased TEXT) STRICT, WITHOUT ROWID;

CREATE TRIGGER network_created AFTER INSERT ON networks
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.created_at, 'network', 'create', NEW.id, NEW.name, json_object('driver', 'bridge', 'subnet', NEW.subnet));
END;

CREATE TRIGGER network_removed AFTER DELETE ON networks
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000,
            'network', 'remove', OLD.id, OLD.name, json_object('driver', 'bridge', 'subnet', OLD.subnet));
END;

CREATE VIEW open_cleanup AS
SELECT t.id, t.container_id, t.type, t.resource, t.state, t.attempts, t.last_error, t.created_at, t.changed_at
FROM cleanup_tasks AS t LEFT JOIN containers AS c ON c.id = t.container_id
WHERE t.state <> 'completed'
  AND (c.id IS NULL OR (c.state IN ('exited', 'error') AND t.type <> 'rootfs'));

CREATE TABLE process_monitors (
    container_id TEXT    NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    generation   INTEGER NOT NULL,
    pid          INTEGER NOT NULL CHECK (pid > 0),
    pid_started  INTEGER NOT NULL,
    boot_id      TEXT    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'monitoring' CHECK (state IN ('monitoring', 'completed', 'failed', 'aborted')),
    started_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    ended_by     TEXT,
    PRIMARY KEY (container_id, generation),
    CHECK (state = 'monitoring' OR ended_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX process_monitors_by_state ON process_monitors (state);

CREATE TRIGGER monitor_ends_once BEFORE UPDATE OF state ON process_monitors
WHEN OLD.state <> 'monitoring' OR NEW.state = 'monitoring'
BEGIN
    SELECT RAISE (ABORT, 'illegal move of a process monitor');
END;

CREATE TABLE published_ports (
    protocol      TEXT    NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    host_ip       TEXT    NOT NULL,                         -- empty: every address of the host
    host_port     INTEGER NOT NULL CHECK (host_port BETWEEN 1 AND 65535),
    allocation_id INTEGER NOT NULL REFERENCES network_allocations (id) ON DELETE CASCADE,
    PRIMARY KEY (protocol, host_ip, host_port)
) STRICT, WITHOUT ROWID;

CREATE INDEX published_ports_by_allocation ON published_ports (allocation_id);

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

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE volume_uses (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    destination  TEXT NOT NULL,
    volume       TEXT NOT NULL REFERENCES volumes (name),
    PRIMARY KEY (container_id, destination)
) STRICT, WITHOUT ROWID;

CREATE INDEX volume_uses_by_volume ON volume_uses (volume);

CREATE TABLE volumes (
    name       TEXT PRIMARY KEY,
    driver     TEXT NOT NULL DEFAULT 'local',
    anonymous  INTEGER NOT NULL DEFAULT 0 CHECK (anonymous IN (0, 1)),
    options    TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(options)),
    labels     TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(labels)),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO allocation_moves VALUES ('active', 'cleaned');

INSERT INTO allocation_moves VALUES ('active', 'cleanup_pending');

INSERT INTO allocation_moves VALUES ('allocated', 'active');

INSERT INTO allocation_moves VALUES ('allocated', 'cleaned');

INSERT INTO allocation_moves VALUES ('allocated', 'cleanup_pending');

INSERT INTO allocation_moves VALUES ('cleanup_pending', 'cleaned');

INSERT INTO cleanup_moves VALUES ('completed', 'pending');

INSERT INTO cleanup_moves VALUES ('failed', 'completed');

INSERT INTO cleanup_moves VALUES ('failed', 'failed');

INSERT INTO cleanup_moves VALUES ('failed', 'in_progress');

INSERT INTO cleanup_moves VALUES ('failed', 'pending');

INSERT INTO cleanup_moves VALUES ('in_progress', 'completed');

INSERT INTO cleanup_moves VALUES ('in_progress', 'failed');

INSERT INTO cleanup_moves VALUES ('in_progress', 'pending');

INSERT INTO cleanup_moves VALUES ('pending', 'completed');

INSERT INTO cleanup_moves VALUES ('pending', 'failed');

INSERT INTO cleanup_moves VALUES ('pending', 'in_progress');

INSERT INTO container_moves VALUES ('created', 'starting', 'init');

INSERT INTO container_moves VALUES ('error', 'starting', 'init');

INSERT INTO container_moves VALUES ('exited', 'starting', 'init');

INSERT INTO container_moves VALUES ('paused', 'exited', 'died');

INSERT INTO container_moves VALUES ('paused', 'running', 'unpause');

INSERT INTO container_moves VALUES ('running', 'exited', 'died');

INSERT INTO container_moves VALUES ('running', 'paused', 'pause');

INSERT INTO container_moves VALUES ('starting', 'error', 'failed');

INSERT INTO container_moves VALUES ('starting', 'exited', 'died');

INSERT INTO container_moves VALUES ('starting', 'running', 'start');
