-- Networks in use: what each is asked to be, who is in it, who has which address, and who has which port of the host.

ALTER TABLE networks ADD COLUMN ip_range TEXT;              -- the addresses that are leased, FIRST-LAST; NULL is all of the subnet
ALTER TABLE networks ADD COLUMN nat INTEGER NOT NULL DEFAULT 1 CHECK (nat IN (0, 1));      -- behind the host's address on the way out
ALTER TABLE networks ADD COLUMN names INTEGER NOT NULL DEFAULT 1 CHECK (names IN (0, 1));  -- its containers find each other by name
ALTER TABLE networks ADD COLUMN mtu INTEGER NOT NULL DEFAULT 0 CHECK (mtu >= 0);           -- 0 is that of the way out
ALTER TABLE networks ADD COLUMN last_leased TEXT;           -- the next lease is the next free address after it: freed ones come last
-- config holds labels, options, dns and egress.

-- Made anew for the sake of AUTOINCREMENT: an interface is named after the lease, and a dying one keeps its name for a while.
CREATE TABLE leases (
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
INSERT INTO leases (id, network_id, container_id, ip, ip6, mac, host_interface, interface, ports, state, allocated_at, released_at)
SELECT id, network_id, container_id, ip, ip6, mac, host_interface, interface, ports, state, allocated_at, released_at
FROM network_allocations;
DROP TABLE network_allocations;
ALTER TABLE leases RENAME TO network_allocations;
CREATE UNIQUE INDEX network_allocations_leased ON network_allocations (network_id, ip) WHERE state <> 'cleaned';
CREATE UNIQUE INDEX network_allocations_leased6 ON network_allocations (network_id, ip6) WHERE state <> 'cleaned' AND ip6 IS NOT NULL;
CREATE INDEX network_allocations_by_container ON network_allocations (container_id);
CREATE INDEX network_allocations_by_interface ON network_allocations (host_interface);

CREATE TRIGGER allocation_moves_legally BEFORE UPDATE OF state ON network_allocations
WHEN NOT EXISTS (SELECT 1 FROM allocation_moves WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE (ABORT, 'illegal move of a network allocation');
END;

-- What a container was removed with is history of nobody's.
CREATE TRIGGER allocations_go_with_container AFTER DELETE ON containers
BEGIN
    DELETE FROM network_allocations WHERE container_id = OLD.id AND state = 'cleaned';
END;

-- A port of the host is one lease's, from the transaction that takes it to the one that knows its element removed.
CREATE TABLE published_ports (
    protocol      TEXT    NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    host_ip       TEXT    NOT NULL,                         -- empty: every address of the host
    host_port     INTEGER NOT NULL CHECK (host_port BETWEEN 1 AND 65535),
    allocation_id INTEGER NOT NULL REFERENCES network_allocations (id) ON DELETE CASCADE,
    PRIMARY KEY (protocol, host_ip, host_port)
) STRICT, WITHOUT ROWID;
CREATE INDEX published_ports_by_allocation ON published_ports (allocation_id);

CREATE TRIGGER ports_are_taken AFTER INSERT ON network_allocations
WHEN NEW.ports <> '[]' AND NEW.state <> 'cleaned'
BEGIN
    INSERT INTO published_ports (protocol, host_ip, host_port, allocation_id)
    SELECT value ->> '$.protocol', value ->> '$.host_ip', value ->> '$.host_port', NEW.id FROM json_each(NEW.ports);
END;

CREATE TRIGGER ports_are_returned AFTER UPDATE OF state ON network_allocations
WHEN NEW.state = 'cleaned'
BEGIN
    DELETE FROM published_ports WHERE allocation_id = NEW.id;
END;

-- Who is in which network, whether it runs or not, and what it asks for there.
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

-- Who shares the network namespace of whom. The owner may be gone, and its namespace still there.
CREATE TABLE network_joins (
    container_id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,
    owner_id     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX network_joins_by_owner ON network_joins (owner_id);

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

-- Those that a container is made with are told by its own event; these are the later ones.
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
