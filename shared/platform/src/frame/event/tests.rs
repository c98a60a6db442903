use super::*;

fn origin() -> Origin {
    Origin { stack: Some("acme".to_owned()), function: "sync".to_owned(), level: "INFO" }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn rendered(event: &Event, origin: &Origin) -> Value {
    let line = event.line(origin, event.outcome, at(3));
    assert!(!line.contains('\n'));
    // The most that a log event of CloudWatch may have.
    assert!(line.len() < 1024 * 1024);
    serde_json::from_str(&line).unwrap()
}

/// The rules of the specification, one by one.
fn check_format(document: &Value) {
    let root = document.as_object().unwrap();
    let meta = root["_aws"].as_object().unwrap();
    let known = |object: &Map<String, Value>, names: &[&str]| {
        assert!(object.keys().all(|name| names.contains(&name.as_str())), "{object:?}");
    };
    known(meta, &["Timestamp", "CloudWatchMetrics"]);
    let timestamp = meta["Timestamp"].as_i64().unwrap();
    assert!((1_800_000_000_000..1_900_000_000_000).contains(&timestamp), "milliseconds");
    let directives = meta["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty());
    for directive in directives {
        let directive = directive.as_object().unwrap();
        known(directive, &["Namespace", "Dimensions", "Metrics"]);
        let namespace = directive["Namespace"].as_str().unwrap();
        assert!((1..=1024).contains(&namespace.len()) && !namespace.starts_with("AWS/"));
        let sets = directive["Dimensions"].as_array().unwrap();
        assert!(!sets.is_empty());
        for set in sets {
            let set = set.as_array().unwrap();
            assert!((1..=30).contains(&set.len()));
            for dimension in set {
                let value = root[dimension.as_str().unwrap()].as_str().unwrap();
                assert!((1..=1024).contains(&value.len()) && value.is_ascii());
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            let metric = metric.as_object().unwrap();
            known(metric, &["Name", "Unit", "StorageResolution"]);
            let name = metric["Name"].as_str().unwrap();
            assert!((1..=1024).contains(&name.len()));
            assert!(root[name].is_number(), "{name} has a value at the root");
            let unit = metric["Unit"].as_str().unwrap();
            assert!(["Seconds", "Milliseconds", "Count", "Bytes", "None"].contains(&unit));
        }
    }
}

#[test]
fn an_event_with_every_metric_keeps_to_the_format() {
    let mut event = Event::new(at(0));
    for (value, metric) in (1u64..).zip(Metric::ALL) {
        event.metric(*metric, value);
        event.metric(*metric, value);
    }
    check_format(&rendered(&event, &origin()));
    event.word(PROTOCOL, "graph");
    let document = rendered(&event, &origin());
    check_format(&document);
    let directives = &document["_aws"]["CloudWatchMetrics"];
    assert_eq!(directives[1]["Dimensions"], json!([["Stack", "Protocol"]]));
    let count = |index: usize| directives[index]["Metrics"].as_array().unwrap().len();
    assert_eq!(count(0) + count(1), Metric::ALL.len());
    assert_eq!(document["duration_ms"], 3000);
}

#[test]
fn an_event_without_metrics_is_a_line_and_no_more() {
    let mut event = Event::new(at(0));
    event.number("http.status", 404);
    event.call_id("request.id", "a1-b2 \" with more");
    let document = rendered(&event, &origin());
    assert_eq!(
        document,
        json!({
            "level": "INFO", "timestamp": at(3).to_string(), "message": "unit of work",
            "function": "sync", "outcome": "done", "duration_ms": 3000, "Stack": "acme",
            "http.status": 404, "request.id": "a1-b2withmore",
        })
    );
}

#[test]
fn where_there_is_no_lambda_there_are_no_metrics() {
    let mut event = Event::new(at(0));
    event.metric(Metric::ItemsWritten, 7);
    let document = rendered(&event, &Origin { stack: None, ..origin() });
    assert!(document.get("_aws").is_none() && document.get("Stack").is_none());
    assert_eq!(document["ItemsWritten"], 7);
}
