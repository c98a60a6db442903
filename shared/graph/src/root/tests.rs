use super::*;

fn root(text: &str) -> GraphRoot {
    GraphRoot::parse(text).expect(text)
}

#[test]
fn each_cloud_has_its_own_root_and_scope() {
    for (cloud, host) in [
        (Cloud::Global, "https://graph.microsoft.com"),
        (Cloud::UsGovernment, "https://graph.microsoft.us"),
        (Cloud::UsGovernmentDod, "https://dod-graph.microsoft.us"),
        (Cloud::China, "https://microsoftgraph.chinacloudapi.cn"),
    ] {
        assert_eq!(cloud.root(), root(host));
        assert_eq!(cloud.root().default_scope(), format!("{host}/.default"));
        assert_eq!(cloud.root().at("/users/a"), format!("{host}/v1.0/users/a"));
    }
    assert!(!Cloud::UsGovernment.translates_ids());
}

#[test]
fn a_root_is_https_or_loopback() {
    let simulator = root("http://127.0.0.1:8481/graph/");
    assert_eq!(simulator.at("/$batch"), "http://127.0.0.1:8481/graph/v1.0/$batch");
    assert_eq!(simulator.default_scope(), "http://127.0.0.1:8481/.default");
    assert_eq!(root("HTTPS://Graph.Microsoft.com:443/"), Cloud::Global.root());
    for bad in [
        "",
        "graph.microsoft.com",
        "http://graph.microsoft.com",
        "http://localhost",
        "https://",
        "https://user@graph.microsoft.com",
        "https://graph.microsoft.com/?a",
        "https://graph.microsoft.com/ x",
        "ftp://127.0.0.1",
    ] {
        assert_eq!(GraphRoot::parse(bad), Err(GraphRootError), "{bad}");
    }
}

#[test]
fn a_link_is_followed_only_to_the_host_that_it_came_from() {
    let graph = Cloud::Global.root();
    for good in [
        "https://graph.microsoft.com/v1.0/users/a/calendarView/delta?$deltatoken=x%3D",
        "HTTPS://GRAPH.microsoft.com:443/v1.0/users('a')/events",
    ] {
        assert_eq!(graph.link(good).map(|link| link.as_str().to_owned()), Ok(good.to_owned()));
    }
    for bad in [
        "http://graph.microsoft.com/v1.0/a",
        "https://graph.microsoft.com.evil.example/v1.0/a",
        "https://evil.example/graph.microsoft.com/",
        "https://graph.microsoft.com@evil.example/v1.0/a",
        "https://graph.microsoft.com\\@evil.example/v1.0/a",
        "https://graph.microsoft.com:8443/v1.0/a",
        "https://graph.microsoft.us/v1.0/a",
        "//graph.microsoft.com/v1.0/a",
        "/v1.0/a",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/v1.0/a b",
        "https://graph.microsoft.com/v1.0/\r\nHost: x",
    ] {
        assert_eq!(graph.link(bad), Err(Unreadable::ForeignLink), "{bad}");
    }
    let long = format!("https://graph.microsoft.com/{}", "x".repeat(LINK_BYTES_MAX));
    assert_eq!(graph.link(&long), Err(Unreadable::TooLarge));
    assert!(root("http://127.0.0.1:1/graph").link("http://127.0.0.1:1/other/v1.0").is_err());
}
