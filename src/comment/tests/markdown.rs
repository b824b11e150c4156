//! What holds for every text: balanced, one marker, nothing that GitHub or a bot would act on.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Parses as GitHub would and looks at what is left outside code.
pub(super) fn assert_harmless(text: &str) {
    let markers = text.matches("<!--").count();
    assert_eq!(markers, usize::from(text.starts_with("<!-- tidegate:")), "one marker, first:\n{text}");
    assert_eq!(text.matches("-->").count(), markers, "{text}");
    for line in text.lines() {
        assert!(!line.starts_with('/'), "a line begins a command: {line}");
    }
    let (mut open, mut code, mut tags) = (0_i32, 0_i32, Vec::new());
    let mut outside = String::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        let in_code = code > 0 || tags.last() == Some(&"code");
        if let Event::Html(html) | Event::InlineHtml(html) = &event {
            open += balance(html, &mut tags, &mut outside);
            assert!((0..=1).contains(&open), "details nest or close too often:\n{text}");
        } else if let Event::Start(Tag::Link { .. } | Tag::Image { .. }) = event {
            panic!("a link:\n{text}");
        } else if let Event::Start(Tag::CodeBlock(_)) = event {
            code += 1;
        } else if let Event::End(end) = event {
            code -= i32::from(end == TagEnd::CodeBlock);
            outside.push('\n');
        } else if let (Event::Text(text), false) = (&event, in_code) {
            outside.push_str(text);
        } else if let Event::SoftBreak | Event::HardBreak = event {
            outside.push('\n');
        }
    }
    assert_eq!((open, code), (0, 0), "unbalanced:\n{text}");
    assert!(tags.is_empty(), "open at the end: {tags:?}\n{text}");
    assert_quiet(&outside);
}

/// Walks HTML: only the tags that the templates write, each closed; text outside `<code>` is collected.
fn balance(html: &str, tags: &mut Vec<&'static str>, outside: &mut String) -> i32 {
    let mut details = 0;
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        if tags.last() != Some(&"code") {
            outside.push_str(&decode(before));
        }
        let (tag, after) = after.split_once('>').unwrap_or_else(|| panic!("half a tag: {html}"));
        rest = after;
        match tag {
            "details" | "details open" => {
                details += 1;
                tags.push("details");
            }
            "summary" => tags.push("summary"),
            "b" => tags.push("b"),
            "div" => tags.push("div"),
            "code" => tags.push("code"),
            "/details" | "/summary" | "/b" | "/div" | "/code" => {
                let closed = tags.pop();
                assert_eq!(closed, Some(&tag[1..]), "{html}");
                details -= i32::from(tag == "/details");
            }
            _ if tag.starts_with("!-- tidegate:") => {}
            _ => panic!("a tag that no template writes: <{tag}>"),
        }
    }
    if tags.last() != Some(&"code") {
        outside.push_str(&decode(rest));
    }
    details
}

fn decode(text: &str) -> String {
    let mut out = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    for code in 33..127_u8 {
        out = out.replace(&format!("&#{code};"), &char::from(code).to_string());
    }
    out
}

/// No mention, no reference, no address: what GitHub finds in text after rendering.
fn assert_quiet(text: &str) {
    let chars: Vec<char> = text.chars().collect();
    for (index, &c) in chars.iter().enumerate() {
        let next = chars.get(index + 1).copied().unwrap_or(' ');
        let previous = if index > 0 { chars[index - 1] } else { ' ' };
        let near: String = chars[index.saturating_sub(20)..chars.len().min(index + 20)].iter().collect();
        match c {
            '@' if next.is_ascii_alphanumeric() => {
                assert!(previous.is_ascii_alphanumeric(), "a mention: …{near}…");
            }
            '#' => assert!(!next.is_ascii_digit(), "a reference: …{near}…"),
            _ => {}
        }
    }
    let lower = text.to_lowercase();
    for bad in ["://", "www."] {
        assert!(!lower.contains(bad), "an address: {text}");
    }
    for digit in 0..10 {
        assert!(!lower.contains(&format!("gh-{digit}")), "a reference: {text}");
    }
}

/// A checker that catches nothing would make every test above it worthless.
#[test]
fn the_checker_is_awake() {
    assert_harmless("<!-- tidegate:preview -->\nfine `@ann #12` <code>https://x.y</code>\n");
    for bad in [
        "thanks @ann",
        "closes #12",
        "see GH-7",
        "see https://github.com/a/b/issues/1",
        "www.example.com",
        "[a](b)",
        "<img src=x>",
        "<details>",
        "</details>",
        "<b>bold",
        "one\n<!-- tidegate:preview -->",
        "-->",
        "```\nfenced\n```\n/deploy prod",
        "<details><summary>@ann</summary>\n\n</details>",
    ] {
        assert!(std::panic::catch_unwind(|| assert_harmless(bad)).is_err(), "not caught: {bad}");
    }
}
