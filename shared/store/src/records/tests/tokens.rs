use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::stage::*;
use crate::records::*;

fn of(connection: u128, audience: &str) -> TokenScope {
    TokenScope {
        organisation: organisation(),
        connection: ConnectionId::new(Uuid::from_u128(connection)),
        audience: audience.to_owned(),
    }
}

fn token(secret: &str, issued: i64) -> TokenRow {
    TokenRow {
        secret: SecretString::from(secret),
        issued_at: at(issued),
        expires_at: at(issued + 3600),
        refresh_at: at(issued + 2000),
        credential: 1,
    }
}

#[tokio::test]
async fn one_worker_at_a_time_renews_and_what_it_got_is_for_all() {
    let (records, table, _) = stage().await;
    let scope = of(1, "graph");
    let empty = records.token(&scope).await.unwrap();
    assert_eq!((empty.revision, empty.token.is_none()), (0, true));
    let claim = records.claim_token(&scope, 0, at(0), at(30)).await.unwrap().unwrap();
    assert!(records.claim_token(&scope, 0, at(29), at(60)).await.unwrap().is_none());
    assert!(records.keep_token(&scope, claim, &token("tok-hidden", 0)).await.unwrap());
    let state = records.token(&scope).await.unwrap();
    let kept = state.token.unwrap();
    assert_eq!(kept.secret.expose_secret(), "tok-hidden");
    assert_eq!((kept.issued_at, kept.expires_at), (at(0), at(3600)));
    assert_eq!((kept.refresh_at, kept.credential), (at(2000), 1));
    assert_eq!((state.revision, state.claimed_until, state.refused), (1, None, false));
    // The same claim is over, and so is the revision that it was for.
    assert!(!records.keep_token(&scope, claim, &token("late", 0)).await.unwrap());
    assert!(records.claim_token(&scope, 0, at(40), at(70)).await.unwrap().is_none());
    let items = format!("{:?}", table.items());
    assert!(!items.contains("tok-hidden") && !format!("{kept:?}").contains("hidden"));
    // Another connection's and another audience's tokens are others.
    assert!(records.token(&of(2, "graph")).await.unwrap().token.is_none());
    assert!(records.token(&of(1, "ews")).await.unwrap().token.is_none());
}

#[tokio::test]
async fn a_claim_runs_out_and_its_late_holder_changes_nothing() {
    let (records, _, _) = stage().await;
    let scope = of(1, "graph");
    let dead = records.claim_token(&scope, 0, at(0), at(30)).await.unwrap().unwrap();
    let successor = records.claim_token(&scope, 0, at(30), at(60)).await.unwrap().unwrap();
    assert!(successor.epoch > dead.epoch);
    assert!(!records.keep_token(&scope, dead, &token("late", 0)).await.unwrap());
    let setback =
        TokenSetback { refused: true, code: "AADSTS1".to_owned(), text: "why".to_owned() };
    records.set_token_back(&scope, dead, &setback, at(900)).await.unwrap();
    assert!(records.token(&scope).await.unwrap().setback.is_none());
    records.set_token_back(&scope, successor, &setback, at(90)).await.unwrap();
    let state = records.token(&scope).await.unwrap();
    assert_eq!((state.setback, state.claimed_until), (Some(setback), Some(at(90))));
    let next = records.claim_token(&scope, 0, at(90), at(120)).await.unwrap().unwrap();
    assert!(records.token(&scope).await.unwrap().setback.is_none());
    assert!(records.keep_token(&scope, next, &token("new", 90)).await.unwrap());
}

#[tokio::test]
async fn a_refusal_is_of_the_token_that_was_refused() {
    let (records, _, _) = stage().await;
    let scope = of(1, "graph");
    records.refuse_token(&scope, 0, at(0)).await.unwrap();
    assert!(!records.token(&scope).await.unwrap().refused);
    let claim = records.claim_token(&scope, 0, at(0), at(30)).await.unwrap().unwrap();
    records.keep_token(&scope, claim, &token("one", 0)).await.unwrap();
    records.refuse_token(&scope, 1, at(5)).await.unwrap();
    let state = records.token(&scope).await.unwrap();
    assert_eq!((state.refused, state.refused_at), (true, Some(at(5))));
    let claim = records.claim_token(&scope, 1, at(6), at(36)).await.unwrap().unwrap();
    records.keep_token(&scope, claim, &token("two", 6)).await.unwrap();
    records.refuse_token(&scope, 1, at(7)).await.unwrap();
    let state = records.token(&scope).await.unwrap();
    assert_eq!((state.refused, state.refused_at), (false, Some(at(5))));
}
