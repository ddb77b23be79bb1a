//! How long what people write may be, and how many of a thing there may be: for the services that check it, and for the
//! document of the API that says so. Characters, unless the name says bytes.

/// First name, last name, company, city and region of an address.
pub const NAME: usize = 100;
/// A line of an address.
pub const STREET: usize = 200;
/// A postal code.
pub const POSTAL_CODE: usize = 20;
/// A telephone number as it is written.
pub const PHONE: usize = 32;
/// The fewest bytes of a password.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// The most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// An idempotency key, or the id of a request that can be repeated.
pub const REQUEST_ID: usize = 255;

/// A title, a tag, an option's name or value, and other lines of a product.
pub const LINE: usize = 255;
/// A product's description, as HTML.
pub const DESCRIPTION: usize = 100_000;
/// What search engines show below a title, and what is read out in place of a picture.
pub const SUMMARY: usize = 1000;
/// A slug.
pub const SLUG: usize = 200;
/// An address on the web, in bytes.
pub const URL_BYTES: usize = 2048;
/// Variants of a product.
pub const VARIANTS: usize = 2000;
/// Pictures or tags of a product.
pub const PICTURES_OR_TAGS: usize = 250;
/// Options of a product.
pub const OPTIONS: usize = 10;
/// The highest price in minor units: a full cart of it still has a total that 64 bits hold.
pub const PRICE: i64 = 10_000_000_000_000;
/// Why stock is adjusted.
pub const STOCK_REASON: usize = 255;

/// The code of a discount.
pub const DISCOUNT_CODE: usize = 64;
/// Discount codes of a cart.
pub const DISCOUNT_CODES: usize = 10;
/// Why an order is cancelled or refunded, a tracking number, a carrier.
pub const ORDER_TEXT: usize = 500;
/// What orders are searched by.
pub const ORDER_QUERY: usize = 256;
/// The token of a payment provider, in bytes.
pub const PAYMENT_TOKEN_BYTES: usize = 2048;
