//! Characters: references, and what XML 1.0 forbids.

use std::borrow::Cow;

/// What stands in for a character that XML 1.0 forbids.
pub(super) const REPLACEMENT: char = '\u{FFFD}';

/// Whether XML 1.0 allows a character (section 2.2 of the recommendation).
pub(super) const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Replaces characters that XML forbids but readers let through, so that a text that is written
/// back reads the same.
#[expect(clippy::needless_bitwise_bool, reason = "without branches many bytes are taken at once")]
pub(super) fn cleaned(text: Cow<'_, str>) -> Cow<'_, str> {
    // All bytes are looked at, whatever was found: like this, the compiler takes many at once.
    let suspicious =
        |b: u8| ((b < 0x20) & (b != b'\t') & (b != b'\n') & (b != b'\r')) | (b == 0xEF);
    if !text.bytes().fold(false, |found, b| found | suspicious(b)) || text.chars().all(is_allowed) {
        return text;
    }
    let replaced = |c| if is_allowed(c) { c } else { REPLACEMENT };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// Appends what a reference (`amp`, `#10`, `#x0`) stands for.
///
/// Exchange sends references to characters that XML forbids, `&#x0;` and `&#x1A;` among them; they
/// become U+FFFD. There is no DTD, so any other name is kept as it was written.
pub(super) fn push_reference(out: &mut String, name: &str) {
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let Some(number) = name.strip_prefix('#') else {
                out.push('&');
                out.push_str(name);
                out.push(';');
                return;
            };
            numbered(number)
        }
    };
    out.push(character);
}

fn numbered(number: &str) -> char {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32).filter(|c| is_allowed(*c)).unwrap_or(REPLACEMENT)
}

/// The value of an attribute with its references resolved.
pub(super) fn unescaped(raw: Cow<'_, str>) -> Cow<'_, str> {
    match raw {
        Cow::Borrowed(raw) => cleaned(resolved(raw)),
        Cow::Owned(raw) => Cow::Owned(cleaned(resolved(&raw)).into_owned()),
    }
}

/// A text with its references resolved. An `&` without its `;` stands for itself.
pub(super) fn resolved(raw: &str) -> Cow<'_, str> {
    let Some((before, mut rest)) = raw.split_once('&') else { return Cow::Borrowed(raw) };
    let mut out = String::with_capacity(raw.len());
    out.push_str(before);
    loop {
        let (part, next) = match split_at_mark(rest, b'&') {
            Some((part, next)) => (part, Some(next)),
            None => (rest, None),
        };
        if let Some((name, tail)) = split_at_mark(part, b';') {
            push_reference(&mut out, name);
            out.push_str(tail);
        } else {
            out.push('&');
            out.push_str(part);
        }
        let Some(next) = next else { return Cow::Owned(out) };
        rest = next;
    }
}

/// What stands before and after the first `mark`, an ASCII character. Marks lie close together
/// here, and a plain loop then finds them in less time than `split_once`.
fn split_at_mark(text: &str, mark: u8) -> Option<(&str, &str)> {
    let position = text.bytes().position(|b| b == mark)?;
    let (before, after) = text.split_at_checked(position)?;
    Some((before, after.get(1..)?))
}

/// Appends text as XML: markup escaped, characters that XML 1.0 forbids left out.
///
/// A carriage return is written as a reference, since XML would make a line feed of it; in
/// attributes the same holds for every white space but the blank.
pub(super) fn push_escaped(out: &mut String, text: &str, attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '"' if attribute => out.push_str("&quot;"),
            '\n' if attribute => out.push_str("&#10;"),
            '\t' if attribute => out.push_str("&#9;"),
            c if is_allowed(c) => out.push(c),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_what_is_none_stands_for_itself() {
        let cases = [
            ("plain", "plain"),
            ("", ""),
            ("&lt;p&gt;a &amp; b&lt;/p&gt;", "<p>a & b</p>"),
            ("&quot;&apos;", "\"'"),
            ("&#65;&#x42;", "AB"),
            ("a & b", "a & b"),
            ("a &", "a &"),
            ("&&amp;;", "&&;"),
        ];
        for (raw, text) in cases {
            assert_eq!(resolved(raw), text, "{raw}");
        }
        assert!(matches!(resolved("plain"), Cow::Borrowed(_)));
        assert!(!cleaned(resolved("a&#0;b")).contains('\0'));
    }
}
