//! How a server answers somebody who does not log on.

use core::time::Duration;

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method};
use tidemark_transport::{HttpPort, HttpRequest, TransportError};

/// How long a server may take to greet.
const TIMEOUT: Duration = Duration::from_secs(7);
/// Largest greeting that is read: a page of an error, mostly.
const GREETING_BYTES_MAX: usize = 64 * 1024;
/// Most ways to log on that are taken from a greeting, and longest word.
const SCHEMES_MAX: usize = 10;
const SCHEME_BYTES_MAX: usize = 20;

/// How a server answered somebody who did not log on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// HTTP status.
    pub status: u16,
    /// The ways to log on that it names, in lower case: `basic`, `ntlm`, `negotiate`, `bearer`.
    pub schemes: Vec<String>,
}

/// Asks for a URL without logging on.
///
/// # Errors
/// [`TransportError`] when there is no answer.
pub async fn greet(http: &dyn HttpPort, url: &str) -> Result<Greeting, TransportError> {
    let request = HttpRequest {
        method: Method::GET,
        url: url.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: TIMEOUT,
        answer_bytes_max: GREETING_BYTES_MAX,
    };
    let answer = http.send(request).await?;
    Ok(Greeting { status: answer.status, schemes: schemes(&answer.headers) })
}

/// The ways to log on that an answer names: the first word of each challenge (RFC 9110 11.6.1).
/// Servers send one header for each.
fn schemes(headers: &HeaderMap) -> Vec<String> {
    let mut schemes = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Some(word) = value.to_str().ok().and_then(|text| text.split_whitespace().next()) else {
            continue;
        };
        let word = word.trim_end_matches(',').to_ascii_lowercase();
        let is_word = !word.is_empty()
            && word.len() <= SCHEME_BYTES_MAX
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_word && !schemes.contains(&word) && schemes.len() < SCHEMES_MAX {
            schemes.push(word);
        }
    }
    schemes
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_ways_to_log_on_are_the_first_words_of_the_challenges() {
        let mut headers = HeaderMap::new();
        for challenge in [
            "Negotiate",
            "NTLM",
            "Basic realm=\"mail.example\"",
            "basic realm=\"again\"",
            "Bearer client_id=\"x\", trusted_issuers=\"y\"",
            "<script>",
        ] {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        assert_eq!(schemes(&headers), ["negotiate", "ntlm", "basic", "bearer"]);
        assert!(schemes(&HeaderMap::new()).is_empty());
    }
}
