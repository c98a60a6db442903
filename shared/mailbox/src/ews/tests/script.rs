//! An [`HttpPort`] that answers what it was told, and XML as Exchange writes it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use roxmltree::Document;
use secrecy::SecretString;
use tidemark_model::Zone;
use tidemark_transport::{Clock, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError};

use super::*;

/// A clock that stands still until it is moved.
pub(super) struct StoppedClock(AtomicI64);

impl StoppedClock {
    pub(super) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).expect("a time")
    }

    async fn sleep(&self, _: Duration) {
        panic!("the adapter never sleeps");
    }
}

struct Zeroes;

impl Entropy for Zeroes {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

/// What happens to one request.
pub(in crate::ews) struct Step(Result<HttpResponse, TransportError>);

impl Step {
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        let response = self.0.as_mut().expect("an answer");
        response.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }
}

impl From<(u16, String)> for Step {
    fn from((status, body): (u16, String)) -> Self {
        Self(Ok(HttpResponse { status, headers: HeaderMap::new(), body: Bytes::from(body) }))
    }
}

impl From<(TransportFault, Delivery)> for Step {
    fn from((fault, delivery): (TransportFault, Delivery)) -> Self {
        Self(Err(TransportError { fault, delivery }))
    }
}

pub(super) fn answer(body: &str) -> Step {
    (200, body.to_owned()).into()
}

/// Answers in turn; dropping it fails the test if an answer was not asked for.
pub(in crate::ews) struct Script {
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<HttpRequest>>,
    pub(super) clock: Arc<StoppedClock>,
}

impl Script {
    pub(in crate::ews) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self {
            steps: Mutex::new(steps.into_iter().collect()),
            seen: Mutex::new(Vec::new()),
            clock: Arc::new(StoppedClock(AtomicI64::new(1_772_000_000))),
        })
    }

    pub(super) fn request(&self, index: usize) -> HttpRequest {
        self.seen.lock().expect("lock")[index].clone()
    }

    /// The operations that were asked for: the names of the elements in the SOAP bodies.
    pub(super) fn operations(&self) -> Vec<String> {
        let count = self.seen.lock().expect("lock").len();
        (0..count)
            .map(|index| {
                self.inspect(index, |document| {
                    let body = document.descendants().find(|node| node.has_tag_name("Body"));
                    let body = body.or_else(|| {
                        document.descendants().find(|node| node.tag_name().name() == "Body")
                    });
                    let operation = body.expect("a body").first_element_child();
                    operation.expect("an operation").tag_name().name().to_owned()
                })
            })
            .collect()
    }

    /// The texts of all elements with a local name in one request.
    pub(super) fn texts(&self, index: usize, name: &str) -> Vec<String> {
        self.inspect(index, |document| {
            document
                .descendants()
                .filter(|node| node.tag_name().name() == name)
                .map(|node| node.text().unwrap_or_default().to_owned())
                .collect()
        })
    }

    /// The values of an attribute of all elements with a local name in one request.
    pub(super) fn attributes(&self, index: usize, name: &str, attribute: &str) -> Vec<String> {
        self.inspect(index, |document| {
            document
                .descendants()
                .filter(|node| node.tag_name().name() == name)
                .filter_map(|node| node.attribute(attribute))
                .map(str::to_owned)
                .collect()
        })
    }

    fn inspect<T>(&self, index: usize, look: impl FnOnce(&Document<'_>) -> T) -> T {
        let request = self.request(index);
        let text = core::str::from_utf8(&request.body).expect("UTF-8");
        look(&Document::parse(text).expect("XML"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let left = self.steps.get_mut().expect("lock").len();
        assert!(std::thread::panicking() || left == 0, "{left} answers were not asked for");
    }
}

#[async_trait]
impl HttpPort for Script {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.seen.lock().expect("lock").push(request);
        let step = self.steps.lock().expect("lock").pop_front();
        step.expect("a request without an answer in the script").0
    }
}

pub(in crate::ews) fn mailbox(script: &Arc<Script>, access: Access) -> EwsMailbox {
    let clock = Arc::clone(&script.clock);
    let limiter = ConnectionLimiter::new().mailbox("alex", clock.now());
    EwsMailbox::new(EwsEndpoint {
        url: EwsUrl::parse("https://mail.example/EWS/Exchange.asmx").expect("a URL"),
        credential: Credential::Basic {
            user: BasicUser::parse("svc").expect("a name"),
            password: SecretString::from("secret"),
        },
        mailbox: MailboxAddress::parse("alex@tidemark.example").expect("an address"),
        access,
        zone: Zone::parse("Europe/Berlin").expect("a zone"),
        http: Arc::<Script>::clone(script),
        clock,
        entropy: Arc::new(Zeroes),
        limiter,
    })
}

/// A whole answer of an operation with its messages.
pub(super) fn soap(operation: &str, messages: &[String]) -> String {
    let messages = messages.concat();
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <s:Header><h:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"2\" \
         MajorBuildNumber=\"2562\" MinorBuildNumber=\"17\" Version=\"V2017_07_11\" \
         xmlns:h=\"http://schemas.microsoft.com/exchange/services/2006/types\"/></s:Header><s:Body>\
         <m:{operation}Response \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
         <m:ResponseMessages>{messages}</m:ResponseMessages></m:{operation}Response>\
         </s:Body></s:Envelope>"
    )
}

