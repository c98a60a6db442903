//! XML in both directions, as narrow as EWS needs it.

pub(crate) mod reader;
mod text;
pub(crate) mod writer;

pub(crate) use reader::{Element, Level, Xml, decode};
pub(crate) use writer::XmlWriter;
