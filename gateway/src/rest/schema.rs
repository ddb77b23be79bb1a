//! What texts, numbers and lists are like, for the document: `#[schema(value_type = Email)]` on a field, `Email` as the type of a
//! parameter. Lengths and characters are those that the services check.
//!
//! Space around a line is taken off before it is checked, so it may stand there.

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

/// The most units of a line, unless a setting says otherwise.
const UNITS: i32 = 999;
/// The most lines of a cart, unless a setting says otherwise.
const LINES: usize = 100;
/// The longest search, unless a setting says otherwise.
const SEARCH: usize = 256;
/// The most entries of a page, unless a setting says otherwise.
const PAGE: i32 = 100;

/// Digits behind the point of the default shop's currency; a shop with another one has its own in its document.
const DIGITS: u32 = 2;

/// Types that stand for a schema, with its description.
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

        /// Each by its name.
        pub(crate) fn all() -> Vec<(String, RefOr<Schema>)> {
            vec![$((<$name as ToSchema>::name().into_owned(), $name::schema())),*]
        }
    };
}

schemas! {
    /// Of a cart.
    CartId = id("cart_");
    /// Of a line of a cart.
    CartLineId = id("line_");
    /// Of an order.
    OrderId = id("order_");
    /// Of a parcel.
    FulfillmentId = id("ful_");
    /// Of an entry of the record of payments.
    PaymentEventId = id("pev_");
    /// Of a payment at its provider.
    PaymentId = pattern("^[!-~]{1,255}$");
    /// Of a product.
    ProductId = id("prod_");
    /// Of a variant.
    VariantId = id("var_");
    /// The id of an existing variant; empty counts as absent.
    VariantIdOrEmpty = id_or_empty("var_");
    /// Of a category.
    CategoryId = id("cat_");
    /// The id of a category; empty counts as absent.
    CategoryIdOrEmpty = id_or_empty("cat_");
    /// Of a user.
    UserId = id("user_");
    /// Of an address of a user.
    AddressId = id("addr_");
    /// Of a session.
    SessionId = id("ses_");
    /// What stands for a product in addresses of pages: lower case letters of any script (Latin ones without accents), digits
    /// and single hyphens.
    Slug = text().max_length(Some(lengths::SLUG)).min_length(Some(1)).pattern(Some(slug()));
    /// The id or the slug of a product.
    IdOrSlug = AnyOfBuilder::new().item(id("prod_")).item(text().max_length(Some(lengths::SLUG)).pattern(Some(slug())));

    /// Any text.
    Text = pattern("^[^\\u0000]*$");
    /// An e-mail address.
    Email = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).max_length(Some(MAX_EMAIL));
    /// An e-mail address; empty counts as absent.
    EmailOrEmpty = OneOfBuilder::new()
        .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).max_length(Some(MAX_EMAIL)))
        .item(text().max_length(Some(0)));
    /// A telephone number of 4 to 15 digits, as people write it; after a + or 00 it begins with a country code. Empty counts as absent.
    Phone = pattern(&phone()).max_length(Some(lengths::PHONE));
    /// A first or last name, a company, a city or a region.
    Name = line(lengths::NAME);
    /// One that is not empty.
    NameNeeded = needed_line(lengths::NAME);
    /// A line of an address.
    Street = line(lengths::STREET);
    /// One that is not empty.
    StreetNeeded = needed_line(lengths::STREET);
    /// A postal code; empty where the country has none.
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
    /// What makes a call repeatable.
    RequestId = pattern("^[^\\u0000]*$").max_length(Some(lengths::REQUEST_ID));
    /// 1 to 255 printable ASCII characters, the same for each repetition of the call.
    IdempotencyKey = pattern("^[ -~]+$").min_length(Some(1)).max_length(Some(lengths::REQUEST_ID));

    /// A line of a product: its vendor, its type, a SKU.
    Line = line(lengths::LINE);
    /// One that is not empty: a title, a tag, the value of an option.
    LineNeeded = needed_line(lengths::LINE);
    /// The name of an option: no dot in it, no dollar before it.
    OptionName = option_name(lengths::LINE - 1);
    /// HTML; what could run in it is taken out.
    Html = pattern(&format!("^[^{}]*$", refused_but_breaks())).max_length(Some(lengths::DESCRIPTION));
    /// What search engines show, or what is read out in place of a picture.
    Summary = line(lengths::SUMMARY);
    /// https, without credentials, or what `POST /admin/media` gave.
    PictureUrl = pattern("^(https://[^\\s@/?#]+([/?#][^\\s]*)?|/media/[0-9a-f]{64})$").max_length(Some(lengths::URL_BYTES));
    /// The same; empty counts as absent.
    PictureUrlOrEmpty = pattern("^(https://[^\\s@/?#]+([/?#][^\\s]*)?|/media/[0-9a-f]{64})?$")
        .max_length(Some(lengths::URL_BYTES));
    /// A decimal in the shop's currency: "49.90".
    Price = decimal(DIGITS, false);
    /// A decimal in the shop's currency that is more than nothing.
    Amount = decimal(DIGITS, true);
    /// The names of the axes.
    OptionNames = list_of("OptionName", lengths::OPTIONS);
    /// A value for each option, in their order.
    OptionValues = list_of("LineNeeded", lengths::OPTIONS);
    /// Words that a product is found by.
    Tags = list_of("LineNeeded", lengths::PICTURES_OR_TAGS);
    /// Units that may be none.
    UnitsOrNone = whole(0, i32::MAX);
    /// Grams.
    Grams = whole(0, i32::MAX);
    /// Units of a line of a cart.
    Units = whole(1, UNITS);
    /// Units of a line of an order.
    UnitsShipped = whole(1, i32::MAX);
    /// Units that come or, below 0, go.
    Delta = AnyOfBuilder::new().item(whole(i32::MIN, -1)).item(whole(1, i32::MAX));
    /// Why stock is adjusted.
    StockReason = needed_line(lengths::STOCK_REASON);

    /// The code of a discount: one word.
    DiscountCode = pattern(&format!(
        "^{0}[^{1}{BLANK}]{{1,{max}}}{0}$", blanks(), refused(), max = lengths::DISCOUNT_CODE
    ));
    /// The codes of a cart.
    DiscountCodes = list_of("DiscountCode", lengths::DISCOUNT_CODES);
    /// What an order is followed by: a reason, a carrier, a tracking number.
    OrderText = line(lengths::ORDER_TEXT);
    /// One that is not empty.
    OrderTextNeeded = needed_line(lengths::ORDER_TEXT);
    /// What a payment provider gave the browser.
    PaymentToken = pattern("^[!-~]+$").max_length(Some(lengths::PAYMENT_TOKEN_BYTES));
    /// The name of a way to pay.
    ProviderName = one_of(&["sandbox", "stripe"]);
    /// An address of one of the shop's origins.
    ReturnUrl = pattern("^https?://[!-~]+$").max_length(Some(lengths::URL_BYTES));

    /// What is searched for; typos are forgiven.
    SearchQuery = pattern("^[^\\u0000]*$").min_length(Some(1)).max_length(Some(SEARCH));
    /// What orders are searched by.
    OrderQuery = line(lengths::ORDER_QUERY);
    /// A value of a filter.
    FilterValue = pattern("^[^\\u0000]*$");
    /// A place in a list, as `nextCursor` gave it.
    Cursor = pattern("^[A-Za-z0-9_-]+$");
    /// A guest's right to an order.
    AccessToken = pattern("^[^\\u0000]+$");
    /// Entries of a page.
    PageSize = whole(1, PAGE);
    /// Lines of a new cart.
    NewLines = list_of("CartLineInput", LINES);
    /// Variants, at least one.
    Variants = list_of("VariantInput", lengths::VARIANTS).min_items(Some(1));
    /// Pictures, the first in front.
    Images = list_of("ImageInput", lengths::PICTURES_OR_TAGS);
    /// An instant (RFC 3339).
    Time = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
}

/// The schemas that are other ones in a shop of another currency, other languages and other ways to pay.
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

/// Slugs of most scripts: those with marks that stand beside their letters are taken too, and have no pattern that is short.
fn slug() -> String {
    let letters = class(SLUG_LETTERS.iter());
    format!("^[{letters}]+(-[{letters}]+)*$")
}

/// What may stand around a text and is dropped ([`comptoir_mesh::text::line`]), within a class of characters.
const BLANK: &str = "\\t\\n\\r \\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000";

fn blanks() -> String {
    format!("[{BLANK}]*")
}

/// The characters that no line may have, within a class. Those beyond U+FFFF are left out: patterns have no common way to
/// write them.
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

/// The same for text of several lines, where the first of them are tabs and line ends.
fn refused_but_breaks() -> String {
    let all = refused();
    let later = all.strip_prefix("\\u0000-\\u001F").unwrap_or(&all);
    format!("\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F{later}")
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// What [`comptoir_mesh::phone::check`] takes: behind a + or 00 what a country's code can begin with (not 0, 800, 808, 87, 881
/// to 883, 888 and 979), else no 00.
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

/// A decimal with so many digits behind the point at most, 0 or more, or more than 0.
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
