-- Documents as JSON with the columns that are looked up beside them; `version` is what a change is compared with.

-- Which events were taken in, and the digest of what they said.
CREATE TABLE inbox (
    event_id    TEXT    NOT NULL PRIMARY KEY,
    topic       TEXT    NOT NULL,
    body_sha256 BLOB    NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    id         TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'dead')),
    created_at INTEGER NOT NULL,
    -- When the worker has to look at it: the next attempt's time, or the end of the lease; NULL when there is nothing to do.
    due_at     INTEGER
) STRICT;

CREATE INDEX deliveries_newest ON deliveries (created_at DESC, id DESC);
CREATE INDEX deliveries_newest_by_status ON deliveries (status, created_at DESC, id DESC);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

-- Records that could not be taken in, each once.
CREATE TABLE dead_letters (
    id          TEXT    NOT NULL PRIMARY KEY,
    topic       TEXT    NOT NULL,
    record_key  TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

CREATE INDEX dead_letters_newest ON dead_letters (received_at DESC, id DESC);

-- The development mailbox: messages as their recipients would have them.
CREATE TABLE mailbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    document   TEXT    NOT NULL,
    -- The recipient as it is looked up: an address in lower case, a number's digits.
    recipient  TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX mailbox_newest ON mailbox (created_at DESC, id DESC);
CREATE INDEX mailbox_newest_by_recipient ON mailbox (recipient, created_at DESC, id DESC);
