//! A writer of small XML documents. Prefixes are fixed: `t` for types, `m` for messages.

/// An XML text under construction.
#[derive(Default)]
pub(crate) struct Xml(String, bool);

impl Xml {
    /// Opens an element with attributes.
    pub(crate) fn open(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.tag(tag, attributes);
        self.0.push('>');
    }

    /// Closes an element.
    pub(crate) fn close(&mut self, tag: &str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element with text.
    pub(crate) fn leaf(&mut self, tag: &str, text: &str) {
        self.leaf_with(tag, &[], text);
    }

    /// An element with attributes and text.
    pub(crate) fn leaf_with(&mut self, tag: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(tag, attributes);
        escape(&mut self.0, text);
        self.close(tag);
    }

    /// An element with `true` or `false`.
    pub(crate) fn flag(&mut self, tag: &str, value: bool) {
        self.leaf(tag, if value { "true" } else { "false" });
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.tag(tag, attributes);
        self.0.push_str("/>");
    }

    /// Text that is XML already.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }

    /// Marks the answer as one of several possible ones.
    pub(crate) const fn set_partial(&mut self) {
        self.1 = true;
    }

    /// Whether it is marked so.
    pub(crate) const fn is_partial(&self) -> bool {
        self.1
    }

    /// What was written.
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn tag(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(&mut self.0, value);
            self.0.push('"');
        }
    }
}

/// Escapes what XML needs and drops what XML 1.0 cannot hold.
fn escape(onto: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => onto.push_str("&amp;"),
            '<' => onto.push_str("&lt;"),
            '>' => onto.push_str("&gt;"),
            '"' => onto.push_str("&quot;"),
            '\r' => onto.push_str("&#xD;"),
            '\n' | '\t' => onto.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => onto.push(character),
        }
    }
}
