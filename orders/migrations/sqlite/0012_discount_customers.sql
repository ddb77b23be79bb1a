-- Whom a use counts for: an account by its id, a person by a normalised e-mail address, or both.
CREATE TABLE discount_customers (
    discount_id TEXT NOT NULL REFERENCES discounts (id) ON DELETE CASCADE,
    customer    TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    PRIMARY KEY (discount_id, customer, order_id)
) STRICT, WITHOUT ROWID;

INSERT INTO discount_customers (discount_id, customer, order_id)
SELECT discount_id, customer, order_id FROM discount_uses WHERE customer <> '';

-- An account's use counts under the address of its order too.
INSERT OR IGNORE INTO discount_customers (discount_id, customer, order_id)
SELECT discount_uses.discount_id, lower(trim(json_extract(orders.document, '$.contents.email'))), discount_uses.order_id
FROM discount_uses JOIN orders ON orders.id = discount_uses.order_id
WHERE discount_uses.customer <> '' AND json_extract(orders.document, '$.contents.email') <> '';

DROP INDEX discount_uses_customer;
