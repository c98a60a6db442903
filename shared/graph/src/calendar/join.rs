//! The part of a body that leads into an online meeting. Without it, Graph would take the meeting
//! offline for good (event-update page).

use tidemark_model::{Body, BodyFormat, Event};

use super::write::WriteError;

/// The lines that enclose the part are eighty underscores (examples of the
/// outlook-calendar-online-meetings page); shorter ones people may draw themselves.
const RULE: &str = "________________________________________";

/// The body to be written so that an event says `target` and its meeting stays online.
///
/// Nothing is added if there is no such meeting, if the present body does not lead into it, or if
/// `target` does so itself.
///
/// # Errors
/// [`WriteError::JoinBlock`] if the present body leads into the meeting, but not in a part of its
/// own.
pub(super) fn keep(current: &Event, target: Option<&Body>) -> Result<Option<Body>, WriteError> {
    let target = target.cloned();
    let (Some(meeting), Some(body)) = (&current.online_meeting, &current.body) else {
        return Ok(target);
    };
    let url = meeting.join_url.as_str();
    let Some(at) = position(body, url) else {
        return Ok(target);
    };
    if target.as_ref().is_some_and(|target| position(target, url).is_some()) {
        return Ok(target);
    }
    let block = block(body, at).ok_or(WriteError::JoinBlock)?;
    Ok(Some(joined(target, body.format, block)))
}

/// Where a body has the URL, as it is or with its ampersands as HTML writes them.
fn position(body: &Body, url: &str) -> Option<usize> {
    if url.is_empty() {
        return None;
    }
    body.content.find(url).or_else(|| match body.format {
        BodyFormat::Html => body.content.find(&url.replace('&', "&amp;")),
        BodyFormat::Text => None,
    })
}

/// The part around the URL, from one rule to the other, with the elements that hold nothing but the
/// rules; without a second rule, to the end of the body.
fn block(body: &Body, at: usize) -> Option<&str> {
    let (before, after) = body.content.split_at_checked(at)?;
    let opening = before_last_rule(before)?;
    let (start, elements) = match body.format {
        BodyFormat::Text => (opening.len(), 0),
        BodyFormat::Html => opened_before(opening),
    };
    let end = match after.find(RULE) {
        Some(rule) => {
            let rest = after.get(rule..)?.trim_start_matches('_');
            after.len().checked_sub(after_closed(rest, elements).len())?
        }
        None => after.find("</body>").unwrap_or(after.len()),
    };
    body.content.get(start..at.checked_add(end)?)
}

/// What stands before the last rule of a text; none if there is no rule.
fn before_last_rule(text: &str) -> Option<&str> {
    let start = text.rfind(RULE)?;
    text.get(..start).map(|before| before.trim_end_matches('_'))
}

/// Where the elements begin that were opened at the end of a text, and how many these are.
fn opened_before(text: &str) -> (usize, usize) {
    let (mut start, mut elements) = (text.len(), 0usize);
    while let Some(rest) = text.get(..start).map(str::trim_end).filter(|t| t.ends_with('>'))
        && let Some(tag) = rest.rfind('<')
        && let Some(name) = rest.get(tag.saturating_add(1)..)
        && ["div", "span", "p"].iter().any(|known| is_tag(name, known))
    {
        start = tag;
        elements = elements.saturating_add(1);
    }
    (start, elements)
}

/// Whether a tag without its first bracket is that of an element.
fn is_tag(tag: &str, element: &str) -> bool {
    let rest = tag.strip_prefix(element);
    rest.is_some_and(|rest| rest.starts_with(|c: char| c == '>' || c.is_whitespace()))
}

/// A text without the closing tags at its beginning, at most so many.
fn after_closed(text: &str, elements: usize) -> &str {
    let mut rest = text;
    for _ in 0..elements {
        let Some(tag) = rest.trim_start().strip_prefix("</") else { break };
        let Some((_, next)) = tag.split_once('>') else { break };
        rest = next;
    }
    rest
}

/// The text of `target` with the block behind it, in HTML unless both are plain.
fn joined(target: Option<Body>, format: BodyFormat, block: &str) -> Body {
    let target = target.unwrap_or(Body { format, content: String::new() });
    match (target.format, format) {
        (BodyFormat::Text, BodyFormat::Text) => {
            Body { format: BodyFormat::Text, content: format!("{}\r\n\r\n{block}", target.content) }
        }
        (BodyFormat::Html, BodyFormat::Html) => html(&target.content, block),
        (BodyFormat::Text, BodyFormat::Html) => html(&to_html(&target.content), block),
        (BodyFormat::Html, BodyFormat::Text) => html(&target.content, &to_html(block)),
    }
}

fn html(text: &str, block: &str) -> Body {
    let end = text.rfind("</body>").unwrap_or(text.len());
    let (inside, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    Body { format: BodyFormat::Html, content: format!("{inside}<br>\r\n{block}{rest}") }
}

fn to_html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "<br>\r\n")
}

#[cfg(test)]
mod tests;
