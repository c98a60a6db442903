//! Refusals in the words and with the numbers of Entra's token endpoint.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Why there is no token (page: reference-error-codes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenError {
    /// HTTP status.
    pub(super) status: u16,
    /// OAuth's word.
    error: &'static str,
    /// Number behind `AADSTS`.
    code: u32,
    text: String,
}

impl TokenError {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { status, error, code, text: text.into() }
    }

    /// A credential that is not good; 401 as OAuth asks for.
    pub(super) fn client(code: u32, text: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, text)
    }

    /// A request that is not well formed.
    pub(super) fn request(code: u32, text: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", code, text)
    }

    /// The application is not known in this tenant: nobody consented to it.
    pub(super) fn application_missing(client: &str, tenant: &str) -> Self {
        Self::new(
            400,
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client}' was not found in the directory '{tenant}'. \
                 This can happen if the application has not been installed by the administrator of \
                 the tenant or consented to by any user in the tenant."
            ),
        )
    }

    /// No such tenant.
    pub(super) fn tenant_missing(tenant: &str) -> Self {
        Self::request(
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and \
                 are signing into the correct cloud."
            ),
        )
    }

    /// A parameter that has to be there is not.
    pub(super) fn parameter_missing(name: &str) -> Self {
        Self::request(
            900_144,
            format!("The request body must contain the following parameter: '{name}'."),
        )
    }

    /// A grant that this endpoint does not serve.
    pub(super) fn grant_type(grant: &str) -> Self {
        Self::new(
            400,
            "unsupported_grant_type",
            70_003,
            format!("The app requested an unsupported grant type '{grant}'."),
        )
    }

    /// A scope that is not of the form `resource/.default`.
    pub(super) fn scope(scope: &str) -> Self {
        Self::new(
            400,
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must \
                 have a scope value with /.default suffixed to the resource identifier (application \
                 ID URI)."
            ),
        )
    }

    /// A resource that nobody offers here.
    pub(super) fn resource(resource: &str) -> Self {
        Self::new(
            400,
            "invalid_resource",
            500_011,
            format!(
                "The resource principal named {resource} was not found in the tenant. This can \
                 happen if the application has not been installed by the administrator of the \
                 tenant or consented to by any user in the tenant."
            ),
        )
    }

    /// The service asks to wait.
    pub(super) fn busy(status: u16) -> Self {
        Self::new(
            status,
            "temporarily_unavailable",
            if status == 429 { 90_055 } else { 90_033 },
            "A transient error has occurred. Please try again.",
        )
    }

    /// The body of the answer. Ids of the trace are made from `trace`.
    pub(super) fn body(&self, now: Timestamp, trace: (u64, u64)) -> Value {
        let at = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let trace_id = crate::graph::guid(trace.0);
        let correlation_id = crate::graph::guid(trace.1);
        json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {at}",
                self.code, self.text
            ),
            "error_codes": [self.code],
            "timestamp": at,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        })
    }
}
