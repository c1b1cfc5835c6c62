//! The segments of a JPEG codestream.

use std::sync::Arc;

use super::huffman::Table;

/// The tables of one class; scans share those that did not change between them.
pub(super) type Tables = [Option<Arc<Table>>; 4];

/// Which coding process a frame uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    Sequential,
    Progressive,
    Lossless,
}

/// One component of a frame.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factors.
    pub(super) sampling: [usize; 2],
    pub(super) quantisation: usize,
}

/// One scan: its header, the tables that held when it started, and its entropy-coded bytes.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// Index of the component, DC table, AC table.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// Predictor of a lossless scan.
    pub(super) selection: u8,
    /// Point transform of a lossless scan.
    pub(super) shift: u32,
    pub(super) dc: Tables,
    pub(super) ac: Tables,
    pub(super) restart: usize,
    pub(super) data: &'a [u8],
}

/// A parsed codestream.
#[derive(Debug)]
pub(super) struct Codestream<'a> {
    pub(super) process: Process,
    pub(super) precision: u32,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) components: Vec<Component>,
    pub(super) quantisation: [[u16; 64]; 4],
    pub(super) scans: Vec<Scan<'a>>,
    adobe_transform: Option<u8>,
    /// The end marker was not there.
    pub(super) cut_short: bool,
}

/// Zigzag order to rows.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The place in a block of the `k`-th coefficient.
pub(super) fn natural(k: usize) -> usize {
    ZIGZAG[k & 63]
}

impl<'a> Codestream<'a> {
    /// Reads all segments and finds the scans.
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, String> {
        let mut stream = Self {
            process: Process::Sequential,
            precision: 0,
            rows: 0,
            columns: 0,
            components: Vec::new(),
            quantisation: [[1; 64]; 4],
            scans: Vec::new(),
            adobe_transform: None,
            cut_short: true,
        };
        let mut dc: Tables = Default::default();
        let mut ac: Tables = Default::default();
        let mut restart = 0;
        let mut at = 2;
        while let Some(marker) = next_marker(data, &mut at) {
            if marker == 0xD9 {
                stream.cut_short = false;
                break;
            }
            if matches!(marker, 0x01 | 0xD0..=0xD8) {
                continue;
            }
            let Some(&[high, low]) = data.get(at..at + 2) else { break };
            let length = usize::from(u16::from_be_bytes([high, low])).max(2);
            let Some(body) = data.get(at + 2..at + length) else { break };
            at += length;
            match marker {
                0xC0 | 0xC1 => stream.frame(Process::Sequential, body)?,
                0xC2 => stream.frame(Process::Progressive, body)?,
                0xC3 => stream.frame(Process::Lossless, body)?,
                0xC5..=0xC7 | 0xCD..=0xCF => return Err("hierarchical JPEG".to_owned()),
                0xC9..=0xCB => return Err("JPEG with arithmetic coding".to_owned()),
                0xC4 => huffman_tables(body, &mut dc, &mut ac)?,
                0xDB => quantisation_tables(body, &mut stream.quantisation)?,
                0xDD => restart = body.get(..2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]]))),
                0xDC if stream.rows == 0 => {
                    stream.rows = body.get(..2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
                }
                0xEE if body.starts_with(b"Adobe") => stream.adobe_transform = body.get(11).copied(),
                0xDA => {
                    // A scan without data is a few bytes and a whole image of work.
                    let most = if stream.process == Process::Progressive { 100 } else { stream.components.len() };
                    if stream.scans.len() >= most {
                        return Err(format!("a JPEG codestream of more than {most} scans"));
                    }
                    let end = scan_end(data, at);
                    let scan = stream.scan(body, &dc, &ac, restart, data.get(at..end).unwrap_or(&[]))?;
                    stream.scans.push(scan);
                    at = end;
                }
                _ => {}
            }
        }
        if stream.components.is_empty() || stream.rows == 0 || stream.columns == 0 {
            return Err("a JPEG codestream without a frame".to_owned());
        }
        if stream.scans.is_empty() {
            return Err("a JPEG codestream without pixels".to_owned());
        }
        Ok(stream)
    }

    /// What three components are, if the codestream says so: Adobe's marker knows better than the header.
    pub(super) fn is_rgb(&self) -> Option<bool> {
        if self.components.len() != 3 {
            return None;
        }
        match self.adobe_transform {
            Some(0) => Some(true),
            Some(1) => Some(false),
            _ if self.components.iter().map(|c| c.id).eq(*b"RGB") => Some(true),
            _ => None,
        }
    }

    fn frame(&mut self, process: Process, body: &[u8]) -> Result<(), String> {
        let &[precision, r1, r0, c1, c0, count, ref rest @ ..] = body else {
            return Err("a JPEG frame header that is too short".to_owned());
        };
        if !self.components.is_empty() {
            return Err("a JPEG codestream with several frames".to_owned());
        }
        self.process = process;
        self.precision = u32::from(precision);
        self.rows = usize::from(u16::from_be_bytes([r1, r0]));
        self.columns = usize::from(u16::from_be_bytes([c1, c0]));
        let sound = match process {
            Process::Lossless => (2..=16).contains(&precision),
            _ => matches!(precision, 8 | 12),
        };
        if !sound || !(1..=4).contains(&count) || rest.len() < usize::from(count) * 3 {
            return Err(format!("a JPEG frame of {count} components with {precision} bits"));
        }
        for c in rest.chunks_exact(3).take(usize::from(count)) {
            let sampling = [usize::from(c[1] >> 4), usize::from(c[1] & 15)];
            if sampling.iter().any(|s| !(1..=4).contains(s)) {
                return Err("JPEG components with an impossible sampling".to_owned());
            }
            self.components.push(Component { id: c[0], sampling, quantisation: usize::from(c[2] & 3) });
        }
        Ok(())
    }

    fn scan(&self, body: &[u8], dc: &Tables, ac: &Tables, restart: usize, data: &'a [u8]) -> Result<Scan<'a>, String> {
        let count = usize::from(*body.first().unwrap_or(&0));
        let selectors = body.get(1..1 + 2 * count).unwrap_or(&[]);
        let mut components = Vec::with_capacity(count);
        for pair in selectors.chunks_exact(2) {
            let index = self.components.iter().position(|c| c.id == pair[0]);
            let index = index.ok_or("a JPEG scan of an unknown component")?;
            components.push((index, usize::from(pair[1] >> 4 & 3), usize::from(pair[1] & 3)));
        }
        if components.is_empty() || components.len() != count {
            return Err("a JPEG scan without components".to_owned());
        }
        let tail = body.get(1 + 2 * count..).unwrap_or(&[]);
        Ok(Scan {
            components,
            selection: tail.first().copied().unwrap_or(1),
            shift: u32::from(tail.get(2).copied().unwrap_or(0) & 15),
            dc: dc.clone(),
            ac: ac.clone(),
            restart,
            data,
        })
    }
}

