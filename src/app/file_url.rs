//! A file as the system's browser is asked for it.

use std::path::Path;

/// `file://` and the absolute path, escaped as RFC 3986 has it.
pub(crate) fn file_url(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    // A drive's letter has no slash in front.
    let mut url = String::from(if path.starts_with('/') { "file://" } else { "file:///" });
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                url.push(char::from(byte));
            }
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn blanks_and_letters_beyond_ascii_are_escaped() {
        assert_eq!(file_url(Path::new("/a b/Größe#1.html")), "file:///a%20b/Gr%C3%B6%C3%9Fe%231.html");
    }
}
