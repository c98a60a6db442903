//! Writing XML that EWS takes: escaped, and free of what XML 1.0 forbids.

/// Writes elements in the order in which they are asked for. EWS enforces the order of its schema.
pub(super) struct XmlWriter {
    text: String,
}

impl XmlWriter {
    pub(super) const fn new() -> Self {
        Self { text: String::new() }
    }

    /// An element with content; `name` and attribute names are our own literals.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.start(name, attributes);
        self.text.push('>');
        content(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element without content.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.text.push_str("/>");
    }

    /// An element with nothing but text.
    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.element(name, &[], |xml| xml.text(text));
    }

    /// Text between elements.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.text, text);
    }

    /// What was written, in UTF-8.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (attribute, value) in attributes {
            self.text.push(' ');
            self.text.push_str(attribute);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
    }
}

/// Escapes what has a meaning in XML. A character that XML 1.0 cannot hold at all is left out: one
/// of them would cost the whole request. A lone CR is kept as a reference, since a parser would
/// make a line feed of it.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => {
                out.push(character);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut xml = XmlWriter::new();
        xml.element("a", &[("b", text)], |xml| xml.leaf("c", text));
        String::from_utf8(xml.into_bytes()).expect("UTF-8")
    }

    #[test]
    fn markup_is_escaped_and_survives_a_parser() {
        let text = "<b> & \"q\" 'a' \u{1F600}\r\nend";
        let xml = written(text);
        let document = roxmltree::Document::parse(&xml).expect("XML");
        let root = document.root_element();
        assert_eq!(root.first_child().and_then(|node| node.text()), Some(text));
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(written("a\u{0}\u{8}\u{FFFE}z"), "<a b=\"az\"><c>az</c></a>");
    }
}
