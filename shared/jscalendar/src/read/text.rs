//! Title, description and keywords.

use std::collections::BTreeSet;

use serde_json::Value;
use tidemark_model::{Body, BodyFormat};

use super::members::{Given, Source};
use super::{expect_map, expect_text, mentions, read_enumerated};
use crate::limits::{BODY_BYTES_MAX, KEYWORDS_MAX, TEXT_UNITS_MAX};
use crate::problem::{Findings, Pointer};
use crate::words::BODY_FORMAT;

/// Whether XML 1.0 can carry a character; Exchange is spoken to in XML.
const fn fits_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a text fits a property of one line.
pub(crate) fn fits_line(text: &str) -> bool {
    text.encode_utf16().count() <= TEXT_UNITS_MAX
        && text.chars().all(|c| fits_xml(c) && !c.is_control())
}

/// Reads a text of one line; line breaks and tabs become spaces, as Exchange stores none.
/// Empty text counts as none.
pub(crate) fn read_line(
    text: &str,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<Option<String>> {
    let is_break = |c| matches!(c, '\r' | '\n' | '\t');
    let line = if text.contains(is_break) {
        let parts: Vec<&str> = text.split(is_break).filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    } else {
        text.to_owned()
    };
    if line.encode_utf16().count() > TEXT_UNITS_MAX {
        findings.refuse(
            at,
            "is longer than Exchange holds",
            format!("use at most {TEXT_UNITS_MAX} characters"),
        );
        return None;
    }
    if !line.chars().all(fits_xml) {
        refuse_control(at, findings);
        return None;
    }
    Some(Some(line).filter(|line| !line.is_empty()))
}

fn refuse_control(at: &Pointer, findings: &mut Findings) {
    findings.refuse(
        at,
        "holds control characters that XML 1.0 cannot carry",
        "remove control characters other than tabs and line breaks",
    );
}

/// Reads `title`.
pub(crate) fn read_title(source: &Source<'_>, findings: &mut Findings) -> Option<Option<String>> {
    let at = source.at.member("title");
    match source.get("title") {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Value(value) => read_line(expect_text(value, &at, findings)?, &at, findings),
    }
}

/// Reads `description` with `descriptionContentType`, the type of `old` if only that is given.
pub(crate) fn read_body(
    source: &Source<'_>,
    old: Option<&Body>,
    findings: &mut Findings,
) -> Option<Option<Body>> {
    if !mentions(source.item(), &["description", "descriptionContentType"]) {
        return None;
    }
    let at = source.at.member("description");
    let name = "descriptionContentType";
    let format = match source.get(name) {
        Given::Absent => BodyFormat::Text,
        Given::Null | Given::Value(_) => {
            read_enumerated(source, name, &BODY_FORMAT, BodyFormat::Text, findings)?
        }
    };
    let content = match source.get("description") {
        Given::Null => return Some(None),
        Given::Absent => match old {
            Some(body) => body.content.clone(),
            None => return None,
        },
        Given::Value(value) => expect_text(value, &at, findings)?.to_owned(),
    };
    if content.len() > BODY_BYTES_MAX {
        findings.refuse(
            &at,
            "is longer than is carried",
            format!("use at most {BODY_BYTES_MAX} bytes"),
        );
        return None;
    }
    if !content.chars().all(fits_xml) {
        refuse_control(&at, findings);
        return None;
    }
    Some((!content.is_empty()).then_some(Body { format, content }))
}

/// Reads `keywords`: a map of words to `true`.
pub(crate) fn read_keywords(
    source: &Source<'_>,
    findings: &mut Findings,
) -> Option<BTreeSet<String>> {
    let at = source.at.member("keywords");
    let map = match source.get("keywords") {
        Given::Absent => return None,
        Given::Null => return Some(BTreeSet::new()),
        Given::Value(value) => expect_map(value, &at, KEYWORDS_MAX, findings)?,
    };
    let mut keywords = BTreeSet::new();
    for (word, value) in map {
        if *value != Value::Bool(true) {
            findings.refuse(
                &at,
                "every keyword must have the value true",
                "leave out keywords that do not apply",
            );
        } else if word.trim().is_empty() || !fits_line(word) || word.contains([',', ';']) {
            findings.refuse(
                &at,
                "a keyword is empty, too long, or holds a comma, semicolon or control character",
                format!("use 1 to {TEXT_UNITS_MAX} characters without , and ;"),
            );
        } else {
            keywords.insert(word.clone());
        }
    }
    Some(keywords)
}
