//! What the simulator wants to be posted to listeners.

/// One HTTP POST to make now. Its answer goes to
/// [`Simulator::callback_answered`](crate::Simulator::callback_answered).
#[derive(Clone)]
pub struct Callback {
    /// Number of the attempt.
    pub id: u64,
    /// Where to.
    pub url: String,
    /// SOAP envelope with `SendNotification`, or what Graph posts.
    pub body: String,
    /// Which of the two, or the question before Graph posts anything.
    pub kind: CallbackKind,
}

/// What a callback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackKind {
    /// A push notification of EWS.
    EwsPush,
    /// Graph's `validationToken`: the answer repeats it as plain text within 10 s.
    Handshake,
    /// Change or lifecycle notifications of Graph.
    GraphNotification,
}

impl Callback {
    /// The headers that go with this callback.
    pub const fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            CallbackKind::EwsPush => &Self::HEADERS,
            CallbackKind::Handshake => &[("content-type", "text/plain; charset=utf-8")],
            CallbackKind::GraphNotification => {
                &[("content-type", "application/json; charset=utf-8")]
            }
        }
    }

    /// The headers that Exchange sends with a push of EWS (exchange-ews.md 4.2).
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
