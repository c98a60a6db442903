//! Reading XML as Exchange writes it: by local names, whatever the prefixes are.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting that is read. EWS stays below 20; deeper is no answer of it.
const DEPTH_MAX: usize = 64;

/// Most elements that are read in one answer, so that many tiny ones do not take many times the
/// memory of the answer. A page of 512 changes has some 2,000, ten large meetings some 20,000.
const NODES_MAX: usize = 400_000;

/// Why a text is not read as XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TreeError {
    /// It is not well-formed.
    Malformed,
    /// It declares a document type; nothing that we talk to does that honestly.
    DocumentType,
    /// It nests deeper or has more elements than any answer.
    TooLarge,
}

/// An element with all that is in it.
#[derive(Default)]
pub(super) struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Self>,
}

impl Node {
    /// Reads a whole text. Bytes that are not UTF-8 and references to characters that cannot be
    /// are replaced or left out: Exchange lets through what people once pasted into a subject.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TreeError> {
        let text = String::from_utf8_lossy(bytes);
        let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
        let mut builder = Builder::default();
        loop {
            match reader.read_event().map_err(|_| TreeError::Malformed)? {
                Event::Start(start) => builder.open(Self::of_start(&start))?,
                Event::Empty(start) => {
                    builder.open(Self::of_start(&start))?;
                    builder.close();
                }
                Event::End(_) => builder.close(),
                Event::Text(text) => builder.push_text(&text.xml10_content()),
                Event::CData(text) => builder.push_text(&text.xml10_content()),
                Event::GeneralRef(name) => {
                    if let Some(character) = referenced(&name.into_inner()) {
                        builder.push_text(character.encode_utf8(&mut [0; 4]));
                    }
                }
                Event::DocType(_) => return Err(TreeError::DocumentType),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => return builder.finish(),
            }
        }
    }

    fn of_start(start: &BytesStart<'_>) -> Self {
        let mut attributes = start.attributes();
        let attributes = attributes.with_checks(false).flatten();
        Self {
            name: local(start.name().0).to_owned(),
            attributes: attributes
                .map(|attribute| {
                    let name = local(attribute.key.0).to_owned();
                    (name, unescaped(&attribute.value))
                })
                .collect(),
            ..Self::default()
        }
    }

    /// The local name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The text directly in it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// An attribute by its local name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The elements directly in it.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        self.children.iter()
    }

    /// The first element with this name directly in it.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children().find(|child| child.name == name)
    }

    /// The element at the end of a path of first children.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.child(name))
    }

    /// The trimmed text of a child; none if the child is missing.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        Some(self.child(name)?.text.trim())
    }
}

#[derive(Default)]
struct Builder {
    open: Vec<Node>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder {
    fn open(&mut self, node: Node) -> Result<(), TreeError> {
        self.nodes = self.nodes.saturating_add(1);
        if self.open.len() >= DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(TreeError::TooLarge);
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(TreeError::Malformed);
        }
        self.open.push(node);
        Ok(())
    }

    fn close(&mut self) {
        let Some(node) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
    }

    fn push_text(&mut self, text: &str) {
        if let Some(node) = self.open.last_mut() {
            node.text.push_str(text);
        }
    }

    fn finish(self) -> Result<Node, TreeError> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            Some(_) | None => Err(TreeError::Malformed),
        }
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The character that a reference such as `amp` or `#x41` stands for, if there is one.
fn referenced(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?).filter(|character| {
                !character.is_control() || matches!(character, '\t' | '\n' | '\r')
            })
        }
    }
}

fn unescaped(raw: &str) -> String {
    let mut parts = raw.split('&');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(';') {
            Some((name, rest)) => {
                text.extend(referenced(name));
                text.push_str(rest);
            }
            None => text.push_str(part),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<TreeError> {
        Node::parse(text.as_bytes()).err()
    }

    #[test]
    fn elements_are_found_by_local_name() {
        let root = Node::parse(b"<?xml version=\"1.0\"?><s:a x:b='1 &amp; 2'><q:c>t&#101;xt<![CDATA[<>]]></q:c><d/></s:a>")
            .expect("XML");
        assert_eq!((root.name(), root.attribute("b")), ("a", Some("1 & 2")));
        assert_eq!(root.text_of("c"), Some("text<>"));
        assert!(root.at(&["d"]).is_some() && root.at(&["d", "c"]).is_none());
    }

    #[test]
    fn characters_that_cannot_be_are_left_out() {
        let root = Node::parse(b"<a b='x&#x0;y'>1&#x0;2&#xB;3&unknown;\xFF</a>").expect("XML");
        assert_eq!(root.text(), "123\u{FFFD}");
        assert_eq!(root.attribute("b"), Some("xy"));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in ["", "text", "<a>", "<a></b>", "<a/><b/>"] {
            assert_eq!(refused(text), Some(TreeError::Malformed), "{text}");
        }
        let bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
        assert_eq!(refused(bomb), Some(TreeError::DocumentType));
        let deep = "<a>".repeat(DEPTH_MAX + 1);
        assert_eq!(refused(&deep), Some(TreeError::TooLarge));
        let wide = format!("<a>{}</a>", "<b/>".repeat(NODES_MAX));
        assert_eq!(refused(&wide), Some(TreeError::TooLarge));
    }
}
