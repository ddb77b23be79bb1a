//! The schemas of texts, numbers and lists in the document: `#[schema(value_type = Email)]` on a field, `Email` as the type
//! of a parameter. Lengths and characters are those that the services check.
//!
//! Whitespace around a line is removed before it is checked, so the patterns allow it.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use comptoir_mesh::lengths;
use comptoir_mesh::text::{MAX_EMAIL, REFUSED, SLUG_LETTERS};
use comptoir_shop::{Shop, countries};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat,
};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

/// The most units of a line, by the default settings.
const UNITS: i32 = 999;
/// The most lines of a cart, by the default settings.
const LINES: usize = 100;
/// The longest search, by the default settings.
const SEARCH: usize = 256;
/// The most entries of a page, by the default settings.
const PAGE: i32 = 100;

/// The decimals of the default shop's currency. A shop with another currency has its own in its document.
const DIGITS: u32 = 2;

/// Declares types that represent a schema, with its description.
macro_rules! schemas {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)*) => {
        $(
            $(#[doc = $doc])+
            pub(crate) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    described($schema.into(), concat!($($doc),+).trim())
                }
            }

            impl ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )*

        /// All schemas by name.
        pub(crate) fn all() -> Vec<(String, RefOr<Schema>)> {
            vec![$((<$name as ToSchema>::name().into_owned(), $name::schema())),*]
        }
    };
}

