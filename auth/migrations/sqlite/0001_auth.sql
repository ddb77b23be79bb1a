-- Every table holds JSON documents, with the fields that are searched or guarded taken out into columns. A document is
-- changed by compare-and-set on its version.

CREATE TABLE users (
    id         TEXT PRIMARY KEY,
    version    INTEGER NOT NULL,
    email_key  TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    active     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    -- search: address and names, lower case, for part-of searches
    search     TEXT NOT NULL,
    document   TEXT NOT NULL
) STRICT;
CREATE INDEX users_by_creation ON users (created_at DESC, id DESC);
CREATE INDEX users_by_revocation ON users (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX users_admins ON users (id) WHERE role = 'ADMIN' AND active = 1;

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL,
    user_id      TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    ended_at     INTEGER,
    document     TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_by_use ON sessions (last_used_at);

CREATE TABLE mails (
    id           TEXT PRIMARY KEY,
    email_key    TEXT NOT NULL,
    kind         TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    token_hash   TEXT NOT NULL UNIQUE,
    used_at      INTEGER,
    -- pending: outbox entries in the document that no relay has taken yet
    pending      INTEGER NOT NULL,
    document     TEXT NOT NULL
) STRICT;
CREATE INDEX mails_by_address ON mails (email_key, requested_at);
CREATE INDEX mails_by_request ON mails (requested_at);
CREATE INDEX mails_pending ON mails (requested_at, id) WHERE pending > 0;

CREATE TABLE attempts (
    id  TEXT NOT NULL,
    key TEXT NOT NULL,
    at  INTEGER NOT NULL,
    PRIMARY KEY (key, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_time ON attempts (key, at);
CREATE INDEX attempts_by_age ON attempts (at);

CREATE TABLE signing_keys (
    generation INTEGER PRIMARY KEY,
    document   TEXT NOT NULL
) STRICT;

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
