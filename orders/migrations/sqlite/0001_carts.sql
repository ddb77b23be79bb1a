-- A cart is a document; the columns beside it are what it is found by.
CREATE TABLE carts (
    id          TEXT    NOT NULL PRIMARY KEY,
    version     INTEGER NOT NULL,
    customer_id TEXT,
    -- 0 open, 1 claimed, 2 ordered, 3 merged into another.
    state       INTEGER NOT NULL,
    claimed_at  INTEGER,
    created_at  INTEGER NOT NULL,
    document    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX carts_active ON carts (customer_id, created_at DESC) WHERE customer_id IS NOT NULL AND state = 0;
CREATE INDEX carts_claimed ON carts (claimed_at) WHERE state = 1;