schemas! {
    /// The id of a cart.
    CartId = id("cart_");
    /// The id of a line of a cart.
    CartLineId = id("line_");
    /// The id of an order.
    OrderId = id("order_");
    /// The id of a parcel.
    FulfillmentId = id("ful_");
    /// The id of an entry of the payment history.
    PaymentEventId = id("pev_");
    /// The id of a payment at its provider.
    PaymentId = pattern("^[!-~]{1,255}$");
    /// The id of a product.
    ProductId = id("prod_");
    /// The id of a variant.
    VariantId = id("var_");
    /// The id of an existing variant. Empty is the same as absent.
    VariantIdOrEmpty = id_or_empty("var_");
    /// The id of a category.
    CategoryId = id("cat_");
    /// The id of a category. Empty is the same as absent.
    CategoryIdOrEmpty = id_or_empty("cat_");
    /// The id of a user.
    UserId = id("user_");
    /// The id of a user's address.
    AddressId = id("addr_");
    /// The id of a session.
    SessionId = id("ses_");
    /// The name of a product in URLs: lower case letters of any script (Latin ones without accents), digits and single
    /// hyphens.
    Slug = text().max_length(Some(lengths::SLUG)).min_length(Some(1)).pattern(Some(slug()));
    /// The id or the slug of a product.
    IdOrSlug = AnyOfBuilder::new().item(id("prod_")).item(text().max_length(Some(lengths::SLUG)).pattern(Some(slug())));

    /// Any text.
    Text = pattern("^[^\\u0000]*$");
    /// An e-mail address.
    Email = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).max_length(Some(MAX_EMAIL));
    /// An e-mail address. Empty is the same as absent.
    EmailOrEmpty = OneOfBuilder::new()
        .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).max_length(Some(MAX_EMAIL)))
        .item(text().max_length(Some(0)));
    /// A telephone number of 4 to 15 digits, as people write it. After + or 00 it begins with a country code. Empty is the
    /// same as absent.
    Phone = pattern(&phone()).max_length(Some(lengths::PHONE));
    /// A first or last name, a company, a city or a region.
    Name = line(lengths::NAME);
    /// A name that is not empty.
    NameNeeded = needed_line(lengths::NAME);
    /// A line of an address.
    Street = line(lengths::STREET);
    /// A line of an address that is not empty.
    StreetNeeded = needed_line(lengths::STREET);
    /// A postal code. Empty if the country has none.
    PostalCode = line(lengths::POSTAL_CODE);
    /// An ISO 3166-1 alpha-2 code.
    CountryCode = one_of(countries());
    /// A language of the shop.
    Locale = one_of(&["fr", "en"]);
    /// A language tag (BCP 47).
    LanguageTag = pattern("^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$").max_length(Some(35));
    /// An ISO 4217 code.
    CurrencyCode = pattern("^[A-Z]{3}$");
    /// A password, of 8 to 1,024 bytes in UTF-8, where a character has up to 4.
    NewPassword = pattern("^[^\\u0000]*$")
        .min_length(Some(lengths::PASSWORD_BYTES_MIN.div_ceil(4)))
        .max_length(Some(lengths::PASSWORD_BYTES_MAX));
    /// A name for the call that allows retries.
    RequestId = pattern("^[^\\u0000]*$").max_length(Some(lengths::REQUEST_ID));
    /// 1 to 255 printable ASCII characters, the same for each retry of the call.
    IdempotencyKey = pattern("^[ -~]+$").min_length(Some(1)).max_length(Some(lengths::REQUEST_ID));

    /// A line of a product: its vendor, its type, a SKU.
    Line = line(lengths::LINE);
    /// A line that is not empty: a title, a tag, the value of an option.
    LineNeeded = needed_line(lengths::LINE);
    /// The name of an option. It contains no dot, and does not begin with a dollar sign.
    OptionName = option_name(lengths::LINE - 1);
    /// HTML. Scripts and other active content are removed.
    Html = pattern(&format!("^[^{}]*$", refused_but_breaks())).max_length(Some(lengths::DESCRIPTION));
    /// A text for search engines, or the alternative text of a picture.
    Summary = line(lengths::SUMMARY);
    /// An https address without credentials, or one that `POST /admin/media` returned.
    PictureUrl = pattern("^(https://[^\\s@/?#]+([/?#][^\\s]*)?|/media/[0-9a-f]{64})$").max_length(Some(lengths::URL_BYTES));
    /// An https address without credentials, or one that `POST /admin/media` returned. Empty is the same as absent.
    PictureUrlOrEmpty = pattern("^(https://[^\\s@/?#]+([/?#][^\\s]*)?|/media/[0-9a-f]{64})?$")
        .max_length(Some(lengths::URL_BYTES));
    /// A decimal in the shop's currency: "49.90".
    Price = decimal(DIGITS, false);
    /// A decimal in the shop's currency, greater than 0.
    Amount = decimal(DIGITS, true);
    /// The names of the options.
    OptionNames = list_of("OptionName", lengths::OPTIONS);
    /// A value for each option, in the same order.
    OptionValues = list_of("LineNeeded", lengths::OPTIONS);
    /// Words to find a product by.
    Tags = list_of("LineNeeded", lengths::PICTURES_OR_TAGS);
    /// A number of units, which may be 0.
    UnitsOrNone = whole(0, i32::MAX);
    /// Grams.
    Grams = whole(0, i32::MAX);
    /// Units of a line of a cart.
    Units = whole(1, UNITS);
    /// Units of a line of an order.
    UnitsShipped = whole(1, i32::MAX);
    /// Units to add or, if negative, to remove.
    Delta = AnyOfBuilder::new().item(whole(i32::MIN, -1)).item(whole(1, i32::MAX));
    /// Why stock is adjusted.
    StockReason = needed_line(lengths::STOCK_REASON);

    /// The code of a discount: one word.
    DiscountCode = pattern(&format!(
        "^{0}[^{1}{BLANK}]{{1,{max}}}{0}$", blanks(), refused(), max = lengths::DISCOUNT_CODE
    ));
    /// The codes of a cart.
    DiscountCodes = list_of("DiscountCode", lengths::DISCOUNT_CODES);
    /// A text about an order: a reason, a carrier, a tracking number.
    OrderText = line(lengths::ORDER_TEXT);
    /// A text about an order that is not empty.
    OrderTextNeeded = needed_line(lengths::ORDER_TEXT);
    /// The token that the payment provider gave the browser.
    PaymentToken = pattern("^[!-~]+$").max_length(Some(lengths::PAYMENT_TOKEN_BYTES));
    /// The name of a way to pay.
    ProviderName = one_of(&["sandbox", "stripe"]);
    /// A URL at one of the shop's origins.
    ReturnUrl = pattern("^https?://[!-~]+$").max_length(Some(lengths::URL_BYTES));

    /// A search query. Typos are tolerated.
    SearchQuery = pattern("^[^\\u0000]*$").min_length(Some(1)).max_length(Some(SEARCH));
    /// A search query for orders.
    OrderQuery = line(lengths::ORDER_QUERY);
    /// A value of a filter.
    FilterValue = pattern("^[^\\u0000]*$");
    /// A position in a list, from `nextCursor`.
    Cursor = pattern("^[A-Za-z0-9_-]+$");
    /// The token that gives a guest access to an order.
    AccessToken = pattern("^[^\\u0000]+$");
    /// Entries of a page.
    PageSize = whole(1, PAGE);
    /// Lines of a new cart.
    NewLines = list_of("CartLineInput", LINES);
    /// Variants, at least one.
    Variants = list_of("VariantInput", lengths::VARIANTS).min_items(Some(1));
    /// Pictures. The first one is the featured picture.
    Images = list_of("ImageInput", lengths::PICTURES_OR_TAGS);
    /// A time (RFC 3339).
    Time = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
}

