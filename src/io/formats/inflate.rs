//! Gzip, decompressed straight into the caller's memory, with the checksum left to whoever has time for it.
//!
//! Files of several members (as `bgzip` writes them) are one stream; zeros behind the last member are padding.

use std::io::{self, Error, ErrorKind, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The most that deflate can make of one byte (RFC 1951: 258 bytes out of two bits).
pub const MOST_EXPANSION: u64 = 1032;

/// The bytes that every gzip file starts with.
pub const MAGIC: [u8; 2] = [0x1f, 0x8b];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Header { first: bool },
    Body,
    Done,
}

/// Where a member of the stream ended, and what its trailer says of it.
#[derive(Debug, Clone, Copy)]
pub struct MemberEnd {
    /// Offset in the output of this call.
    pub at: usize,
    crc: u32,
    size: u32,
}

/// The running checksum of a member.
pub struct Checksum(Crc);

impl Default for Checksum {
    fn default() -> Self {
        Self(Crc::new())
    }
}

impl Checksum {
    /// Takes in what [`Inflater::inflate`] gave.
    ///
    /// # Errors
    /// When a member's content is not what its trailer says.
    pub fn take(&mut self, bytes: &[u8], ends: &[MemberEnd]) -> io::Result<()> {
        let mut from = 0;
        for end in ends {
            self.0.update(bytes.get(from..end.at).unwrap_or_default());
            from = end.at;
            if self.0.sum() != end.crc || self.0.amount() != end.size {
                return Err(Error::new(ErrorKind::InvalidData, "the gzip checksum does not match the content"));
            }
            self.0.reset();
        }
        self.0.update(bytes.get(from..).unwrap_or_default());
        Ok(())
    }
}

/// A gzip stream that is being decompressed.
pub struct Inflater {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    state: Decompress,
    phase: Phase,
}