pub(super) fn message(operation: &str, content: &str) -> String {
    format!(
        "<m:{operation}ResponseMessage ResponseClass=\"Success\">\
         <m:ResponseCode>NoError</m:ResponseCode>{content}</m:{operation}ResponseMessage>"
    )
}

pub(super) fn error_message(operation: &str, code: &str) -> String {
    format!(
        "<m:{operation}ResponseMessage ResponseClass=\"Error\"><m:MessageText>no</m:MessageText>\
         <m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>\
         </m:{operation}ResponseMessage>"
    )
}

/// A calendar item as GetItem shows it, from its id, its ChangeKey and further elements.
pub(super) fn item(id: &str, key: &str, kind: &str, further: &str) -> String {
    format!(
        "<t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"{key}\"/>\
         <t:Subject>subject of {id}</t:Subject><t:Sensitivity>Normal</t:Sensitivity>\
         <t:ReminderIsSet>false</t:ReminderIsSet><t:UID>uid</t:UID>{further}\
         <t:IsAllDayEvent>false</t:IsAllDayEvent>\
         <t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>\
         <t:CalendarItemType>{kind}</t:CalendarItemType></t:CalendarItem>"
    )
}

pub(super) fn plain_item(id: &str, key: &str) -> String {
    let times = "<t:Start>2026-03-02T08:00:00Z</t:Start><t:End>2026-03-02T09:00:00Z</t:End>";
    message("GetItem", &format!("<m:Items>{}</m:Items>", item(id, key, "Single", times)))
}

pub(super) fn get_item(messages: &[String]) -> String {
    soap("GetItem", messages)
}

/// The answer to a request that names nothing but ids.
pub(super) fn reference(operation: &str, id: &str, key: &str) -> String {
    let items = format!(
        "<m:Items><t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"{key}\"/></t:CalendarItem>\
         </m:Items>"
    );
    let conflicts = match operation {
        "UpdateItem" => "<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>",
        _ => "",
    };
    soap(operation, &[message(operation, &format!("{items}{conflicts}"))])
}

pub(super) fn fault(code: &str, xml: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
         <faultcode xmlns:a=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
         a:{code}</faultcode><faultstring>no</faultstring><detail>\
         <e:ResponseCode xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">\
         {code}</e:ResponseCode>{xml}</detail></s:Fault></s:Body></s:Envelope>"
    )
}

pub(super) fn busy_fault(wait_ms: u32) -> String {
    let xml = format!(
        "<t:MessageXml xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
         <t:Value Name=\"BackOffMilliseconds\">{wait_ms}</t:Value></t:MessageXml>"
    );
    fault("ErrorServerBusy", &xml)
}
