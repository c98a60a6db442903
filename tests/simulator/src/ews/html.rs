//! Bodies between plain text and HTML, roughly as Exchange turns them.

/// Text as HTML, one line a line.
pub(crate) fn from_text(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let lines = escaped.replace("\r\n", "\n").replace('\n', "<br>\r\n");
    format!(
        "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n</head>\r\n<body>\r\n<div>{lines}</div>\r\n</body>\r\n</html>\r\n"
    )
}

/// HTML without its tags; what stands in the head is dropped.
pub(crate) fn to_text(html: &str) -> String {
    let from_body = html.find("<body").and_then(|at| html.get(at..)).unwrap_or(html);
    let mut text = String::new();
    let mut in_tag = false;
    for character in from_body.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            _ => text.push(character),
        }
    }
    text.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
        .trim()
        .to_owned()
}
