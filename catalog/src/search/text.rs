//! From text to the words the index knows: case and accents folded, HTML stripped, one edit counted as one typo.

use unicode_normalization::char::is_combining_mark;

/// Words longer than this are cut, in the index and in queries alike.
const LONGEST_WORD: usize = 48;

/// What a text is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Letters and digits, folded.
    Word(&'a str),
    /// One character that is neither, nor white space: what a query such as `%` looks for.
    Symbol(&'a str),
}

/// `text` without case and accents, every apostrophe the one of keyboards: "Œuvre d’Été" is "oeuvre d'ete".
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        let apostrophes = [
            '\u{2019}', '\u{2018}', '\u{2bc}', '\u{2032}', '\u{ff07}', '\u{b4}',
        ];
        // At the end of a Greek word sigma has another form.
        crate::domain::text::fold(&text.replace(apostrophes, "'")).replace('ς', "σ")
    }
}

/// Calls `each` with the tokens of `text`, which is [`fold`]ed.
pub(crate) fn tokens<'a>(text: &'a str, mut each: impl FnMut(Token<'a>)) {
    let mut start = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        // Marks that folding left belong to the letter before them.
        if (c.is_alphanumeric() && !stands_alone(c)) || (start.is_some() && is_combining_mark(c)) {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            each(Token::Word(cut(&text[start..at])));
        }
        if stands_alone(c) {
            each(Token::Word(&text[at..end]));
        } else if !c.is_whitespace() && !c.is_control() {
            each(Token::Symbol(&text[at..end]));
        }
    }
    if let Some(start) = start {
        each(Token::Word(cut(&text[start..])));
    }
}

/// What stands between two white spaces of a [`fold`]ed text.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) symbols: Vec<&'a str>,
    /// The parts as one word, where they are written together: `tshirt` for `t-shirt`.
    pub(crate) whole: Option<String>,
}

/// A word of a piece.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) word: &'a str,
    /// Not so for the letter or two that an apostrophe sets apart: `s` of `men's`, `l` of `l'ete`.
    pub(crate) counts: bool,
}

impl<'a> Piece<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut found = Vec::new();
        tokens(text, |token| found.push(token));
        let word = |at: Option<usize>| match found.get(at?) {
            Some(Token::Word(word)) => Some(*word),
            _ => None,
        };
        let apostrophe = |at: Option<usize>| at.and_then(|at| found.get(at)) == Some(&Token::Symbol("'"));
        let set_apart = |at: usize, word_here: &str| {
            let before = apostrophe(at.checked_sub(1)) && word(at.checked_sub(2)).is_some();
            let behind = apostrophe(Some(at + 1)) && word(Some(at + 2)).is_some();
            (before || behind)
                && word_here.len() <= 2
                && word_here.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        let mut parts = Vec::new();
        let mut symbols = Vec::new();
        for (at, token) in found.iter().enumerate() {
            match token {
                Token::Word(word) => parts.push(Part {
                    word,
                    counts: !set_apart(at, word),
                }),
                Token::Symbol(symbol) => symbols.push(*symbol),
            }
        }
        if parts.iter().all(|part| !part.counts) {
            parts.iter_mut().for_each(|part| part.counts = true);
        }
        let whole = (parts.len() > 1 && written_together(&found)).then(|| {
            let whole: String = parts.iter().map(|part| part.word).collect();
            cut(&whole).to_owned()
        });
        Self {
            parts,
            symbols,
            whole,
        }
    }
}

