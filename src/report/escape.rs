//! Text in HTML and SVG.

/// Escapes text for HTML, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML forbids other control characters, even escaped.
            control if control.is_control() && !"\n\r\t".contains(control) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
