-- Statuses are the code's to check: `suppressed` came with the suppression list, and more may.
CREATE TABLE deliveries_unchecked (
    id         TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    -- When the worker has to look at it: the next attempt's time, or the end of the lease; NULL when there is nothing to do.
    due_at     INTEGER
) STRICT;

-- In the order they were recorded in, which decides between those that are due at the same time.
INSERT INTO deliveries_unchecked (id, version, document, status, created_at, due_at)
SELECT id, version, document, status, created_at, due_at FROM deliveries ORDER BY rowid;

DROP TABLE deliveries;
ALTER TABLE deliveries_unchecked RENAME TO deliveries;

CREATE INDEX deliveries_newest ON deliveries (created_at DESC, id DESC);
CREATE INDEX deliveries_newest_by_status ON deliveries (status, created_at DESC, id DESC);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

-- Addresses that are not written to any more, by their hash.
CREATE TABLE suppressions (
    address_hash TEXT NOT NULL PRIMARY KEY,
    document     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a provider told last of a delivery's message; `rank` says how far that is.
CREATE TABLE reports (
    delivery_id TEXT    NOT NULL PRIMARY KEY,
    rank        INTEGER NOT NULL,
    document    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What was used up of something that a day has only so much of.
CREATE TABLE quotas (
    key        TEXT    NOT NULL PRIMARY KEY,
    used       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX quotas_expired ON quotas (expires_at);
