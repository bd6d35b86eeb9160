//! CSV as RFC 4180 has it, and safe to open in a spreadsheet.
//!
//! Lines end in CR LF; a field with a comma, a quote or a line break is quoted. A text that a spreadsheet would take
//! for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a line break) gets an apostrophe in front.

/// Appends a line of texts.
pub(crate) fn line<'a>(out: &mut String, fields: impl IntoIterator<Item = Field<'a>>) {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match field {
            Field::Text(text) => {
                let harmless = if is_formula(text) { format!("'{text}") } else { text.to_owned() };
                push_quoted(out, &harmless);
            }
            Field::Number(text) => push_quoted(out, text),
        }
    }
    out.push_str("\r\n");
}

/// A field: what people and clients wrote, or what was computed here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    /// Anything.
    Text(&'a str),
    /// Written by this program: may begin with a minus.
    Number(&'a str),
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn push_quoted(out: &mut String, text: &str) {
    if !text.contains([',', '"', '\r', '\n']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> String {
        let mut out = String::new();
        line(&mut out, texts.iter().map(|text| Field::Text(text)));
        out
    }

    #[test]
    fn fields_are_quoted_as_the_rfc_says() {
        assert_eq!(of(&["a", "", "b c"]), "a,,b c\r\n");
        assert_eq!(
            of(&["a,b", "say \"x\"", "two\r\nlines"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\"\r\n"
        );
    }

    #[test]
    fn a_formula_becomes_text_and_a_number_stays_one() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert!(of(&[formula]).trim_start_matches('"').starts_with('\''), "{formula}");
        }
        assert_eq!(of(&["\r=1,\"x\""]), "\"'\r=1,\"\"x\"\"\"\r\n");
        let mut out = String::new();
        line(&mut out, [Field::Number("-1")]);
        assert_eq!(out, "-1\r\n");
    }
}
