//! Which Microsoft cloud: where tokens come from, and for what they are.

use std::borrow::Cow;

/// Largest URL of a server that somebody configures, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// A Microsoft cloud as one value: token service, Graph and scope belong together, and nothing can
/// be carried from one cloud to another (Microsoft Graph documentation, "National cloud
/// deployments").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cloud {
    authority: Cow<'static, str>,
    graph: Cow<'static, str>,
    /// Roots of the issuers in tokens: of version 1, and of version 2.
    issuers: [&'static str; 2],
}

/// Why two URLs are no cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cloud's servers are named by https URLs without query (http only on loopback)")]
pub struct CloudError;

impl Cloud {
    /// The worldwide cloud, and US Government GCC.
    pub const GLOBAL: Self = Self::known(
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
        "https://sts.windows.net",
    );
    /// US Government L4 (GCC High).
    pub const US_GOVERNMENT: Self = Self::known(
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "https://sts.windows.net",
    );
    /// US Government L5 (DoD).
    pub const US_GOVERNMENT_DOD: Self = Self::known(
        "https://login.microsoftonline.us",
        "https://dod-graph.microsoft.us",
        "https://sts.windows.net",
    );
    /// China, operated by 21Vianet.
    pub const CHINA: Self = Self::known(
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://sts.chinacloudapi.cn",
    );

    const fn known(authority: &'static str, graph: &'static str, sts: &'static str) -> Self {
        Self {
            authority: Cow::Borrowed(authority),
            graph: Cow::Borrowed(graph),
            issuers: [sts, authority],
        }
    }

    /// Other servers, such as a simulator's. Slashes at the end are taken off. They stand for the
    /// worldwide cloud, so that its issuers stand in their tokens.
    ///
    /// # Errors
    /// [`CloudError`] when one of the two is no URL that tokens may be sent to.
    pub fn other(authority: &str, graph: &str) -> Result<Self, CloudError> {
        Ok(Self {
            authority: Cow::Owned(root(authority)?),
            graph: Cow::Owned(root(graph)?),
            issuers: Self::GLOBAL.issuers,
        })
    }

    /// Root of Graph, without a version and without a slash at the end.
    pub fn graph(&self) -> &str {
        &self.graph
    }

    /// What an application asks a token for: everything that it was granted on Graph.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.graph)
    }

    /// Where a tenant's tokens come from; also the audience of assertions.
    pub fn token_url(&self, tenant: &Tenant) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.authority, tenant.as_str())
    }

    /// Where the public keys are that the cloud signs its tokens with.
    pub fn keys_url(&self) -> String {
        format!("{}/common/discovery/v2.0/keys", self.authority)
    }

    /// What stands as issuer in a tenant's tokens: of version 1, and of version 2.
    pub fn issuers(&self, tenant: &str) -> [String; 2] {
        let [first, second] = self.issuers;
        [format!("{first}/{tenant}/"), format!("{second}/{tenant}/v2.0")]
    }
}

/// A tenant by its id or one of its domains; never one of the words that stand for any tenant, which
/// give an application no tokens (page "v2-oauth2-client-creds-grant-flow").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant(String);

/// Why a text names no tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// `common`, `organizations` or `consumers`.
    #[error("name the tenant itself: its id or one of its domains")]
    Anybody,
    /// Not letters, digits, dots and hyphens, at most 253 of them.
    #[error("a tenant is named by its id or one of its domains")]
    Malformed,
}

impl Tenant {
    /// Reads a tenant's name.
    ///
    /// # Errors
    /// [`TenantError`].
    pub fn parse(text: &str) -> Result<Self, TenantError> {
        let name = text.trim().to_ascii_lowercase();
        if matches!(name.as_str(), "common" | "organizations" | "consumers") {
            return Err(TenantError::Anybody);
        }
        let fits = (1..=253).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
            && !name.starts_with('.')
            && !name.contains("..");
        fits.then_some(Self(name)).ok_or(TenantError::Malformed)
    }

    /// The name, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether plain http is allowed is decided again by the transport when something is sent.
fn root(url: &str) -> Result<String, CloudError> {
    let url = url.trim().trim_end_matches('/');
    let uri: http::Uri = url.parse().map_err(|_| CloudError)?;
    let is_loopback = matches!(uri.host(), Some("127.0.0.1" | "[::1]"));
    let is_safe = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_loopback,
        _ => false,
    };
    let is_plain = uri.query().is_none() && !url.contains(['@', '#']);
    if url.len() > URL_BYTES_MAX || !is_safe || !is_plain {
        return Err(CloudError);
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_own_servers() {
        let tenant = Tenant::parse("Contoso.example").unwrap();
        let urls = |cloud: &Cloud| (cloud.token_url(&tenant), cloud.scope());
        let global = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token";
        let scope = "https://graph.microsoft.com/.default";
        assert_eq!(urls(&Cloud::GLOBAL), (global.to_owned(), scope.to_owned()));
        assert_eq!(Cloud::US_GOVERNMENT_DOD.scope(), "https://dod-graph.microsoft.us/.default");
        assert_eq!(
            Cloud::CHINA.keys_url(),
            "https://login.partner.microsoftonline.cn/common/discovery/v2.0/keys"
        );
        let sim = Cloud::other("http://127.0.0.1:8481/", "http://127.0.0.1:8481/graph/").unwrap();
        assert_eq!(sim.scope(), "http://127.0.0.1:8481/graph/.default");
        assert_eq!(
            Cloud::GLOBAL.issuers("t"),
            ["https://sts.windows.net/t/", "https://login.microsoftonline.com/t/v2.0"]
        );
    }

    #[test]
    fn tokens_are_sent_nowhere_in_plain_text() {
        let graph = "https://graph.example";
        for authority in [
            "http://login.example",
            "ftp://x",
            "login.example",
            "https://u@x.example",
            "",
            "https://x.example?a",
        ] {
            assert_eq!(Cloud::other(authority, graph), Err(CloudError), "{authority}");
        }
    }

    #[test]
    fn a_tenant_is_one_and_stays_within_its_part_of_the_path() {
        for name in ["common", "Organizations", "consumers"] {
            assert_eq!(Tenant::parse(name), Err(TenantError::Anybody));
        }
        for name in ["", "a/b", "..", "a?b", "a b", "a#b", ".a", "a..b"] {
            assert_eq!(Tenant::parse(name), Err(TenantError::Malformed), "{name}");
        }
    }
}