/// Whether between any two words stands one sign that joins them.
fn written_together(tokens: &[Token<'_>]) -> bool {
    let is_word = |token: &Token<'_>| matches!(token, Token::Word(_));
    let (Some(first), Some(last)) = (tokens.iter().position(is_word), tokens.iter().rposition(is_word))
    else {
        return false;
    };
    let mut digit_before = false;
    tokens[first..=last].chunks(2).all(|pair| {
        let Token::Word(word) = pair[0] else { return false };
        let of_number = digit_before && word.starts_with(|c: char| c.is_ascii_digit());
        let point = matches!(pair.get(1), Some(Token::Symbol(".")));
        digit_before = point && word.ends_with(|c: char| c.is_ascii_digit());
        let joins = match pair.get(1) {
            None => true,
            Some(Token::Symbol(sign)) => ["'", "-", ".", "_", "/", "&", "+"].contains(sign),
            Some(Token::Word(_)) => false,
        };
        // The point of 3.5 is no hyphen.
        joins && !of_number && !word.starts_with(stands_alone)
    })
}

/// Scripts written without spaces: each of their characters is a word.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{0e01}'..='\u{0e5b}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

fn cut(word: &str) -> &str {
    match word.char_indices().nth(LONGEST_WORD) {
        Some((at, _)) => &word[..at],
        None => word,
    }
}

/// The text of an HTML fragment: tags dropped, scripts and styles with what is in them, entities decoded.
pub(crate) fn strip_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') {
            skip_tag(rest, &mut text)
        } else {
            decode_entity(rest, &mut text)
        };
    }
    text.push_str(rest);
    text
}

/// `rest` begins with `<`; gives what follows the tag.
fn skip_tag<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let begins_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    let Some(end) = rest.find('>').filter(|_| begins_tag) else {
        text.push('<');
        return &rest[1..];
    };
    let name = rest[1..end]
        .trim_start_matches('/')
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or("");
    if !is_inline(name) {
        text.push(' ');
    }
    let after = &rest[end + 1..];
    for raw in ["script", "style"] {
        if name.eq_ignore_ascii_case(raw) && !rest[1..].starts_with('/') {
            let close = format!("</{raw}");
            let lower = after.to_ascii_lowercase();
            return lower.find(&close).map_or("", |at| &after[at..]);
        }
    }
    after
}

/// Elements in the middle of a word do not end it.
fn is_inline(name: &str) -> bool {
    [
        "a", "b", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u",
    ]
    .iter()
    .any(|inline| name.eq_ignore_ascii_case(inline))
}

/// `rest` begins with `&`; gives what follows the entity.
fn decode_entity<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let named = rest
        .find(';')
        .filter(|end| *end <= 10)
        .map(|end| (&rest[1..end], &rest[end + 1..]));
    if let Some((name, after)) = named
        && let Some(c) = entity(name)
    {
        text.push(c);
        return after;
    }
    text.push('&');
    &rest[1..]
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => return None,
    })
}

/// How many typos a word of a query may have: one from 5 letters, two from 9.
pub(crate) fn typos(word: &str) -> usize {
    match word.chars().filter(|c| c.is_alphabetic()).count() {
        0..5 => 0,
        5..9 => 1,
        _ => 2,
    }
}

/// The edits from `a` to `b`, which are words, when they are at most `limit`: inserted, left out, replaced, or two neighbours
/// swapped.
pub(crate) fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let distance = usize::from(*last_row(a, b, limit)?.get(b.len())?);
    (distance <= limit).then_some(distance)
}

/// The edits from `a` to the nearest beginning of `b` when they are at most `limit`.
pub(crate) fn prefix_distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    let longest = b.len().min(a.len() + limit);
    // A cell of the last row is the distance to that beginning.
    let row = last_row(a, &b[..longest], limit)?;
    let distance = row.into_iter().take(longest + 1).min().map(usize::from);
    distance.filter(|distance| *distance <= limit)
}

/// A row of the edit matrix: a cell for each beginning of a word.
type Row = [u8; LONGEST_WORD + 1];

