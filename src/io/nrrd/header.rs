//! The text of an NRRD header: fields, key/value pairs, and where it ends.

use std::path::Path;

use crate::io::IoError;
use crate::io::formats::{Origin, SampleType};

/// A header beyond this is none.
const LONGEST: u64 = 16 << 20;

/// The fields as text, with their names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Number of the version, 1 to 5 and beyond.
    pub version: u32,
    /// `field: value`, in order.
    pub fields: Vec<(String, String)>,
    /// `key:=value`, in order.
    pub pairs: Vec<(String, String)>,
    /// Names of data files behind `data file: LIST`.
    pub file_list: Vec<String>,
    /// Bytes of the header with the blank line behind it.
    pub byte_len: u64,
}

impl Header {
    /// Reads the header at the start of a file.
    ///
    /// # Errors
    /// When it has no end, or a line is none of those that a header has.
    pub fn read(origin: &Origin) -> Result<Self, IoError> {
        let mut limit = 1_u64 << 16;
        loop {
            let bytes = origin.head(limit as usize)?;
            let whole = (bytes.len() as u64) < limit;
            if let Some(end) = end_of_header(&bytes) {
                return Self::parse(&bytes[..end], end as u64, origin.path());
            }
            if whole {
                return Self::parse(&bytes, bytes.len() as u64, origin.path());
            }
            if limit >= LONGEST {
                return Err(IoError::format(origin.path(), "a blank line that ends the NRRD header", "none in 16 MB"));
            }
            limit *= 4;
        }
    }

    fn parse(bytes: &[u8], byte_len: u64, path: &Path) -> Result<Self, IoError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let magic = lines.next().unwrap_or_default();
        let version = magic.trim_end().strip_prefix("NRRD").and_then(|v| v.parse().ok());
        let version = version.ok_or_else(|| IoError::format(path, "NRRD0001 to NRRD0005", format!("\"{magic}\"")))?;
        let mut header = Self { version, byte_len, ..Self::default() };
        let mut listing = false;
        for line in lines {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if listing {
                header.file_list.push(line.to_owned());
                continue;
            }
            let pair = line.find(":=");
            let field = line.find(": ").or_else(|| line.ends_with(':').then(|| line.len() - 1));
            match (pair, field) {
                (Some(at), f) if f.is_none_or(|f| at < f) => {
                    header.pairs.push((unescape(line[..at].trim()), unescape(&line[at + 2..])));
                }
                (_, Some(at)) => {
                    let name = canonical(line[..at].trim());
                    let value = line[at + 1..].trim().to_owned();
                    listing = name == "data file" && value.split_whitespace().next() == Some("LIST");
                    header.fields.push((name, value));
                }
                _ => {
                    let short: String = line.chars().take(60).collect();
                    return Err(IoError::format(path, "\"field: value\" or \"key:=value\"", format!("\"{short}\"")));
                }
            }
        }
        Ok(header)
    }

    /// A field's text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The value of a key.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(&self, name: &str, path: &Path) -> Result<&str, IoError> {
        self.field(name).ok_or_else(|| IoError::format(path, format!("a field \"{name}\""), "none"))
    }

    /// A field of one number; `default` where it is missing.
    ///
    /// # Errors
    /// When it is no whole number.
    pub fn whole(&self, name: &str, default: i64, path: &Path) -> Result<i64, IoError> {
        self.field(name).map_or(Ok(default), |text| {
            text.parse()
                .map_err(|_| IoError::format(path, format!("a whole number in \"{name}\""), format!("\"{text}\"")))
        })
    }

    /// The sizes of the axes, fastest first.
    ///
    /// # Errors
    /// When they are missing, no positive numbers, or not as many as `dimension` says.
    pub fn sizes(&self, path: &Path) -> Result<Vec<usize>, IoError> {
        let text = self.required("sizes", path)?;
        let wrong = || IoError::format(path, "positive whole numbers in \"sizes\"", format!("\"{text}\""));
        let sizes: Vec<usize> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let dimension = self.whole("dimension", sizes.len() as i64, path)?;
        if sizes.is_empty() || sizes.contains(&0) || sizes.len() as i64 != dimension || sizes.len() > 16 {
            return Err(wrong());
        }
        Ok(sizes)
    }

    /// The numbers' type.
    ///
    /// # Errors
    /// When it is missing or of no known name.
    pub fn sample_type(&self, path: &Path) -> Result<SampleType, IoError> {
        let text = self.required("type", path)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(match words.join(" ").to_ascii_lowercase().as_str() {
            "signed char" | "int8" | "int8_t" => SampleType::I8,
            "uchar" | "unsigned char" | "uint8" | "uint8_t" => SampleType::U8,
            "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => SampleType::I16,
            "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => SampleType::U16,
            "int" | "signed int" | "int32" | "int32_t" => SampleType::I32,
            "uint" | "unsigned int" | "uint32" | "uint32_t" => SampleType::U32,
            "longlong"
            | "long long"
            | "long long int"
            | "signed long long"
            | "signed long long int"
            | "int64"
            | "int64_t" => SampleType::I64,
            "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => SampleType::U64,
            "float" => SampleType::F32,
            "double" => SampleType::F64,
            _ => return Err(IoError::format(path, "a known number type in \"type\"", format!("\"{text}\""))),
        })
    }
}

