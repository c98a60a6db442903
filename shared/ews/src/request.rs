//! The SOAP envelope of a request.

use tidemark_model::MailMode;

use crate::xml::XmlWriter;

/// The schema that a request is written in (ExchangeVersionType). Microsoft advises the lowest that
/// carries what is needed (ews-schema-versions-in-exchange page).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerVersion {
    /// Exchange 2010 SP2.
    Exchange2010Sp2,
    /// Exchange 2013.
    Exchange2013,
    /// Exchange 2013 SP1, which has everything that is used here.
    #[default]
    Exchange2013Sp1,
    /// Exchange 2016.
    Exchange2016,
}

impl ServerVersion {
    /// The word of the schema.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange2010Sp2 => "Exchange2010_SP2",
            Self::Exchange2013 => "Exchange2013",
            Self::Exchange2013Sp1 => "Exchange2013_SP1",
            Self::Exchange2016 => "Exchange2016",
        }
    }
}

/// How fine the server shall write times (datetimeprecision page).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Whole seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// What all requests about one mailbox have in common: their SOAP header.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Request {
    version: ServerVersion,
    impersonated: Option<String>,
    time_zone: Option<String>,
    precision: Option<Precision>,
}

impl Request {
    /// A request in the account's own name, in the schema of Exchange 2013 SP1.
    pub fn new() -> Self {
        Self::default()
    }

    /// In another schema.
    #[must_use]
    pub const fn in_version(mut self, version: ServerVersion) -> Self {
        self.version = version;
        self
    }

    /// In the name of the mailbox with this primary SMTP address (ApplicationImpersonation).
    #[must_use]
    pub fn impersonating(mut self, primary_smtp_address: impl Into<String>) -> Self {
        self.impersonated = Some(primary_smtp_address.into());
        self
    }

    /// With times of the answer in this Windows zone instead of UTC; it is also the zone of times
    /// that are sent without one.
    #[must_use]
    pub fn in_time_zone(mut self, windows_id: impl Into<String>) -> Self {
        self.time_zone = Some(windows_id.into());
        self
    }

    /// With times of the answer as fine as this.
    #[must_use]
    pub const fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = Some(precision);
        self
    }

    /// The whole envelope around an operation, to be posted as `text/xml; charset=utf-8`.
    pub fn build(&self, operation: &impl Operation) -> Vec<u8> {
        let mut xml = XmlWriter::default();
        let namespaces = [("xmlns:s", SOAP), ("xmlns:t", TYPES), ("xmlns:m", MESSAGES)];
        xml.element("s:Envelope", &namespaces, |xml| {
            xml.element("s:Header", &[], |xml| self.write_header(xml));
            xml.element("s:Body", &[], |xml| operation.write(xml));
        });
        xml.into_bytes()
    }

    fn write_header(&self, xml: &mut XmlWriter) {
        let version = [("Version", self.version.as_str())];
        xml.empty("t:RequestServerVersion", &version);
        if let Some(address) = &self.impersonated {
            xml.element("t:ExchangeImpersonation", &[], |xml| {
                xml.element("t:ConnectingSID", &[], |xml| {
                    xml.text("t:PrimarySmtpAddress", address);
                });
            });
        }
        if let Some(id) = &self.time_zone {
            xml.element("t:TimeZoneContext", &[], |xml| {
                xml.empty("t:TimeZoneDefinition", &[("Id", id)]);
            });
        }
        match self.precision {
            Some(Precision::Seconds) => xml.text("t:DateTimePrecision", "Seconds"),
            Some(Precision::Milliseconds) => xml.text("t:DateTimePrecision", "Milliseconds"),
            None => {}
        }
    }
}

impl core::fmt::Debug for Request {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Request")
            .field("version", &self.version)
            .field("impersonates", &self.impersonated.is_some())
            .finish_non_exhaustive()
    }
}

/// Something that EWS can be asked: the element in the body of the envelope.
pub trait Operation: sealed::Sealed {
    /// Writes the element.
    #[doc(hidden)]
    fn write(&self, xml: &mut XmlWriter);
}

pub(crate) mod sealed {
    /// Operations are those of this crate.
    pub trait Sealed {}
}

/// SOAP 1.1.
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Types of EWS, prefix `t`.
pub(crate) const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
/// Messages of EWS, prefix `m`.
pub(crate) const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";

/// CalendarItemCreateOrDeleteOperationType: there is no "changed" where everything is new or gone.
pub(crate) const fn invitations(mail: MailMode) -> &'static str {
    match mail {
        MailMode::Silent => "SendToNone",
        MailMode::All | MailMode::Changed => "SendToAllAndSaveCopy",
    }
}

/// CalendarItemUpdateOperationType.
pub(crate) const fn updates(mail: MailMode) -> &'static str {
    match mail {
        MailMode::Silent => "SendToNone",
        MailMode::All => "SendToAllAndSaveCopy",
        MailMode::Changed => "SendToChangedAndSaveCopy",
    }
}
