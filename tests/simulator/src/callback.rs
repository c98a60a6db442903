//! What the simulator wants to be posted to listeners.

/// One HTTP POST to make now. Its answer goes to
/// [`Simulator::callback_answered`](crate::Simulator::callback_answered).
#[derive(Clone)]
pub struct Callback {
    /// Number of the attempt.
    pub id: u64,
    /// Where to.
    pub url: String,
    /// SOAP envelope with `SendNotification`.
    pub body: String,
}

impl Callback {
    /// The headers that Exchange sends with a callback (exchange-ews.md 4.2).
    pub const HEADERS: [(&'static str, &'static str); 4] = [
        ("content-type", "text/xml; charset=utf-8"),
        ("accept", "text/xml"),
        ("connection", "close"),
        (
            "soapaction",
            "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification",
        ),
    ];
}
