-- Mails to unconfirmed addresses, each once, by the address's hash; those of an hour count.
CREATE TABLE counted_mails (
    address_hash TEXT    NOT NULL,
    delivery_id  TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (address_hash, delivery_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX counted_mails_oldest ON counted_mails (at);
