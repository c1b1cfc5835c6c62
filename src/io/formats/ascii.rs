//! Numbers in decimal text, as some NRRD files hold them, turned into little-endian samples.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read};

use super::SampleType;

/// A text of numbers that is being read.
pub struct AsciiNumbers {
    input: BufReader<Box<dyn Read + Send>>,
    sample: SampleType,
    pending: Vec<u8>,
}

impl AsciiNumbers {
    /// Reads numbers of the type `sample` out of `input`.
    pub fn new(input: Box<dyn Read + Send>, sample: SampleType) -> Self {
        Self { input: BufReader::with_capacity(1 << 16, input), sample, pending: Vec::new() }
    }

    /// Fills `out` with samples, little-endian.
    ///
    /// # Errors
    /// When the text ends too early or holds what is no number of this type.
    pub fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            if self.pending.is_empty() {
                let token = self.token()?;
                self.pending = self.sample.parse(&token).ok_or_else(|| {
                    let what = format!("expected a number of type {}, found \"{token}\"", self.sample.name());
                    Error::new(ErrorKind::InvalidData, what)
                })?;
            }
            let n = self.pending.len().min(out.len() - done);
            out[done..done + n].copy_from_slice(&self.pending[..n]);
            self.pending.drain(..n);
            done += n;
        }
        Ok(())
    }

    /// The next run of characters between spaces, commas and line ends.
    fn token(&mut self) -> io::Result<String> {
        const LONGEST: usize = 400;
        let parts = |b: &u8| b.is_ascii_whitespace() || *b == b',';
        let mut token = Vec::new();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            if token.is_empty() {
                let spaces = buffer.iter().take_while(|b| parts(b)).count();
                if spaces > 0 {
                    self.input.consume(spaces);
                    continue;
                }
            }
            let n = buffer.iter().take_while(|b| !parts(b)).count();
            token.extend_from_slice(&buffer[..n.min(LONGEST)]);
            let ended = n < buffer.len();
            self.input.consume(n);
            if ended || token.len() > LONGEST {
                break;
            }
        }
        if token.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        token.truncate(LONGEST);
        Ok(String::from_utf8_lossy(&token).into_owned())
    }
}
