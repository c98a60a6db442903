//! Names of properties in requests, and extended properties.

use crate::xml::XmlWriter;

/// A property by its name in a request (fielduri, extendedfielduri pages).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PropertyPath {
    /// A property of the schema: `item:Subject`.
    Field(&'static str),
    /// A property of the store.
    Extended(ExtendedField),
}

impl PropertyPath {
    pub(crate) fn write(self, xml: &mut XmlWriter) {
        match self {
            Self::Field(uri) => xml.empty("t:FieldURI", &[("FieldURI", uri)]),
            Self::Extended(field) => field.write(xml),
        }
    }
}

/// A property of the store that the schema has no name for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedField {
    /// The set that it belongs to.
    pub set: PropertySet,
    /// Its name in the set.
    pub name: PropertyName,
    /// Its MAPI type: `String`, `Binary`, ...
    pub kind: &'static str,
}

/// A set of properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PropertySet {
    /// By GUID.
    Guid(&'static str),
    /// By Microsoft's name: `Meeting`, `Common`, ...
    Distinguished(&'static str),
}

/// The name of a property in its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PropertyName {
    /// A word.
    Text(&'static str),
    /// A number.
    Number(u32),
}

impl ExtendedField {
    pub(crate) fn write(self, xml: &mut XmlWriter) {
        let set = match self.set {
            PropertySet::Guid(guid) => ("PropertySetId", guid),
            PropertySet::Distinguished(name) => ("DistinguishedPropertySetId", name),
        };
        let number;
        let name = match self.name {
            PropertyName::Text(name) => ("PropertyName", name),
            PropertyName::Number(id) => {
                number = id.to_string();
                ("PropertyId", number.as_str())
            }
        };
        let kind = ("PropertyType", self.kind);
        xml.empty("t:ExtendedFieldURI", &[set, name, kind]);
    }
}

/// How much of an item or folder an answer shall hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// What is asked for besides the id.
    pub properties: Vec<PropertyPath>,
    /// Whether the body comes as it is stored, HTML or text, if it was asked for.
    pub body: bool,
}

impl Shape {
    /// Nothing but the id.
    pub const fn id_only() -> Self {
        Self { properties: Vec::new(), body: false }
    }

    pub(crate) fn write(&self, name: &str, xml: &mut XmlWriter) {
        xml.element(name, &[], |xml| {
            xml.text("t:BaseShape", "IdOnly");
            if self.body {
                xml.text("t:BodyType", "Best");
            }
            if !self.properties.is_empty() {
                xml.element("t:AdditionalProperties", &[], |xml| {
                    for property in &self.properties {
                        property.write(xml);
                    }
                });
            }
        });
    }
}
