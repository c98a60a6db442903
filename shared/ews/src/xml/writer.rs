//! Writing elements in the order in which they are called for, which is the order of the schema.

use super::text::push_escaped;

/// A document, or a part of one, that grows.
#[derive(Clone, Default)]
pub struct XmlWriter {
    out: String,
}

impl XmlWriter {
    /// An element with content.
    pub(crate) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.out.push('>');
        content(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// An element that holds nothing but attributes.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.out.push_str("/>");
    }

    /// An element that holds text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, &[], |xml| xml.push_text(text));
    }

    /// An element that holds text, if there is any.
    pub(crate) fn text_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// An element that holds `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    /// Text inside of the element that is open.
    pub(crate) fn push_text(&mut self, text: &str) {
        push_escaped(&mut self.out, text, false);
    }

    /// What another writer has written.
    pub(crate) fn push_part(&mut self, part: &Self) {
        self.out.push_str(&part.out);
    }

    /// The bytes, in UTF-8.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// What was written so far.
    pub(crate) fn as_str(&self) -> &str {
        &self.out
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            push_escaped(&mut self.out, value, true);
            self.out.push('"');
        }
    }
}