/// The last row of the edit matrix (optimal string alignment), or `None` as soon as no cell of two rows running is within
/// the limit.
fn last_row(a: &[char], b: &[char], limit: usize) -> Option<Row> {
    // No text is cut into longer words.
    let (a, b) = (&a[..a.len().min(LONGEST_WORD)], &b[..b.len().min(LONGEST_WORD)]);
    let mut before: Row = [0; _];
    let mut last: Row = std::array::from_fn(|cell| cell as u8);
    let mut row: Row = [0; _];
    for (i, letter) in a.iter().enumerate() {
        row[0] = i as u8 + 1;
        for (j, other) in b.iter().enumerate() {
            let mut best = (last[j] + u8::from(letter != other))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        let within = |row: &Row| {
            row[..=b.len()]
                .iter()
                .any(|distance| usize::from(*distance) <= limit)
        };
        if !within(&row) && !within(&last) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        tokens(&fold(text), |token| {
            words.push(match token {
                Token::Word(word) => word.to_owned(),
                Token::Symbol(symbol) => format!("[{symbol}]"),
            });
        });
        words
    }

    fn edits(a: &str, b: &str, limit: usize) -> Option<usize> {
        distance(
            &a.chars().collect::<Vec<_>>(),
            &b.chars().collect::<Vec<_>>(),
            limit,
        )
    }

    #[test]
    fn case_and_accents_are_folded() {
        assert_eq!(fold("Crème BRÛLÉE"), "creme brulee");
        assert_eq!(fold("Œuvre Straße Łódź Ångström"), "oeuvre strasse lodz angstrom");
        assert_eq!(fold("I\u{0307}stanbul ﬁn"), "istanbul fin");
        assert_eq!(fold("ΟΔΌΣ"), fold("οδός"));
    }

    #[test]
    fn words_and_symbols_are_told_apart() {
        assert_eq!(
            words("T-shirt 100% coton"),
            ["t", "[-]", "shirt", "100", "[%]", "coton"]
        );
        assert_eq!(words("'; DROP--"), ["[']", "[;]", "drop", "[-]", "[-]"]);
        assert_eq!(words("\u{5de5}\u{5177} box"), ["\u{5de5}", "\u{5177}", "box"]);
    }

    #[test]
    fn a_piece_is_its_words_and_their_whole() {
        for (text, words, whole) in [
            ("men's", "men", "mens"),
            ("men’s", "men", "mens"),
            ("L'Été", "ete", "lete"),
            ("rock'n'roll", "rock roll", "rocknroll"),
            ("d'un", "d un", "dun"),
            ("(T-Shirt)", "t shirt", "tshirt"),
            ("NOR.0707-60", "nor 0707 60", "nor070760"),
            ("H&M", "h m", "hm"),
            ("3.5mm", "3 5mm", ""),
            ("a--b", "a b", ""),
            ("'quoted'", "quoted", ""),
            ("パスタ", "パ ス タ", ""),
            ("हिन्दी", "हिन्दी", ""),
        ] {
            let folded = fold(text);
            let piece = Piece::of(&folded);
            let parts = piece.parts.iter().filter(|part| part.counts);
            let parts: Vec<&str> = parts.map(|part| part.word).collect();
            assert_eq!(
                (parts.join(" "), piece.whole.unwrap_or_default()),
                (fold(words), whole.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn html_is_stripped_without_gluing_or_cutting_words() {
        assert_eq!(strip_html("<p>soft</p><p>w<b>oo</b>l</p>"), " soft  wool ");
        assert_eq!(strip_html("a<script>alert('x')</script>b"), "a  b");
        assert_eq!(
            strip_html("fish &amp; chips &#233;t&#xE9; &bogus; 3 < 4"),
            "fish & chips été &bogus; 3 < 4"
        );
        assert_eq!(strip_html("open <b"), "open <b");
    }

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(edits("sihrt", "shirt", 1), Some(1));
        assert_eq!(edits("leater", "leather", 1), Some(1));
        assert_eq!(edits("leathher", "leather", 1), Some(1));
        assert_eq!(edits("lxxther", "leather", 1), None);
        assert_eq!(edits("headphoens", "headphones", 2), Some(1));
        assert_eq!(edits("", "ab", 1), None);
        let (a, b): (Vec<_>, Vec<_>) = ("keybao".chars().collect(), "keyboard".chars().collect());
        assert_eq!(prefix_distance(&a, &b, 1), Some(1));
    }

    #[test]
    fn typos_are_allowed_by_letters_not_digits() {
        assert_eq!(typos("shoe"), 0);
        assert_eq!(typos("shirt"), 1);
        assert_eq!(typos("headphone"), 2);
        assert_eq!(typos("1234567890"), 0);
    }
}
