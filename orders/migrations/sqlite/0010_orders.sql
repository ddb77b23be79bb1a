-- An order is a JSON document; the other columns are read out of it to be searched by.
CREATE TABLE orders (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    number TEXT UNIQUE,
    customer_id TEXT,
    payment_status INTEGER NOT NULL,
    fulfillment_status INTEGER NOT NULL,
    -- By what it is listed: when it was placed, or made where it never was. Microseconds.
    sort_at INTEGER NOT NULL,
    placed_at INTEGER,
    -- When the sweeper has to look at it. Microseconds.
    due_at INTEGER,
    -- Whom its hold counts for while a bank's action is awaited.
    awaiting_address TEXT,
    -- Captured less refunded, in minor units.
    revenue INTEGER NOT NULL,
    search TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_awaiting ON orders (awaiting_address) WHERE awaiting_address IS NOT NULL;
CREATE INDEX orders_placed ON orders (sort_at, id) WHERE placed_at IS NOT NULL;
CREATE INDEX orders_state ON orders (state, sort_at, id);
CREATE INDEX orders_customer ON orders (customer_id, sort_at, id) WHERE customer_id IS NOT NULL;

-- Events that wait to be published, written in the transaction of the change they announce.
CREATE TABLE order_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (order_id, sequence)
) STRICT;

CREATE TABLE order_numbers (
    next INTEGER NOT NULL
) STRICT;
INSERT INTO order_numbers (next) VALUES (1001);

CREATE TABLE order_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
