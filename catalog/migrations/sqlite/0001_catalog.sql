-- Products, their tree, pictures, stock and the events that announce their changes.
-- Times are microseconds since 1970; amounts are minor units.

CREATE TABLE categories (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    parent_id TEXT REFERENCES categories (id)
) STRICT;

CREATE TABLE products (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('active', 'draft', 'archived')),
    category_id TEXT REFERENCES categories (id),
    currency TEXT NOT NULL,
    -- What staff wrote, as JSON; the columns beside it are what lists sort and filter by.
    content TEXT NOT NULL,
    title_key TEXT NOT NULL,
    lowest_price INTEGER NOT NULL,
    -- Folded title, slug and SKUs, a line each.
    words TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0)
) STRICT;

CREATE INDEX products_newest ON products (status, created_at DESC, id DESC);
CREATE INDEX products_price ON products (status, lowest_price, id);
CREATE INDEX products_title ON products (status, title_key, id);
CREATE INDEX products_category ON products (category_id, status);

CREATE TABLE variants (
    id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    sku TEXT,
    option_values TEXT NOT NULL,
    price INTEGER NOT NULL CHECK (price >= 0),
    compare_at_price INTEGER CHECK (compare_at_price >= 0),
    weight_grams INTEGER CHECK (weight_grams >= 0),
    image TEXT
) STRICT;

CREATE INDEX variants_product ON variants (product_id, position);

-- Outlives its variant: what was held when a variant was removed can still be sold or let go.
CREATE TABLE stock (
    variant_id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL,
    on_hand INTEGER NOT NULL,
    reserved INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    CHECK (0 <= reserved AND reserved <= on_hand)
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_available ON stock (removed, (on_hand - reserved), variant_id);

-- The ledger: the sum of a variant's deltas is what is on hand.
CREATE TABLE stock_movements (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    variant_id TEXT NOT NULL REFERENCES stock (variant_id),
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    order_id TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX stock_movements_variant ON stock_movements (variant_id, position);

CREATE TABLE stock_adjustments (
    variant_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (variant_id, actor, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservations (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('held', 'sold', 'released', 'expired')),
    -- By this database's clock. Of one that was released before it was known, when it was released.
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_held ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE reservation_lines (
    reservation_id TEXT NOT NULL REFERENCES reservations (id),
    variant_id TEXT NOT NULL REFERENCES stock (variant_id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, variant_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_lines_variant ON reservation_lines (variant_id);

CREATE TABLE media (
    id TEXT PRIMARY KEY,
    content_type TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

-- How many events each product and category has had; kept when it is deleted.
CREATE TABLE sequences (
    aggregate_id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events that not every consumer has taken yet.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    aggregate_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (aggregate_id, sequence)
) STRICT;
