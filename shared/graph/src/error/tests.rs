use super::*;

fn of(status: u16, code: &str) -> ServerError {
    let body = format!(
        "{{\"error\":{{\"code\":\"{code}\",\"message\":\"no\",\"innerError\":{{\"date\":\"x\"}}}}}}"
    );
    ServerError::read(status, body.as_bytes())
}

#[test]
fn each_status_and_code_says_what_to_do() {
    for (status, code, class) in [
        (429, "TooManyRequests", ErrorClass::BackOff),
        (503, "ServiceUnavailable", ErrorClass::BackOff),
        (500, "ErrorMailboxStoreUnavailable", ErrorClass::BackOff),
        (500, "ErrorInternalServerTransientError", ErrorClass::Interrupted),
        (502, "", ErrorClass::Interrupted),
        (504, "UnknownError", ErrorClass::Interrupted),
        (401, "InvalidAuthenticationToken", ErrorClass::Authorize),
        (403, "ErrorAccessDenied", ErrorClass::Denied),
        (403, "Authorization_RequestDenied", ErrorClass::Denied),
        (403, "ErrorQuotaExceeded", ErrorClass::MailboxFull),
        (507, "ErrorQuotaExceeded", ErrorClass::MailboxFull),
        (404, "ErrorItemNotFound", ErrorClass::Gone),
        (404, "itemNotFound", ErrorClass::Gone),
        (404, "UnknownError", ErrorClass::Refused),
        (404, "", ErrorClass::Refused),
        (404, "MailboxNotEnabledForRESTAPI", ErrorClass::NoCloudMailbox),
        (404, "mailboxNotSupportedForRestApi", ErrorClass::NoCloudMailbox),
        (404, "ErrorFolderNotFound", ErrorClass::NoSuchMailbox),
        (404, "Request_ResourceNotFound", ErrorClass::NoSuchMailbox),
        (409, "ErrorIrresolvableConflict", ErrorClass::Conflict),
        (412, "ErrorIrresolvableConflict", ErrorClass::Conflict),
        (412, "PreconditionFailed", ErrorClass::Conflict),
        (409, "ErrorDuplicateTransactionId", ErrorClass::Duplicate),
        (400, "ErrorDuplicateTransactionId", ErrorClass::Duplicate),
        (409, "Conflict", ErrorClass::Exists),
        (410, "Gone", ErrorClass::Resync),
        (400, "SyncStateNotFound", ErrorClass::Resync),
        (404, "syncStateNotFound", ErrorClass::Resync),
        (410, "resyncRequired", ErrorClass::Resync),
        (413, "RequestEntityTooLarge", ErrorClass::TooLarge),
        (424, "FailedDependency", ErrorClass::Dependency),
        (400, "ErrorOccurrenceCrossingBoundary", ErrorClass::Refused),
        (400, "ErrorSomethingOfNextYear", ErrorClass::Refused),
        (405, "Request_BadRequest", ErrorClass::NotOffered),
        (501, "NotImplemented", ErrorClass::NotOffered),
    ] {
        assert_eq!(of(status, code).class(), class, "{status} {code}");
    }
}

#[test]
fn the_deepest_inner_code_counts() {
    let body = br#"{"error":{"code":"UnknownError","message":"","innerError":{"code":"outer",
        "innerError":{"code":"SYNCSTATENOTFOUND","request-id":"1"}}}}"#;
    let error = ServerError::read(400, body);
    assert_eq!(error.telling().map(ErrorCode::as_str), Some("SYNCSTATENOTFOUND"));
    assert_eq!(error.class(), ErrorClass::Resync);
}

#[test]
fn the_message_is_never_what_decides() {
    let body =
        br#"{"error":{"code":"BadRequest","message":"syncStateNotFound ErrorItemNotFound"}}"#;
    assert_eq!(ServerError::read(400, body).class(), ErrorClass::Refused);
}

#[test]
fn a_body_that_is_no_envelope_leaves_the_status() {
    for body in ["", "<html>", "[]", "{\"error\":\"text\"}", "{\"error\":{\"code\":7}}", "null"] {
        let error = ServerError::read(503, body.as_bytes());
        assert_eq!((error.class(), error.telling()), (ErrorClass::BackOff, None), "{body}");
    }
}

#[test]
fn a_subscription_that_exists_is_named_by_the_message_alone() {
    let id = "2f1e6a7c-0000-4000-8000-aabbccddeeff";
    let body = format!(
        "{{\"error\":{{\"code\":\"ExtensionError\",\"message\":\"Operation: Create; Exception: \
         [Status Code: Conflict; Reason: Subscription Id {id} already exists for the requested \
         combination]\"}}}}"
    );
    let error = ServerError::read(409, body.as_bytes());
    assert_eq!((error.class(), error.existing.as_deref()), (ErrorClass::Exists, Some(id)));
    assert_eq!(ServerError::read(400, body.as_bytes()).existing, None);
}

#[test]
fn debug_shows_codes_and_nothing_that_the_message_said() {
    let error =
        ServerError::read(404, br#"{"error":{"code":"X","message":"alex@tidemark.example"}}"#);
    assert!(!format!("{error:?}").contains("alex"));
    let long = "x".repeat(10_000);
    assert_eq!(ErrorCode::new(&long).as_str().len(), CODE_BYTES_MAX);
    assert_eq!(ErrorCode::new("a\nb <c>").as_str(), "abc");
}
