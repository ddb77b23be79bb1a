-- Products, their tree, pictures, stock and the events that announce their changes.
-- Times are microseconds since 1970; amounts are minor units. Texts that are sorted or compared go by their bytes, as in
-- every other store and in the cursors of lists.

CREATE TABLE categories (
    id text COLLATE "C" PRIMARY KEY,
    slug text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    parent_id text COLLATE "C" REFERENCES categories (id)
);

CREATE TABLE products (
    id text COLLATE "C" PRIMARY KEY,
    slug text COLLATE "C" NOT NULL UNIQUE,
    status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'draft', 'archived')),
    category_id text COLLATE "C" REFERENCES categories (id),
    currency text NOT NULL,
    -- What staff wrote; the columns beside it are what lists sort and filter by.
    content json NOT NULL,
    title_key text COLLATE "C" NOT NULL,
    lowest_price bigint NOT NULL,
    -- Folded title, slug and SKUs, a line each.
    words text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL CHECK (version > 0)
);

CREATE INDEX products_newest ON products (status, created_at, id);
CREATE INDEX products_price ON products (status, lowest_price, id);
CREATE INDEX products_title ON products (status, title_key, id);
CREATE INDEX products_category ON products (category_id, status);
-- The list that staff see first, which is of every status.
CREATE INDEX products_all_newest ON products (created_at, id);

CREATE TABLE variants (
    id text COLLATE "C" PRIMARY KEY,
    product_id text COLLATE "C" NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    sku text,
    option_values json NOT NULL,
    price bigint NOT NULL CHECK (price >= 0),
    compare_at_price bigint CHECK (compare_at_price >= 0),
    weight_grams integer CHECK (weight_grams >= 0),
    image json
);

CREATE INDEX variants_product ON variants (product_id, position);

-- Outlives its variant: what was held when a variant was removed can still be sold or let go.
CREATE TABLE stock (
    variant_id text COLLATE "C" PRIMARY KEY,
    product_id text COLLATE "C" NOT NULL,
    on_hand integer NOT NULL,
    reserved integer NOT NULL DEFAULT 0,
    removed boolean NOT NULL DEFAULT false,
    CHECK (0 <= reserved AND reserved <= on_hand)
);

CREATE INDEX stock_available ON stock ((on_hand - reserved), variant_id) WHERE NOT removed;

-- The ledger: the sum of a variant's deltas is what is on hand. A variant's entries are written under the lock of its row of
-- stock, so that their positions grow as they become visible.
CREATE TABLE stock_movements (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL,
    variant_id text COLLATE "C" NOT NULL REFERENCES stock (variant_id),
    delta integer NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    order_id text,
    created_at bigint NOT NULL
);

CREATE INDEX stock_movements_variant ON stock_movements (variant_id, position);

CREATE TABLE stock_adjustments (
    variant_id text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    delta integer NOT NULL,
    reason text NOT NULL,
    -- The code and the sentence of a refusal.
    refusal_code text,
    refusal text,
    PRIMARY KEY (variant_id, actor, request_id)
);

CREATE TABLE reservations (
    id text COLLATE "C" PRIMARY KEY,
    state text COLLATE "C" NOT NULL CHECK (state IN ('held', 'sold', 'released', 'expired')),
    -- By this database's clock. Of one that was released before it was known, when it was released.
    expires_at bigint NOT NULL
);

CREATE INDEX reservations_held ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE reservation_lines (
    reservation_id text COLLATE "C" NOT NULL REFERENCES reservations (id),
    variant_id text COLLATE "C" NOT NULL REFERENCES stock (variant_id),
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, variant_id)
);

CREATE TABLE media (
    id text COLLATE "C" PRIMARY KEY,
    content_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    bytes bytea NOT NULL
);

-- Pictures are compressed already.
ALTER TABLE media ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- How many events each product and category has had; kept when it is deleted.
CREATE TABLE sequences (
    aggregate_id text COLLATE "C" PRIMARY KEY,
    sequence bigint NOT NULL
) WITH (fillfactor = 80);

-- Events that not every consumer has taken yet. Positions are given under the lock of the aggregate's row of sequences: an
-- entry is visible only when the earlier ones of its aggregate are.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    aggregate_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    payload bytea NOT NULL,
    UNIQUE (aggregate_id, sequence)
);

-- What was committed lately, for the memories of every replica. Positions become visible out of order; of the transactions
-- older than a snapshot's oldest everything is visible.
CREATE TABLE changes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- A number of the step that made it, by which a replica knows its own.
    step bigint NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('product', 'product deleted', 'stock', 'categories')),
    id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX changes_transaction ON changes (transaction);
