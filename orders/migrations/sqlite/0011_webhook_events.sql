-- What payment providers told, once each by its id. The document says what of it matters here.
CREATE TABLE webhook_events (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    -- Microseconds.
    received_at INTEGER NOT NULL,
    -- When it is to be looked at; absent once it was. Microseconds.
    due_at INTEGER,
    document TEXT NOT NULL
) STRICT;

CREATE INDEX webhook_events_due ON webhook_events (due_at, received_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_events_received ON webhook_events (received_at);
