//! Bodies as HTML and as text.

use tidemark_model::{Body, BodyFormat};

/// What Exchange writes around text that is asked for as HTML.
const TEXT_HEAD: &str = "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; \
     charset=utf-8\">\r\n<!-- converted from text -->\r\n</head>\r\n<body>\r\n<div \
     class=\"PlainText\">";
const TEXT_FOOT: &str = "</div>\r\n</body>\r\n</html>\r\n";
const HTML_HEAD: &str = "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; \
     charset=utf-8\"></head><body>";
const HTML_FOOT: &str = "</body></html>";

/// Longest preview of a body, in characters (bodyPreview).
const PREVIEW_CHARS_MAX: usize = 255;

/// The body as HTML, the default of every response.
pub(super) fn html(body: Option<&Body>) -> String {
    match body {
        None => String::new(),
        Some(body) if body.content.is_empty() => String::new(),
        Some(body) => match body.format {
            BodyFormat::Text => format!("{TEXT_HEAD}{}{TEXT_FOOT}", escaped(&body.content)),
            BodyFormat::Html if body.content.to_ascii_lowercase().contains("<html") => {
                body.content.clone()
            }
            // A fragment is made a document.
            BodyFormat::Html => format!("{HTML_HEAD}{}{HTML_FOOT}", body.content),
        },
    }
}

/// The body as plain text.
pub(super) fn text(body: Option<&Body>) -> String {
    match body {
        None => String::new(),
        Some(body) => match body.format {
            BodyFormat::Text => body.content.clone(),
            BodyFormat::Html => stripped(&body.content),
        },
    }
}

/// The first characters of the text, white space folded.
pub(super) fn preview(body: Option<&Body>) -> String {
    text(body).replace("\r\n", "\n").trim().chars().take(PREVIEW_CHARS_MAX).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace("\r\n", "\n")
        .replace('\n', "<br>\r\n")
}

/// Text without tags: blocks end lines, entities are decoded, style and script are left out.
fn stripped(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        push_text(&mut out, before);
        let Some(end) = tag.find('>') else {
            rest = "";
            break;
        };
        let (inside, after) = tag.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let name = inside.trim_start_matches(['<', '/']).to_ascii_lowercase();
        let name = name.split([' ', '/', '\r', '\n', '\t']).next().unwrap_or_default();
        match name {
            "br" => out.push_str("\r\n"),
            "p" | "div" | "li" | "tr" if inside.starts_with("</") => out.push_str("\r\n"),
            "head" | "style" | "script" | "title" if !inside.starts_with("</") => {
                let close = format!("</{name}");
                let lower = rest.to_ascii_lowercase();
                let skip = lower.find(&close).unwrap_or(rest.len());
                rest = rest.get(skip..).unwrap_or_default();
            }
            _ => {}
        }
    }
    push_text(&mut out, rest);
    out.trim().to_owned()
}

fn push_text(out: &mut String, text: &str) {
    let folded = text.replace(['\r', '\n'], " ");
    let folded = if out.is_empty() || out.ends_with('\n') { folded.trim_start() } else { &folded };
    out.push_str(
        &folded
            .replace("&nbsp;", "\u{a0}")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    );
}
