//! GetServerTimeZones: the zones that the server knows, with their rules.

use crate::bounds::ZONES_MAX;
use crate::error::EwsError;
use crate::id::bounded;
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, read_messages};
use crate::xml::XmlWriter;
use crate::zone::ZoneDefinition;

/// Asks for zones (getservertimezones-operation page).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GetServerTimeZones {
    /// Windows ids; none means all.
    pub ids: Vec<String>,
    /// Whether with periods and transitions.
    pub full: bool,
}

impl Sealed for GetServerTimeZones {}
impl Operation for GetServerTimeZones {
    fn write(&self, xml: &mut XmlWriter) {
        let full = if self.full { "true" } else { "false" };
        let attributes = [("ReturnFullTimeZoneData", full)];
        xml.element("m:GetServerTimeZones", &attributes, |xml| {
            if !self.ids.is_empty() {
                xml.element("m:Ids", &[], |xml| {
                    self.ids.iter().for_each(|id| xml.text("t:Id", id));
                });
            }
        });
    }
}

impl GetServerTimeZones {
    /// Reads the answer: a list of zones in one message.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Vec<ZoneDefinition>>, EwsError> {
        type Zones = Vec<ZoneDefinition>;
        read_messages(bytes, "GetServerTimeZones", |xml, part, zones: &mut Zones| {
            if part.name() == "TimeZoneDefinitions" {
                while let Some(zone) = xml.child(part.level)? {
                    bounded(zones, ZONES_MAX, "time zones")?;
                    zones.push(ZoneDefinition::read(xml, &zone)?);
                }
            }
            Ok(())
        })
    }
}
