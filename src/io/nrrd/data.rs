//! Where an NRRD's numbers are: behind the header, in another file, or in several.

use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Component, Path};

use super::header::Header;
use crate::io::IoError;
use crate::io::formats::{DataFile, Origin, Packing, SampleType};

/// Finds the numbers: `count` of them, of type `plain` in the file.
///
/// # Errors
/// When the encoding is not read, a data file is missing, or a field makes no sense.
pub fn data_file(origin: &Origin, header: &Header, plain: SampleType, total: u64) -> Result<DataFile, IoError> {
    let path = origin.path();
    let packing = packing(header, plain, path)?;
    let parts = parts(origin, header)?;
    let attached = parts.is_none();
    let parts = parts.unwrap_or_else(|| vec![origin.clone()]);
    let count = parts.len() as u64;
    let part_bytes = total / count.max(1);
    if part_bytes * count != total || !part_bytes.is_multiple_of(plain.bytes() as u64) {
        let expected = format!("as many data files as divide {total} bytes");
        return Err(IoError::format(path, expected, format!("{count} files")));
    }
    let mut data = DataFile {
        parts,
        packing,
        file_offset: if attached { header.byte_len } else { 0 },
        stream_offset: 0,
        part_bytes,
    };
    let lines = header.whole("line skip", 0, path)?;
    if lines > 0 {
        data.file_offset = behind_lines(&data.parts[0], data.file_offset, lines)?;
    }
    let bytes = header.whole("byte skip", 0, path)?;
    match (u64::try_from(bytes), packing) {
        (Ok(bytes), Packing::Gzip) => data.stream_offset = bytes,
        (Ok(bytes), _) => data.file_offset = data.file_offset.saturating_add(bytes),
        (Err(_), Packing::Raw) if bytes == -1 => {
            data.check_room()?;
            data.file_offset = data.parts[0].byte_len()?.saturating_sub(part_bytes);
        }
        _ => return Err(IoError::format(path, "a byte skip of 0 or more (or -1 for raw data)", bytes.to_string())),
    }
    Ok(data)
}

fn packing(header: &Header, plain: SampleType, path: &Path) -> Result<Packing, IoError> {
    let name = header.required("encoding", path)?.to_ascii_lowercase();
    let what = match name.as_str() {
        "raw" => return Ok(Packing::Raw),
        "gz" | "gzip" => return Ok(Packing::Gzip),
        "txt" | "text" | "ascii" => return Ok(Packing::Ascii(plain)),
        "bz2" | "bzip2" => "an NRRD with bzip2 encoding".to_owned(),
        "hex" => "an NRRD with hex encoding".to_owned(),
        other => format!("an NRRD with the encoding \"{other}\""),
    };
    let remedy = "save it with gzip encoding (unu save -f nrrd -e gzip)".to_owned();
    Err(IoError::Unsupported { path: path.to_owned(), what, doing: "read", remedy })
}

/// The files of a detached header; `None` when the numbers follow the header.
fn parts(origin: &Origin, header: &Header) -> Result<Option<Vec<Origin>>, IoError> {
    const MOST_FILES: i64 = 1 << 20;
    let path = origin.path();
    let Some(text) = header.field("data file") else { return Ok(None) };
    let words: Vec<&str> = text.split_whitespace().collect();
    let names: Vec<String> = if words.first() == Some(&"LIST") {
        header.file_list.clone()
    } else if let [pattern, first, last, step, ..] = words[..]
        && pattern.contains('%')
    {
        let wrong =
            || IoError::format(path, "a pattern with first, last and step in \"data file\"", format!("\"{text}\""));
        let number = |t: &str| t.parse::<i64>().map_err(|_| wrong());
        let (first, last, step) = (number(first)?, number(last)?, number(step)?);
        let span = last.checked_sub(first).ok_or_else(wrong)?;
        let steps = span.checked_div(step).filter(|n| (0..MOST_FILES).contains(n)).ok_or_else(wrong)?;
        (0..=steps).map(|i| numbered(pattern, first + i * step).ok_or_else(wrong)).collect::<Result<_, _>>()?
    } else {
        vec![text.to_owned()]
    };
    if names.is_empty() {
        return Err(IoError::format(path, "names of data files behind LIST", "none"));
    }
    let parts = names.iter().map(|name| {
        // A header from somewhere else shall not reach into other folders.
        if !Path::new(name).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
            return Err(IoError::Format {
                path: path.to_owned(),
                expected: "its voxels in the folder of the header, or below it".to_owned(),
                found: name.clone(),
                remedy: "put the header and its data into one folder, and name the data alone".to_owned(),
            });
        }
        origin.sibling(Path::new(name)).ok_or_else(|| IoError::Format {
            path: path.to_owned(),
            expected: format!("its voxels in {name}"),
            found: "no such file beside it".to_owned(),
            remedy: "put the header and its data into one folder; from a ZIP, unpack them first".to_owned(),
        })
    });
    parts.collect::<Result<_, _>>().map(Some)
}

/// `slice%03d.raw` with its number.
fn numbered(pattern: &str, number: i64) -> Option<String> {
    let (before, rest) = pattern.split_once('%')?;
    let (format, behind) = rest.split_once('d')?;
    let width: usize = if format.is_empty() { 0 } else { format.parse().ok().filter(|w| *w <= 32)? };
    let digits = if format.starts_with('0') { format!("{number:0width$}") } else { format!("{number:width$}") };
    Some(format!("{before}{digits}{behind}"))
}

/// The offset behind so many line ends.
fn behind_lines(origin: &Origin, from: u64, lines: i64) -> Result<u64, IoError> {
    let wrong = |e| IoError::system(origin.path(), e);
    let mut file = origin.open()?;
    file.seek(SeekFrom::Start(from)).map_err(wrong)?;
    let mut input = BufReader::new(file);
    let mut at = from;
    for _ in 0..lines {
        let n = input.skip_until(b'\n').map_err(wrong)?;
        if n == 0 {
            return Err(wrong(std::io::ErrorKind::UnexpectedEof.into()));
        }
        at += n as u64;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_count_as_printf_does() {
        assert_eq!(numbered("s%03d.raw", 7).as_deref(), Some("s007.raw"));
        assert_eq!(numbered("s%d.raw", 12).as_deref(), Some("s12.raw"));
        assert_eq!(numbered("s%s.raw", 12), None);
    }

    #[test]
    fn patterns_that_count_over_all_numbers_are_refused() {
        let origin =
            Origin::Memory { name: "x.nhdr".into(), bytes: std::sync::Arc::new([]), beside: std::sync::Arc::new([]) };
        for text in ["%d 0 -9223372036854775808 -1", "%d -9223372036854775808 9223372036854775807 1", "%d 0 4 0"] {
            let header = Header { fields: vec![("data file".into(), text.into())], ..Header::default() };
            assert!(parts(&origin, &header).unwrap_err().to_string().contains("first, last and step"), "{text}");
        }
    }
}
