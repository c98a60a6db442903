//! Claims challenges: a server refuses a token and says what the next one has to have (page
//! "claims-challenge").

use core::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// Longest challenge that is read, in bytes. Microsoft's own have about a hundred.
const CHALLENGE_BYTES_MAX: usize = 8 * 1024;
/// Most challenges of one answer that are looked at.
const CHALLENGES_MAX: usize = 8;

/// Both alphabets occur, and the padding may be missing.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// What a server asks the next token to have: the parameter `claims` of the request for it. `Debug`
/// shows its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(String);

impl Claims {
    /// The challenge in an answer with status 401; none where there is none that can be read. The
    /// scheme has to be Bearer and the error `insufficient_claims`, as the page has it.
    pub fn of_challenge(headers: &HeaderMap) -> Option<Self> {
        headers.get_all(WWW_AUTHENTICATE).iter().take(CHALLENGES_MAX).find_map(|value| {
            let text = value.to_str().ok().filter(|text| text.len() <= CHALLENGE_BYTES_MAX)?;
            read(text)
        })
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({} bytes)", self.0.len())
    }
}

fn read(challenge: &str) -> Option<Claims> {
    let (scheme, parameters) = challenge.trim_start().split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    if !is_bearer || parameter(parameters, "error")? != "insufficient_claims" {
        return None;
    }
    let text = parameter(parameters, "claims")?;
    let decoded = [STANDARD, URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(text).ok())?;
    let json = String::from_utf8(decoded).ok()?;
    let value: serde_json::Value = serde_json::from_str(&json).ok()?;
    value.is_object().then_some(Claims(json))
}

/// The value of a parameter in quotes (RFC 9110 11.2). Neither of the two that are read has escapes.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = parameters;
    loop {
        let (found, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if found.trim_start_matches([',', ' ']).trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        headers
    }

    /// The example of the page.
    const EXAMPLE: &str = concat!(
        r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", "#,
        r#"error="insufficient_claims", "#,
        r#"claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ==""#
    );

    #[test]
    fn the_example_of_the_page_is_read() {
        let claims = Claims::of_challenge(&headers(&["Negotiate", EXAMPLE])).unwrap();
        let wanted = r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"}}}"#;
        assert_eq!(claims.as_str(), wanted);
        assert_eq!(format!("{claims:?}"), "Claims(58 bytes)");
        let bare = EXAMPLE.replace("==\"", "\"");
        assert_eq!(Claims::of_challenge(&headers(&[&bare])), Some(claims));
    }

    #[test]
    fn what_is_no_challenge_is_none() {
        let no_json = r#"Bearer error="insufficient_claims", claims="bm8=""#;
        let no_object = r#"Bearer error="insufficient_claims", claims="W10=""#;
        let long = EXAMPLE.replace("realm=\"\"", &format!("realm=\"{}\"", "x".repeat(9000)));
        for text in [
            "Bearer",
            r#"Bearer realm="", error="invalid_token""#,
            r#"Bearer error="insufficient_claims""#,
            r#"Bearer error="insufficient_claims", claims="eyJ"#,
            no_json,
            no_object,
            &EXAMPLE.replace("insufficient_claims", "invalid_token"),
            &EXAMPLE.replace("Bearer", "Basic"),
            &long,
        ] {
            assert_eq!(Claims::of_challenge(&headers(&[text])), None, "{text}");
        }
        assert_eq!(Claims::of_challenge(&HeaderMap::new()), None);
    }
}
