//! Where somebody is sent after logging in: a place on this collector and nowhere else.

/// A path of this collector, perhaps with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPath(String);

impl LocalPath {
    const MAX_BYTES: usize = 4096;

    /// `text` if it can only mean a place here, else the front page.
    ///
    /// Browsers take `//host` and `/\host` for another host, and drop tabs and line breaks before they look.
    pub(crate) fn or_front(text: &str) -> Self {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_here = text.starts_with('/') && !text.starts_with("//");
        let fits = text.len() <= Self::MAX_BYTES;
        Self(if is_plain && is_here && fits { text.to_owned() } else { "/".to_owned() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `path?next=` and this, for it to be read there again.
    pub(crate) fn after(&self, path: &str) -> String {
        let next: String = form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        format!("{path}?next={next}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_here_are_kept() {
        for here in ["/", "/tools?from=2026-11-01&version=1.0%20", "/a//b", "/a?b=//c", "/a#b", "/:80"] {
            assert_eq!(LocalPath::or_front(here).as_str(), here);
        }
        let deep = LocalPath::or_front("/tools?from=1&version=%20+");
        assert_eq!(deep.after("/login"), "/login?next=%2Ftools%3Ffrom%3D1%26version%3D%2520%2B");
    }

    #[test]
    fn places_elsewhere_become_the_front_page() {
        let long = format!("/{}", "a".repeat(LocalPath::MAX_BYTES));
        for elsewhere in [
            "",
            "example.com",
            "//example.com",
            "///example.com",
            "/\\example.com",
            "\\/example.com",
            "/\t/example.com",
            "/\n/example.com",
            "\t//example.com",
            " //example.com",
            "https://example.com",
            "javascript:alert(1)",
            "?a",
            "/a\r\nSet-Cookie: a=b",
            "/ü",
            &long,
        ] {
            assert_eq!(LocalPath::or_front(elsewhere).as_str(), "/", "{elsewhere:?}");
        }
    }
}
