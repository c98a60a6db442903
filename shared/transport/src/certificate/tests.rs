use rcgen::{CertificateParams, DnType, DnValue, KeyPair, date_time_ymd};

use super::*;

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["mail.example".to_owned()]).expect("names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2026, 1, 2);
    params.not_after = date_time_ymd(2055, 3, 4);
    params
}

fn self_signed(params: &CertificateParams) -> rcgen::Certificate {
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

#[test]
fn names_times_and_fingerprint_are_those_of_the_certificate() {
    let mut params = params("mail.example");
    params.distinguished_name.push(DnType::OrganizationName, "Ämter & Söhne");
    let bmp = DnValue::BmpString("Ünit".try_into().expect("BMP"));
    params.distinguished_name.push(DnType::OrganizationalUnitName, bmp);
    let certificate = self_signed(&params);
    let facts = describe_certificates(&certificate.pem()).expect("facts");
    let [facts] = facts.as_slice() else {
        panic!("one certificate expected");
    };
    assert_eq!(facts.subject, "CN=mail.example, O=Ämter & Söhne, OU=Ünit");
    assert_eq!(facts.issuer, facts.subject);
    assert!(facts.self_issued);
    // The first is written as UTCTime, the second as GeneralizedTime.
    assert_eq!(facts.not_before, time("2026-01-02T00:00:00Z"));
    assert_eq!(facts.not_after, time("2055-03-04T00:00:00Z"));
    let expected = digest::digest(&digest::SHA256, certificate.der());
    assert_eq!(facts.fingerprint.as_bytes(), expected.as_ref());
    assert_eq!(facts.fingerprint.to_string().len(), 32 * 3 - 1);
}

#[test]
fn an_issued_certificate_names_its_issuer() {
    let authority = params("Example Authority");
    let key = KeyPair::generate().expect("a key");
    let issuer = rcgen::Issuer::new(authority, key);
    let leaf_key = KeyPair::generate().expect("a key");
    let leaf = params("mail.example").signed_by(&leaf_key, &issuer).expect("a certificate");
    let facts = describe_certificates(&leaf.pem()).expect("facts");
    assert_eq!(facts[0].issuer, "CN=Example Authority");
    assert!(!facts[0].self_issued);
}

#[test]
fn a_chain_is_described_in_its_order() {
    let pem = self_signed(&params("first")).pem() + &self_signed(&params("second")).pem();
    let facts = describe_certificates(&pem).expect("facts");
    let subjects: Vec<_> = facts.iter().map(|facts| facts.subject.as_str()).collect();
    assert_eq!(subjects, ["CN=first", "CN=second"]);
}

#[test]
fn control_characters_of_a_name_are_not_shown() {
    let facts = describe_certificates(&self_signed(&params("a\nb\u{7}c")).pem()).expect("facts");
    assert_eq!(facts[0].subject, "CN=a?b?c");
}

#[test]
fn what_is_no_certificate_is_refused_with_its_reason() {
    let good = self_signed(&params("x")).pem();
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let cases = [
        (String::new(), CertificateError::NoCertificate),
        (good.replace(END, ""), CertificateError::NoCertificate),
        (good.clone() + &key, CertificateError::PrivateKey),
        (format!("{BEGIN}\nnot base64!\n{END}"), CertificateError::Malformed),
        (format!("{BEGIN}\nAAAA\n{END}"), CertificateError::Malformed),
        ("x".repeat(PEM_BYTES_MAX + 1), CertificateError::TooLarge),
    ];
    for (pem, error) in cases {
        assert_eq!(describe_certificates(&pem), Err(error));
    }
}

#[test]
fn no_truncation_or_flipped_byte_ends_the_process() {
    let der = self_signed(&params("x")).der().to_vec();
    for length in 0..der.len() {
        assert!(describe(&der[..length]).is_none(), "{length}");
    }
    for index in 0..der.len() {
        for bit in 0..8 {
            let mut broken = der.clone();
            broken[index] ^= 1 << bit;
            // Many such changes leave a readable certificate; none may panic.
            let _ = describe(&broken);
        }
    }
}

#[test]
fn a_fingerprint_is_read_in_either_form() {
    let fingerprint = Fingerprint::of(b"a certificate");
    let shown = fingerprint.to_string();
    let plain = shown.replace(':', "");
    for text in [&shown, &plain, &shown.to_lowercase(), &plain.to_lowercase()] {
        assert_eq!(text.parse(), Ok(fingerprint), "{text}");
    }
    let wrong = [
        String::new(),
        plain[2..].to_owned(),
        format!("{plain}00"),
        format!("{shown}:"),
        shown.replacen(':', "-", 1),
        shown.replacen(':', "", 1),
        format!("+{}", &plain[1..]),
        plain.replace(&plain[..1], "g"),
    ];
    for text in wrong {
        assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
    }
}
