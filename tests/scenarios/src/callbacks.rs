//! What Exchange posts to the product, and what the functions behind the addresses answer.

use tidemark_intake::{GraphAnswer, GraphIntake as _, PushAnswer, PushIntake as _};
use tidemark_service::Service;
use tidemark_simulator::{Callback, CallbackKind};

use crate::recording::record;

/// Takes a callback as `ews-webhook` or `graph-webhook` does: status and body of the answer.
pub(crate) async fn take(service: &Service, callback: &Callback) -> (u16, Vec<u8>) {
    let body = callback.body.as_bytes();
    match callback.kind {
        CallbackKind::EwsPush => {
            record("simulator", body);
            let key = callback.url.rsplit('/').next().unwrap_or_default();
            let (status, answer) = match service.ews_push(key, body).await {
                PushAnswer::Taken(body) | PushAnswer::Unsubscribe(body) => (200, body),
                PushAnswer::Unknown => (404, Vec::new()),
                PushAnswer::Refused => (400, Vec::new()),
                PushAnswer::Failed => (500, Vec::new()),
            };
            record("client", &answer);
            (status, answer)
        }
        CallbackKind::GraphNotification => {
            let status = match service.graph_push(body).await.answer {
                GraphAnswer::Taken | GraphAnswer::Refused => 202,
                GraphAnswer::Failed => 503,
            };
            (status, Vec::new())
        }
        // It is asked, and answered, while a subscription is made.
        CallbackKind::Handshake => (400, Vec::new()),
    }
}