impl Inflater {
    /// Starts at the first member's header.
    pub fn new(input: Box<dyn Read + Send>) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            start: 0,
            state: Decompress::new(false),
            phase: Phase::Header { first: true },
        }
    }

    /// Fills `out` as far as the stream reaches and says how far; `ends` receives the members that ended on the way.
    ///
    /// # Errors
    /// When the stream is broken or ends within a member.
    pub fn inflate(&mut self, out: &mut [u8], ends: &mut Vec<MemberEnd>) -> io::Result<usize> {
        let mut done = 0;
        self.inflate_into(out, &mut done, ends)?;
        Ok(done)
    }

    /// The same; `done` counts what came before an error, too.
    fn inflate_into(&mut self, out: &mut [u8], count: &mut usize, ends: &mut Vec<MemberEnd>) -> io::Result<()> {
        loop {
            let done = *count;
            match self.phase {
                Phase::Done => return Ok(()),
                Phase::Header { first } => self.read_header(first)?,
                Phase::Body => {
                    if done == out.len() {
                        return Ok(());
                    }
                    if self.rest().is_empty() && self.refill()? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    let (in_before, out_before) = (self.state.total_in(), self.state.total_out());
                    let status = self
                        .state
                        .decompress(&self.buffer[self.start..], &mut out[done..], FlushDecompress::None)
                        .map_err(|e| Error::new(ErrorKind::InvalidData, format!("broken gzip data ({e})")))?;
                    let (taken, given) = (self.state.total_in() - in_before, self.state.total_out() - out_before);
                    self.start += taken as usize;
                    *count += given as usize;
                    if taken == 0 && given == 0 && status != Status::StreamEnd && self.refill()? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    if status == Status::StreamEnd {
                        ends.push(self.read_trailer(*count)?);
                    }
                }
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Reads more input behind what is left; returns how much came.
    fn refill(&mut self) -> io::Result<usize> {
        const PIECE: usize = 1 << 18;
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + PIECE, 0);
        let mut came = 0;
        while came == 0 {
            match self.input.read(&mut self.buffer[kept..]) {
                Ok(n) => {
                    came = n;
                    break;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    self.buffer.truncate(kept);
                    return Err(e);
                }
            }
        }
        self.buffer.truncate(kept + came);
        Ok(came)
    }

    /// The next `n` bytes of the file, or `None` at its end.
    fn take(&mut self, n: usize) -> io::Result<Option<Vec<u8>>> {
        while self.rest().len() < n {
            if self.refill()? == 0 {
                return Ok(None);
            }
        }
        let bytes = self.buffer[self.start..self.start + n].to_vec();
        self.start += n;
        Ok(Some(bytes))
    }

    /// RFC 1952, section 2.3.
    fn read_header(&mut self, first: bool) -> io::Result<()> {
        let early = || Error::from(ErrorKind::UnexpectedEof);
        let head = self.take(10)?;
        let head = match head {
            Some(h) if h[..2] == MAGIC && h[2] == 8 => h,
            _ if !first => {
                // Padding behind the last member, as tapes and some archives leave it.
                self.phase = Phase::Done;
                return Ok(());
            }
            None => return Err(early()),
            Some(_) => return Err(Error::new(ErrorKind::InvalidData, "no gzip header")),
        };
        let flags = head[3];
        if flags & 4 != 0 {
            let length = self.take(2)?.ok_or_else(early)?;
            self.take(usize::from(u16::from_le_bytes([length[0], length[1]])))?.ok_or_else(early)?;
        }
        for text in [8, 16] {
            if flags & text != 0 {
                while self.take(1)?.ok_or_else(early)?[0] != 0 {}
            }
        }
        if flags & 2 != 0 {
            self.take(2)?.ok_or_else(early)?;
        }
        self.state.reset(false);
        self.phase = Phase::Body;
        Ok(())
    }

    fn read_trailer(&mut self, at: usize) -> io::Result<MemberEnd> {
        let t = self.take(8)?.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        self.phase = Phase::Header { first: false };
        let word = |i: usize| u32::from_le_bytes([t[i], t[i + 1], t[i + 2], t[i + 3]]);
        Ok(MemberEnd { at, crc: word(0), size: word(4) })
    }
}

/// Decompresses a stream's first bytes, at most `limit`, for a look at what it holds. Of a broken stream, what comes
/// before the break.
#[must_use]
pub fn head(input: Box<dyn Read + Send>, limit: usize) -> Vec<u8> {
    let (mut out, mut done) = (vec![0; limit], 0);
    // Whoever reads on will meet the break again.
    let _ = Inflater::new(input).inflate_into(&mut out, &mut done, &mut Vec::new());
    out.truncate(done);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut w = flate2::GzBuilder::new().filename("a.nii").write(Vec::new(), flate2::Compression::new(3));
        w.write_all(data).unwrap();
        w.finish().unwrap()
    }

    #[test]
    fn several_members_are_one_stream_and_zeros_behind_are_padding() {
        let mut file = [gzip(b"first "), gzip(b""), gzip(b"second")].concat();
        file.extend([0; 40]);
        let mut inflater = Inflater::new(Box::new(io::Cursor::new(file)));
        let (mut out, mut ends) = (vec![0; 100], Vec::new());
        let n = inflater.inflate(&mut out, &mut ends).unwrap();
        assert_eq!(&out[..n], b"first second");
        assert_eq!(ends.iter().map(|e| e.at).collect::<Vec<_>>(), [6, 6, 12]);
        Checksum::default().take(&out[..n], &ends).unwrap();
    }

    #[test]
    fn a_changed_byte_and_a_missing_end_are_told() {
        let data: Vec<u8> = (0..9999_u32).map(|i| (i * i % 251) as u8).collect();
        let mut file = gzip(&data);
        let mut out = vec![0; data.len()];
        let short = file[..file.len() / 2].to_vec();
        let error = Inflater::new(Box::new(io::Cursor::new(short))).inflate(&mut out, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let at = file.len() - 6;
        file[at] ^= 1;
        let mut ends = Vec::new();
        let mut inflater = Inflater::new(Box::new(io::Cursor::new(file)));
        let n = inflater.inflate(&mut out, &mut ends).unwrap();
        inflater.inflate(&mut [0; 8], &mut ends).unwrap();
        assert!(Checksum::default().take(&out[..n], &ends).is_err());
    }
}