/// The schemas that depend on a shop's currency, languages and ways to pay.
pub(crate) fn of_shop(shop: &Shop, providers: &[String]) -> [(&'static str, RefOr<Schema>); 4] {
    let digits = shop.currency_digits;
    [
        (
            "Price",
            described(decimal(digits, false).into(), "A decimal in the shop's currency."),
        ),
        (
            "Amount",
            described(
                decimal(digits, true).into(),
                "A decimal in the shop's currency that is more than nothing.",
            ),
        ),
        (
            "Locale",
            described(one_of(&shop.locales).into(), "A language of the shop."),
        ),
        (
            "ProviderName",
            described(one_of(providers).into(), "The name of a way to pay."),
        ),
    ]
}

/// Slugs of most scripts. Scripts with combining marks are accepted too, but have no short pattern.
fn slug() -> String {
    let class = self::class(SLUG_LETTERS.iter());
    format!("^[{class}]+(-[{class}]+)*$")
}

/// The characters that are removed around a text ([`comptoir_mesh::text::line`]), for a character class.
const BLANK: &str = "\\t\\n\\r \\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000";

fn blanks() -> String {
    format!("[{BLANK}]*")
}

/// The characters that a line must not contain, for a character class. Those above U+FFFF are left out: patterns have no
/// common syntax for them.
fn refused() -> String {
    class(REFUSED.iter().filter(|range| u32::from(*range.end()) <= 0xFFFF))
}

fn class<'a>(ranges: impl Iterator<Item = &'a RangeInclusive<char>>) -> String {
    let mut class = String::new();
    for range in ranges {
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        let _ = write!(class, "\\u{first:04X}");
        if last > first {
            let _ = write!(class, "-\\u{last:04X}");
        }
    }
    class
}

/// The same for text of several lines, which may contain tabs and line ends.
fn refused_but_breaks() -> String {
    let all = refused();
    let later = all.strip_prefix("\\u0000-\\u001F").unwrap_or(&all);
    format!("\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F{later}")
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// What [`comptoir_mesh::phone::check`] accepts: after + or 00, the first digits of a country code (not 0, 800, 808, 87, 881
/// to 883, 888 and 979), otherwise no 00.
fn phone() -> String {
    let gap = "[ \u{a0}\u{202f}()./-]*";
    let digit = |which: &str| format!("{gap}[{which}]");
    let digits = |least: u8, most: u8| format!("({gap}[0-9]){{{least},{most}}}");
    let abroad = [
        digit("1-7") + &digits(3, 14),
        digit("9") + &digit("0-68-9") + &digits(2, 13),
        digit("9") + &digit("7") + &digit("0-8") + &digits(1, 12),
        digit("8") + &digit("1-69") + &digits(2, 13),
        digit("8") + &digit("0") + &digit("1-79") + &digits(1, 12),
        digit("8") + &digit("8") + &digit("04-79") + &digits(1, 12),
    ]
    .join("|");
    let home = digit("1-9") + &digits(3, 14) + "|" + &digit("0") + &digit("1-9") + &digits(2, 13);
    format!("^(({gap}(\\+|0{gap}0)({abroad})|{home}){gap})?$")
}

fn pattern(pattern: &str) -> ObjectBuilder {
    text().pattern(Some(pattern))
}

fn id_or_empty(prefix: &str) -> ObjectBuilder {
    pattern(&format!("^({prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}})?$"))
}

fn one_of<T: AsRef<str>>(values: &[T]) -> ObjectBuilder {
    text().enum_values(Some(values.iter().map(AsRef::as_ref)))
}

fn id(prefix: &str) -> ObjectBuilder {
    pattern(&format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}}$"))
}

fn line(max: usize) -> ObjectBuilder {
    pattern(&format!("^{0}[^{1}]{{0,{max}}}{0}$", blanks(), refused()))
}

fn needed_line(max: usize) -> ObjectBuilder {
    let more = max - 1;
    pattern(&format!(
        "^{0}[^{1}{BLANK}][^{1}]{{0,{more}}}{0}$",
        blanks(),
        refused()
    ))
}

fn option_name(more: usize) -> ObjectBuilder {
    pattern(&format!(
        "^{0}[^{1}{BLANK}.$][^{1}.]{{0,{more}}}{0}$",
        blanks(),
        refused()
    ))
}

/// A decimal with at most `digits` decimals, from 0 or above 0.
fn decimal(digits: u32, is_positive: bool) -> ObjectBuilder {
    let most = lengths::PRICE.ilog10().saturating_sub(digits);
    let fraction = match digits {
        0 => "(\\.0+)?".to_owned(),
        digits => format!("(\\.[0-9]{{1,{digits}}}0*)?"),
    };
    let nothing = if is_positive { "(?!0*(\\.0*)?$)" } else { "" };
    pattern(&format!("^{nothing}[0-9]{{1,{most}}}{fraction}$"))
}

fn whole(min: i32, max: i32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(min))
        .maximum(Some(max))
}

fn list_of(item: &str, max: usize) -> ArrayBuilder {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(item))
        .max_items(Some(max))
}

fn described(mut schema: Schema, text: &str) -> RefOr<Schema> {
    let text = Some(text.to_owned());
    match &mut schema {
        Schema::Object(object) => object.description = text,
        Schema::Array(array) => array.description = text,
        Schema::OneOf(one) => one.description = text,
        Schema::AnyOf(any) => any.description = text,
        _ => {}
    }
    RefOr::T(schema)
}
