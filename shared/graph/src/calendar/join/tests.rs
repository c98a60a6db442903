use jiff::civil::date;
use tidemark_model::{OnlineMeeting, Schedule};

use super::*;

const URL: &str = "https://teams.microsoft.com/l/meetup-join/19%3ameeting?context=a&b=c";

/// The part as the examples of the outlook-calendar-online-meetings page have it, shortened.
const BLOCK: &str = "<div style=\"width:100%; height:20px\"><span style=\"white-space:nowrap; \
    color:gray; opacity:.36\">____________________________________________________________________\
    ____________</span>\r\n</div>\r\n<div class=\"me-email-text\"><a href=\"https://teams.microsoft\
    .com/l/meetup-join/19%3ameeting?context=a&amp;b=c\">Join the meeting</a></div>\r\n<div \
    style=\"width:100%; height:20px\"><span style=\"white-space:nowrap; color:gray; opacity:.36\">\
    ________________________________________________________________________________</span>\r\n\
    </div>";

fn body(format: BodyFormat, content: impl Into<String>) -> Body {
    Body { format, content: content.into() }
}

fn html_body(content: impl Into<String>) -> Body {
    body(BodyFormat::Html, content)
}

fn meeting(body: Body) -> Event {
    let day = Schedule::all_day(date(2026, 3, 2), date(2026, 3, 3)).expect("a day");
    let mut event = Event::new(day);
    event.body = Some(body);
    event.online_meeting = Some(OnlineMeeting { join_url: URL.to_owned() });
    event
}

fn online() -> Event {
    meeting(html_body(format!("<html><body><p>Old &amp; gone</p>{BLOCK}\r\n</body></html>")))
}

fn kept(current: &Event, target: Option<&Body>) -> Body {
    keep(current, target).expect("a body").expect("some text")
}

#[test]
fn the_part_is_put_behind_the_new_text() {
    let new = kept(&online(), Some(&html_body("<html><body><p>New</p></body></html>")));
    let expected = format!("<html><body><p>New</p><br>\r\n{BLOCK}</body></html>");
    assert_eq!((new.format, new.content), (BodyFormat::Html, expected));
    let text = kept(&online(), Some(&body(BodyFormat::Text, "a < b\r\n& c")));
    let expected = format!("a &lt; b<br>\r\n&amp; c<br>\r\n{BLOCK}");
    assert_eq!((text.format, text.content), (BodyFormat::Html, expected));
    // Who clears the text does not take the meeting offline.
    assert_eq!(kept(&online(), None).content, format!("<br>\r\n{BLOCK}"));
    // What was kept is found again.
    let again = meeting(kept(&online(), None));
    assert_eq!(kept(&again, Some(&html_body("x"))).content, format!("x<br>\r\n{BLOCK}"));
}

#[test]
fn a_text_that_leads_into_the_meeting_is_left_as_it_is() {
    for target in [online().body.expect("a body"), body(BodyFormat::Text, format!("see {URL}"))] {
        assert!(kept(&online(), Some(&target)) == target);
    }
}

#[test]
fn nothing_is_added_where_there_is_nothing_to_keep() {
    let target = Some(html_body("<p>New</p>"));
    let mut offline = online();
    offline.online_meeting = None;
    let elsewhere = meeting(html_body("<p>Call me</p>"));
    let mut bare = online();
    bare.body = None;
    for current in [offline, elsewhere, bare] {
        assert!(keep(&current, target.as_ref()) == Ok(target.clone()));
        assert!(keep(&current, None) == Ok(None));
    }
}

#[test]
fn plain_text_is_kept_between_its_rules() {
    let rule = "_".repeat(80);
    let block = format!("{rule}\r\nJoin: {URL}\r\n{rule}");
    let current = meeting(body(BodyFormat::Text, format!("Old\r\n{block}\r\nafter")));
    let text = kept(&current, Some(&body(BodyFormat::Text, "New")));
    assert_eq!(text.content, format!("New\r\n\r\n{block}"));
    let html = kept(&current, Some(&html_body("<p>New</p>")));
    assert_eq!(html.format, BodyFormat::Html);
    assert!(html.content.starts_with("<p>New</p><br>\r\n____"), "{}", html.content.len());
    assert!(html.content.contains("context=a&amp;b=c<br>"));
    // Without a second rule, all the rest is the part.
    let open = meeting(body(BodyFormat::Text, format!("Old\r\n{rule}\r\nJoin: {URL} now")));
    let text = kept(&open, Some(&body(BodyFormat::Text, "New")));
    assert_eq!(text.content, format!("New\r\n\r\n{rule}\r\nJoin: {URL} now"));
}

#[test]
fn a_part_that_cannot_be_told_from_the_rest_is_refused() {
    let target = html_body("<p>New</p>");
    let short = "_".repeat(39);
    for content in
        [format!("<p>Join {URL} or call me</p>"), format!("<div>{short}</div><p>Join {URL}</p>")]
    {
        let current = meeting(html_body(content));
        assert!(keep(&current, Some(&target)) == Err(WriteError::JoinBlock));
    }
}

#[test]
fn a_part_that_shares_its_element_with_other_text_is_taken_out_of_it() {
    let rule = "_".repeat(80);
    let part = format!("{rule}<br><a href=\"{URL}\">Join</a><br>{rule}");
    let current = meeting(html_body(format!("<html><body><div>Old<br>{part}</div></body></html>")));
    assert_eq!(kept(&current, Some(&html_body("New"))).content, format!("New<br>\r\n{part}"));
    // Elements that hold the part alone go with it, others do not.
    let current =
        meeting(html_body(format!("<div>Old</div><p class=x>\r\n<span>{part}</span></p>after")));
    let content = kept(&current, Some(&html_body("New"))).content;
    assert_eq!(content, format!("New<br>\r\n<p class=x>\r\n<span>{part}</span></p>"));
}
