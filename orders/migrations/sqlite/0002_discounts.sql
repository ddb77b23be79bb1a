-- A discount is a document with the count of its uses, which only a guarded update moves.
CREATE TABLE discounts (
    id         TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    -- Folded, so that codes are one without regard to case.
    code       TEXT    NOT NULL UNIQUE,
    times_used INTEGER NOT NULL DEFAULT 0 CHECK (times_used >= 0),
    created_at INTEGER NOT NULL,
    document   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX discounts_newest ON discounts (created_at DESC, id DESC);

-- The orders a discount counts for; one given back stays, so that a use that comes late is refused.
CREATE TABLE discount_uses (
    discount_id TEXT    NOT NULL REFERENCES discounts (id) ON DELETE CASCADE,
    order_id    TEXT    NOT NULL,
    customer    TEXT    NOT NULL,
    given_back  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (discount_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX discount_uses_customer ON discount_uses (discount_id, customer) WHERE given_back = 0;
