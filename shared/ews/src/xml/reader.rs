//! A pull reader over one answer: children of an element, texts, attributes.
//!
//! Names are compared by their local part alone: real servers put elements into other namespaces
//! than the schema says (`m:Notification`, exchange-ews.md 0). Whatever a caller leaves unread of an
//! element is skipped without a copy when it asks for the next sibling, so that a reader which gives
//! up in the middle of an item does not disturb the item after it.

use std::borrow::Cow;
use std::io::BufRead as _;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::text;
use crate::bounds::{ATTRIBUTES_MAX, DEPTH_MAX};
use crate::error::Unreadable;

/// The bytes of an answer as text: without a byte order mark, and with U+FFFD in place of what is
/// not UTF-8.
pub(crate) fn decode(bytes: &[u8], bytes_max: usize) -> Result<Cow<'_, str>, Unreadable> {
    if bytes.len() > bytes_max {
        return Err(Unreadable::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // Nearly all answers are UTF-8, and the plain check of that is the cheaper one.
    Ok(core::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed))
}

/// How deep an element's inside lies; zero is outside of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(u32);

impl Level {
    /// Outside of the root element.
    pub(crate) const DOCUMENT: Self = Self(0);
}

/// The start of an element.
pub(crate) struct Element<'a> {
    start: BytesStart<'a>,
    /// Its inside.
    pub(crate) level: Level,
}

impl Element<'_> {
    /// Its local name.
    pub(crate) fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }

    /// The values of attributes, by local name, in one pass over them.
    pub(crate) fn attributes<const N: usize>(&self, names: [&str; N]) -> [Option<Cow<'_, str>>; N] {
        let mut values = [const { None }; N];
        let mut attributes = self.start.attributes();
        let found = attributes.with_checks(false).take(ATTRIBUTES_MAX);
        for attribute in found.filter_map(Result::ok) {
            let name = attribute.key.local_name().into_inner();
            let slot = names.iter().zip(&mut values).find(|(wanted, _)| **wanted == name);
            if let Some((_, slot)) = slot {
                slot.get_or_insert(text::unescaped(attribute.value));
            }
        }
        values
    }

    /// The value of an attribute, by local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let [value] = self.attributes([name]);
        value
    }
}

/// A position in a document.
pub(crate) struct Xml<'a> {
    document: &'a str,
    reader: Reader<&'a [u8]>,
    depth: u32,
}

impl<'a> Xml<'a> {
    /// The beginning of a document.
    pub(crate) fn new(document: &'a str) -> Self {
        let mut reader = Reader::from_str(document);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { document, reader, depth: 0 }
    }

    /// The next child of the element whose inside is `level`, or none at its end.
    pub(crate) fn child(&mut self, level: Level) -> Result<Option<Element<'a>>, Unreadable> {
        while self.depth >= level.0 {
            match self.event()? {
                Event::Start(start) if self.depth == level.0.saturating_add(1) => {
                    return Ok(Some(Element { start, level: Level(self.depth) }));
                }
                Event::Eof if level == Level::DOCUMENT => return Ok(None),
                Event::Eof => return Err(Unreadable::Truncated),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The text of an element without that of its children, as it was written.
    pub(crate) fn text(&mut self, element: &Element<'_>) -> Result<Cow<'a, str>, Unreadable> {
        let level = element.level.0;
        if self.depth == level
            && let Some(plain) = self.plain_text()
        {
            return Ok(text::cleaned(text::resolved(plain)));
        }
        let mut found: Cow<'a, str> = Cow::Borrowed("");
        while self.depth >= level {
            let event = self.event()?;
            let inside = self.depth == level;
            match event {
                Event::Text(part) if inside => append(&mut found, part.xml10_content()),
                Event::CData(part) if inside => append(&mut found, part.xml10_content()),
                Event::GeneralRef(name) if inside => {
                    text::push_reference(found.to_mut(), &name.into_inner());
                }
                Event::Eof => return Err(Unreadable::Truncated),
                _ => {}
            }
        }
        Ok(text::cleaned(found))
    }

    /// Takes the text from here up to an end tag in one piece, if nothing else stands between.
    ///
    /// Bodies are half of what a server sends, and every reference in them would be a token.
    fn plain_text(&mut self) -> Option<&'a str> {
        let position = usize::try_from(self.reader.buffer_position()).ok()?;
        let (read, rest) = self.document.split_at_checked(position)?;
        let (text, markup) = rest.split_once('<')?;
        // Of an empty element, the end is still to come though nothing of it stands in the document.
        if !markup.starts_with('/') || read.ends_with("/>") || text.contains('\r') {
            return None;
        }
        self.reader.stream().consume(text.len());
        Some(text)
    }

    /// The text of an element without white space around it: numbers, words, ids.
    pub(crate) fn word(&mut self, element: &Element<'_>) -> Result<Cow<'a, str>, Unreadable> {
        Ok(match self.text(element)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    }

    /// The text of an element if it says anything.
    pub(crate) fn filled(&mut self, element: &Element<'_>) -> Result<Option<String>, Unreadable> {
        let text = self.text(element)?;
        Ok((!text.is_empty()).then(|| text.into_owned()))
    }

    /// What an element's text says, or none if it is not of that form.
    pub(crate) fn parsed<T: core::str::FromStr>(
        &mut self,
        element: &Element<'_>,
    ) -> Result<Option<T>, Unreadable> {
        Ok(self.word(element)?.parse().ok())
    }

    /// A boolean of XML Schema, or none if it is something else.
    pub(crate) fn boolean(&mut self, element: &Element<'_>) -> Result<Option<bool>, Unreadable> {
        Ok(boolean(&self.word(element)?))
    }

    fn event(&mut self) -> Result<Event<'a>, Unreadable> {
        let event = self.reader.read_event().map_err(|error| Unreadable::of(&error))?;
        match &event {
            Event::Start(_) => {
                self.depth = self.depth.saturating_add(1);
                if self.depth > DEPTH_MAX {
                    return Err(Unreadable::TooDeep);
                }
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            // Entities come from there: nobody needs one, and a bomb is made of them.
            Event::DocType(_) => return Err(Unreadable::Doctype),
            _ => {}
        }
        Ok(event)
    }
}

/// A boolean of XML Schema; gromox writes capitals.
pub(crate) fn boolean(word: &str) -> Option<bool> {
    match word {
        "true" | "1" | "True" => Some(true),
        "false" | "0" | "False" => Some(false),
        _ => None,
    }
}

fn append<'a>(text: &mut Cow<'a, str>, part: Cow<'a, str>) {
    if text.is_empty() {
        *text = part;
    } else {
        text.to_mut().push_str(&part);
    }
}
