//! Plain text that Exchange shows as HTML.
//!
//! Graph answers with HTML unless it is asked for text (header `Prefer: outlook.body-content-type`,
//! page event-get), and then everything is text: there is no way to ask for what was written. Exchange
//! marks HTML that it made out of text with a comment and puts the text into one block. No page
//! documents that form, so whatever does not look exactly so stays HTML.

/// The comment in the head of such a document.
const MARK: &str = "<!-- converted from text -->";
/// What the text stands in.
const BLOCK: &str = "<div class=\"PlainText\">";
const BLOCK_END: &str = "</div>";

/// The text that a document was made of; none if it was not, or was edited since.
pub(super) fn text_of(html: &str) -> Option<String> {
    let (_, after_mark) = html.split_once(MARK)?;
    let (_, block) = after_mark.split_once(BLOCK)?;
    let (block, behind) = block.rsplit_once(BLOCK_END)?;
    // Behind the block only what closes the document.
    if behind.split('<').skip(1).any(|tag| !tag.starts_with('/')) {
        return None;
    }
    let mut text = String::with_capacity(block.len());
    let mut parts = block.split('<');
    push_decoded(&mut text, parts.next()?)?;
    for part in parts {
        let (tag, words) = part.split_once('>')?;
        match tag.split_whitespace().next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "br" | "br/" => text.push_str("\r\n"),
            // Exchange makes addresses in text into links that say the same.
            "a" | "/a" => {}
            _ => return None,
        }
        push_decoded(&mut text, words)?;
    }
    Some(text)
}

/// Adds characters; line ends of the source are not part of the text, and blanks that would be
/// folded stand as hard ones.
fn push_decoded(text: &mut String, source: &str) -> Option<()> {
    let mut rest = source;
    while let Some(at) = rest.find(['&', '\r', '\n']) {
        let (plain, special) = rest.split_at(at);
        text.push_str(plain);
        if let Some(entity) = special.strip_prefix('&') {
            let (name, after) = entity.split_once(';')?;
            text.push(entity_of(name)?);
            rest = after;
        } else {
            rest = special.get(1..)?;
        }
    }
    text.push_str(rest);
    Some(())
}

fn entity_of(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            // A hard blank is how the converter writes a blank that HTML would fold.
            char::from_u32(code).map(|it| if it == '\u{a0}' { ' ' } else { it })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text_of;

    const HEAD: &str = "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; \
         charset=utf-8\"><meta name=\"Generator\" content=\"Microsoft Exchange Server\">\r\n\
         <!-- converted from text --><style><!-- .EmailQuote { margin-left: 1pt } --></style></head>\
         \r\n<body>\r\n<font size=\"2\"><span style=\"font-size:11pt;\">";
    const FOOT: &str = "</span></font>\r\n</body>\r\n</html>\r\n";

    fn document(block: &str) -> String {
        format!("{HEAD}<div class=\"PlainText\">{block}</div>{FOOT}")
    }

    #[test]
    fn text_is_taken_back_as_it_was_written() {
        let shown = document("Bring&nbsp; &lt;the&gt; plans &amp; pens<br>\r\n&#8226; two<br>\r\n");
        assert_eq!(text_of(&shown).unwrap(), "Bring  <the> plans & pens\r\n\u{2022} two\r\n");
        let linked =
            document("see <a href=\"https://x.example/?a=1&amp;b=2\">https://x.example</a>");
        assert_eq!(text_of(&linked).unwrap(), "see https://x.example");
        assert_eq!(text_of(&document("")).unwrap(), "");
    }

    #[test]
    fn what_was_edited_or_was_html_from_the_start_stays_so() {
        let edited = [
            document("<b>bold</b>"),
            document("an <img src=\"x\"> image"),
            document("a lone & sign"),
            document("an &unknown; word"),
            document("text").replace("</html>", "</html><p>more</p>"),
            document("text").replace("<!-- converted from text -->", ""),
            format!("{HEAD}<p>text</p>{FOOT}"),
            "<p>text</p>".to_owned(),
            String::new(),
        ];
        for html in edited {
            assert_eq!(text_of(&html), None, "{html}");
        }
    }
}