/// Passes the next marker.
fn next_marker(data: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = data.get(*at..)?;
        let ff = rest.iter().position(|b| *b == 0xFF)?;
        let marker = *rest.get(ff + 1)?;
        *at += ff + 1;
        if marker != 0 && marker != 0xFF {
            *at += 1;
            return Some(marker);
        }
    }
}

/// Where entropy-coded data ends: at a marker that is no restart.
fn scan_end(data: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(ff) = data.get(at..).and_then(|rest| rest.iter().position(|b| *b == 0xFF)) {
        match data.get(at + ff + 1) {
            None => return data.len(),
            Some(0 | 0xD0..=0xD7) => at += ff + 2,
            Some(0xFF) => at += ff + 1,
            Some(_) => return at + ff,
        }
    }
    data.len()
}

fn huffman_tables(mut body: &[u8], dc: &mut Tables, ac: &mut Tables) -> Result<(), String> {
    while let Some((&head, rest)) = body.split_first() {
        let counts: &[u8; 16] =
            rest.get(..16).and_then(|c| c.as_array()).ok_or("a JPEG Huffman table that is too short")?;
        let total: usize = counts.iter().map(|c| usize::from(*c)).sum();
        let values = rest.get(16..16 + total).ok_or("a JPEG Huffman table that is too short")?;
        let table = Arc::new(Table::new(counts, values)?);
        let slot = usize::from(head & 3);
        if head >> 4 == 0 {
            dc[slot] = Some(table);
        } else {
            ac[slot] = Some(table);
        }
        body = &rest[16 + total..];
    }
    Ok(())
}

fn quantisation_tables(mut body: &[u8], tables: &mut [[u16; 64]; 4]) -> Result<(), String> {
    while let Some((&head, rest)) = body.split_first() {
        let wide = head >> 4 != 0;
        let size = if wide { 128 } else { 64 };
        let raw = rest.get(..size).ok_or("a JPEG quantisation table that is too short")?;
        let table = &mut tables[usize::from(head & 3)];
        for (k, place) in ZIGZAG.iter().enumerate() {
            table[*place] = if wide { u16::from_be_bytes([raw[2 * k], raw[2 * k + 1]]) } else { u16::from(raw[k]) };
        }
        body = &rest[size..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_scans_than_components_are_refused_and_scans_share_their_tables() {
        let frame = [0xFF, 0xD8, 0xFF, 0xC2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
        let table: Vec<u8> = [0xFF, 0xC4, 0, 19, 0x00].into_iter().chain([0; 16]).collect();
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
        let stream = |process: u8, scans: usize| {
            let mut data: Vec<u8> = frame.into_iter().chain(table.iter().copied()).collect();
            data[3] = process;
            data.extend(scan.repeat(scans));
            data
        };
        let data = stream(0xC2, 100);
        let parsed = Codestream::parse(&data).unwrap();
        assert_eq!(Arc::strong_count(parsed.scans[0].dc[0].as_ref().unwrap()), 100);
        assert!(Codestream::parse(&stream(0xC2, 101)).unwrap_err().contains("more than 100 scans"));
        assert!(Codestream::parse(&stream(0xC0, 1)).is_ok());
        assert!(Codestream::parse(&stream(0xC0, 2)).unwrap_err().contains("more than 1 scans"));
    }
}
