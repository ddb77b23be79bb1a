//! Enough of Rust's grammar to leave out comments, literals and test code.

use std::iter::repeat_n;

/// The text with comments and literals blanked; lines stay where they are.
pub(crate) fn blank_texts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = literal(rest, out.chars().next_back());
        if length == 0 {
            let c = rest.chars().next().expect("it is not empty");
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal that the text begins with; zero without one.
fn literal(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r'));
    if let Some(raw) = raw.filter(|_| !in_word) {
        let hashes = raw.chars().take_while(|c| *c == '#').count();
        if raw[hashes..].starts_with('"') {
            let end: String = ['"'].into_iter().chain(repeat_n('#', hashes)).collect();
            let begin = text.len() - raw.len() + hashes + 1;
            return text[begin..]
                .find(&end)
                .map_or(text.len(), |at| begin + at + end.len());
        }
    }
    // 'x' and '\n' are characters, 'a in a type is a lifetime.
    let mut characters = text.chars();
    if characters.next() == Some('\'') {
        let (second, third) = (characters.next(), characters.next());
        if second == Some('\\') || third == Some('\'') {
            return quoted(text, '\'');
        }
    }
    0
}

/// The length of a literal that ends with this quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Blanks the items behind `#[cfg(test)]`, in a text without literals; returns the names of the modules in files among them.
pub(crate) fn without_tests(text: &str) -> (String, Vec<String>) {
    let (mut out, mut modules) = (text.to_owned(), Vec::new());
    let mut from = 0;
    while let Some(start) = out[from..].find("#[cfg(").map(|at| from + at) {
        let attribute = &out[start..];
        let close = attribute.find(']').map_or(attribute.len(), |at| at + 1);
        from = start + close;
        let condition = &attribute[..close];
        let of_tests = condition == "#[cfg(test)]"
            || condition.starts_with("#[cfg(any(test,")
            || condition.starts_with("#[cfg(all(test,");
        if !of_tests {
            continue;
        }
        let item = &out[start..];
        let end = item_end(item);
        if let Some(name) = file_module(&item[..end]) {
            modules.push(name);
        }
        let blank: String = item[..end]
            .chars()
            .map(|c| if c == '\n' { c } else { ' ' })
            .collect();
        out.replace_range(start..start + end, &blank);
        from = start;
    }
    (out, modules)
}

/// Where an item ends: behind its `;` or its block.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            // A field, a variant or an arm.
            ',' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// `NAME` of `mod NAME;`.
fn file_module(item: &str) -> Option<String> {
    let (_, rest) = item.split_once("mod ")?;
    let name = rest.strip_suffix(';')?.trim();
    name.chars()
        .all(|c| c.is_alphanumeric() || c == '_')
        .then(|| name.to_owned())
}

#[test]
fn texts_and_tests_are_left_out() {
    let text = "let a = \"crate::x\"; // crate::y\nlet b = r#\"\"crate::z\"#; let c: &'a u8 = b'\\'';\n\
        #[cfg(test)]\nmod tests { use crate::t; }\n#[cfg(test)]\n#[expect(x)]\npub(crate) mod contract;\nuse crate::real;\n";
    let (text, modules) = without_tests(&blank_texts(text));
    assert_eq!(text.matches("crate::").count(), 1, "{text}");
    assert!(
        text.lines()
            .nth(7)
            .is_some_and(|line| line.contains("crate::real")),
        "{text}"
    );
    assert_eq!(modules, ["contract"]);
}
