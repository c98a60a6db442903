use http::HeaderValue;
use http::header::HeaderName;

use super::*;

fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(HeaderName, &'static str)| {
        (name.clone(), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

fn transport(fault: TransportFault, delivery: Delivery, effect: Effect) -> MailboxError {
    of_transport(&TransportError { fault, delivery }, effect)
}

#[test]
fn only_a_create_that_may_have_arrived_is_unclear() {
    for fault in [TransportFault::TimedOut, TransportFault::Cut] {
        for effect in [Effect::Read, Effect::Write, Effect::Once] {
            for delivery in [Delivery::NotSent, Delivery::Unclear] {
                let error = transport(fault.clone(), delivery, effect);
                let unclear = effect == Effect::Once && delivery == Delivery::Unclear;
                let expected =
                    if unclear { Disposition::Unclear } else { Disposition::RetryAfter(SLIP_WAIT) };
                assert_eq!(error.disposition, expected, "{effect:?} {delivery:?}");
            }
        }
    }
}

#[test]
fn faults_of_the_way_concern_the_connection_and_say_how_to_mend_it() {
    for (fault, word, retried) in [
        (TransportFault::BadUrl, "https", false),
        (TransportFault::NameNotFound, "DNS", true),
        (TransportFault::Unreachable, "firewall", true),
        (TransportFault::Tls, "TLS 1.2", true),
        (TransportFault::UntrustedCertificate, "upload", false),
        (TransportFault::ChangedCertificate, "confirm", false),
        (TransportFault::ForbiddenTarget, "administrator", false),
    ] {
        let error = transport(fault.clone(), Delivery::NotSent, Effect::Once);
        assert_eq!(error.scope, Scope::Connection, "{fault:?}");
        assert!(error.text.contains(word), "{fault:?}: {}", error.text);
        let retries = matches!(error.disposition, Disposition::RetryAfter(_));
        assert_eq!(retries, retried, "{fault:?}");
    }
}

#[test]
fn an_answer_without_bound_sets_one_item_aside_but_never_hides_a_write() {
    let of = |effect| transport(TransportFault::AnswerTooLarge, Delivery::Unclear, effect);
    assert_eq!(of(Effect::Read).disposition, Disposition::Quarantine);
    assert_eq!(of(Effect::Once).disposition, Disposition::Unclear);
    assert_eq!(of(Effect::Write).disposition, Disposition::RetryAfter(SLIP_WAIT));
}

#[test]
fn statuses_say_what_to_do() {
    let none = HeaderMap::new();
    let of = |status, effect| of_status(status, &none, now(), effect);
    for (status, disposition, scope) in [
        (401, Disposition::Authorize, Scope::Connection),
        (403, Disposition::Reject, Scope::Mailbox),
        (404, Disposition::Reject, Scope::Connection),
        (413, Disposition::Reject, Scope::Item),
        (429, Disposition::RetryAfter(BUSY_WAIT), Scope::Connection),
        (503, Disposition::RetryAfter(BUSY_WAIT), Scope::Connection),
        (302, Disposition::Reject, Scope::Connection),
        (451, Disposition::Reject, Scope::Connection),
        (418, Disposition::Reject, Scope::Connection),
    ] {
        for effect in [Effect::Read, Effect::Once] {
            let error = of(status, effect);
            assert_eq!((error.disposition, error.scope), (disposition, scope), "{status}");
            assert_eq!(error.code, format!("http-{status}"));
        }
    }
    for status in [500, 502, 504] {
        assert_eq!(of(status, Effect::Once).disposition, Disposition::Unclear);
        let retry = Disposition::RetryAfter(BUSY_WAIT);
        assert_eq!(of(status, Effect::Read).disposition, retry);
        assert_eq!(of(status, Effect::Write).disposition, retry);
    }
}

#[test]
fn a_wait_is_read_as_seconds_and_as_a_date_and_is_bounded() {
    for (text, seconds) in [
        ("120", Some(120)),
        ("0", Some(0)),
        ("999999999", Some(3600)),
        ("Mon, 02 Mar 2026 09:02:00 GMT", Some(120)),
        ("Mon, 02 Mar 2026 08:00:00 GMT", Some(0)),
        ("Tue, 03 Mar 2026 09:00:00 GMT", Some(3600)),
        ("soon", None),
        ("-5", None),
    ] {
        let wait = retry_after(&headers(&[(RETRY_AFTER, text)]), now());
        assert_eq!(wait, seconds.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn a_server_without_basic_is_told_from_a_wrong_password() {
    let text = |challenges: &[&'static str]| {
        let pairs: Vec<_> = challenges.iter().map(|&value| (WWW_AUTHENTICATE, value)).collect();
        of_status(401, &headers(&pairs), now(), Effect::Read).text
    };
    assert!(text(&["Negotiate", "NTLM"]).contains("does not offer Basic"));
    assert!(text(&["Negotiate", "Basic realm=\"mail\""]).contains("was not accepted"));
    assert!(text(&["Negotiate, Basic realm=\"mail\""]).contains("was not accepted"));
    assert!(text(&[]).contains("was not accepted"));
}
