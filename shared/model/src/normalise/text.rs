//! Text as far as it is compared: what a reader of it sees, with white space collapsed.

use crate::event::{Body, BodyFormat};

/// Longest entity name or number that is decoded, in bytes; longer ones stay as they are.
const ENTITY_BYTES_MAX: usize = 10;

/// Tags that do not part words; every other tag does.
const INLINE_TAGS: [&str; 20] = [
    "a", "abbr", "b", "big", "bdo", "cite", "code", "em", "font", "i", "ins", "mark", "o:p", "s",
    "small", "span", "strong", "sub", "sup", "u",
];

/// Elements whose content nobody sees.
const HIDDEN_TAGS: [&str; 3] = ["style", "script", "title"];

/// What there is to read in a body: tags and comments removed, entities decoded, white space
/// collapsed. Pictures and link targets are not text. For comparison only, never to be shown or
/// sent: it is no sanitiser.
pub(crate) fn readable(body: &Body) -> String {
    match body.format {
        BodyFormat::Text => collapsed(&body.content),
        BodyFormat::Html => collapsed(&without_markup(&body.content)),
    }
}

/// Runs of white space, no-break spaces among it, as one space each, and none at the ends.
fn collapsed(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !result.is_empty() {
            result.push(' ');
        }
        result.push_str(word);
    }
    result
}

/// One pass: every construct that does not end makes the rest plain text, so no part of the input
/// is searched twice.
fn without_markup(html: &str) -> String {
    let mut result = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (text, markup) = rest.split_at(at);
        result.push_str(text);
        let taken = if markup.starts_with('&') {
            Some(take_entity(markup, &mut result))
        } else {
            take_tag(markup, &mut result)
        };
        let Some(next) = taken.and_then(|length| markup.get(length..)) else {
            result.push_str(markup);
            return result;
        };
        rest = next;
    }
    result.push_str(rest);
    result
}

/// How many bytes an entity takes; an ampersand that begins none is copied.
fn take_entity(markup: &str, result: &mut String) -> usize {
    let name_end =
        markup.bytes().take(ENTITY_BYTES_MAX.saturating_add(2)).position(|byte| byte == b';');
    let decoded = name_end.and_then(|end| decode_entity(markup.get(1..end)?).zip(Some(end)));
    if let Some((character, end)) = decoded {
        result.push(character);
        end.saturating_add(1)
    } else {
        result.push('&');
        1
    }
}

fn decode_entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "ccedil" => 'ç',
        "euro" => '€',
        "copy" => '©',
        "reg" => '®',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bdquo" => '„',
        "bull" => '•',
        _ => return None,
    })
}

/// How many bytes a tag or comment takes, hidden content included; none if it does not end.
fn take_tag(markup: &str, result: &mut String) -> Option<usize> {
    if markup.starts_with("<!--") {
        return markup.find("-->").map(|at| at.saturating_add(3));
    }
    let inner = markup.get(1..)?;
    let name_start = inner.strip_prefix('/').unwrap_or(inner);
    if !name_start.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
        result.push('<');
        return Some(1);
    }
    let length = markup.find('>')?.saturating_add(1);
    let name_length = name_start
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(name_start.len());
    let name = name_start.get(..name_length)?.to_ascii_lowercase();
    if !INLINE_TAGS.contains(&name.as_str()) {
        result.push(' ');
    }
    if inner.starts_with('/') || !HIDDEN_TAGS.contains(&name.as_str()) {
        return Some(length);
    }
    let hidden = find_closing(markup.get(length..)?, &name)?;
    length.checked_add(hidden)
}

/// Where `</name` begins, in any case.
fn find_closing(text: &str, name: &str) -> Option<usize> {
    let closing = format!("</{name}");
    text.as_bytes()
        .windows(closing.len())
        .position(|window| window.eq_ignore_ascii_case(closing.as_bytes()))
}
