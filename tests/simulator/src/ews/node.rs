//! Reading requests by local name, without regard to prefixes.

use roxmltree::Node;

/// What requests are asked for.
pub(crate) trait Read<'a, 'input: 'a> {
    /// The first child element of this name.
    fn child(self, name: &str) -> Option<Node<'a, 'input>>;
    /// The first element below, at any depth.
    fn below(self, name: &str) -> Option<Node<'a, 'input>>;
    /// The child elements.
    fn elements(self) -> impl Iterator<Item = Node<'a, 'input>>;
    /// The text of the first child element of this name.
    fn child_text(self, name: &str) -> Option<&'a str>;
    /// The text directly inside; empty if there is none.
    fn inner(self) -> &'a str;
    /// The local name.
    fn name(self) -> &'a str;
}

impl<'a, 'input: 'a> Read<'a, 'input> for Node<'a, 'input> {
    fn child(self, name: &str) -> Option<Node<'a, 'input>> {
        self.elements().find(|node| node.tag_name().name() == name)
    }

    fn below(self, name: &str) -> Option<Node<'a, 'input>> {
        self.descendants().find(|node| node.is_element() && node.tag_name().name() == name)
    }

    fn elements(self) -> impl Iterator<Item = Node<'a, 'input>> {
        self.children().filter(Node::is_element)
    }

    fn child_text(self, name: &str) -> Option<&'a str> {
        self.child(name).map(Read::inner)
    }

    fn inner(self) -> &'a str {
        self.text().unwrap_or("")
    }

    fn name(self) -> &'a str {
        // The name borrows from the document, which outlives the node.
        let name: &'a str = self.tag_name().name();
        name
    }
}