/// Behind the blank line, if there is one.
fn end_of_header(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(n) = bytes.get(start..)?.iter().position(|b| *b == b'\n') {
        let line = &bytes[start..start + n];
        start += n + 1;
        if line.is_empty() || line == b"\r" {
            return Some(start);
        }
    }
    None
}

/// One name for fields that have several.
fn canonical(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "datafile" => "data file",
        "lineskip" => "line skip",
        "byteskip" => "byte skip",
        "sampleunits" => "sample units",
        "axismins" => "axis mins",
        "axismaxs" => "axis maxs",
        "centerings" => "centers",
        other => other,
    }
    .to_owned()
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

/// The value of a pair as a header holds it.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// The words of a per-axis field; quotes hold a word together.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if any {
                    out.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        out.push(word);
    }
    out
}

/// The vectors of `space directions` or `space origin`: `(1,0,0) none (0, 1, 0)`; `None` where the text is none.
#[must_use]
pub fn vectors(text: &str) -> Option<Vec<Option<Vec<f64>>>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('(') {
            let (inside, behind) = inner.split_once(')')?;
            let numbers = inside.split(',').map(|x| x.trim().parse::<f64>()).collect::<Result<Vec<_>, _>>().ok()?;
            out.push(Some(numbers));
            rest = behind.trim_start();
        } else {
            let word = rest.split_whitespace().next()?;
            if !word.eq_ignore_ascii_case("none") {
                return None;
            }
            out.push(None);
            rest = rest[word.len()..].trim_start();
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_words_are_parted() {
        let v = vectors("none (1, 0,0) (0,-2.5e0,0)(0,0,nan)").unwrap();
        assert_eq!((v.len(), v[0].clone(), v[2].clone()), (4, None, Some(vec![0.0, -2.5, 0.0])));
        assert!(vectors("(1,0").is_none() && vectors("1 0 0").is_none());
        assert_eq!(words("\"left right\" mm \"\""), ["left right", "mm", ""]);
    }

    #[test]
    fn pairs_fields_and_the_end_are_told_apart() {
        let text = b"NRRD0004\r\n# c\r\nType: short\r\na:b key:=x: y\\nz\r\n\r\nDATA";
        let end = end_of_header(text).unwrap();
        assert_eq!(&text[end..], b"DATA");
        let h = Header::parse(&text[..end], end as u64, Path::new("x")).unwrap();
        assert_eq!(h.field("type"), Some("short"));
        assert_eq!(h.pair("a:b key"), Some("x: y\nz"));
        assert!(Header::parse(b"NRRD0004\nnonsense\n", 0, Path::new("x")).is_err());
    }
}
