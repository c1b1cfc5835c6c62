//! [`DataFile`]: where a volume's numbers are and how they are packed; [`ByteStream`]: the same, being read.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, SeekFrom};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use super::ascii::AsciiNumbers;
use super::inflate::{Checksum, Inflater, MOST_EXPANSION, MemberEnd};
use super::{Origin, SampleType};
use crate::io::IoError;
use crate::jobs::Control;

/// How a data file packs its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As they are in memory.
    Raw,
    /// One gzip stream.
    Gzip,
    /// Decimal text, which becomes samples of this type in little-endian order.
    Ascii(SampleType),
}

/// The numbers of an image: one file, or several that each hold the same share.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// The files, in the order of the numbers.
    pub parts: Vec<Origin>,
    /// How each is packed.
    pub packing: Packing,
    /// Bytes before the packed numbers in each file.
    pub file_offset: u64,
    /// Bytes to leave out after unpacking, in each file.
    pub stream_offset: u64,
    /// Unpacked bytes that each file holds.
    pub part_bytes: u64,
}

impl DataFile {
    /// Refuses a file that cannot possibly hold what its header claims: at once, before any memory is taken.
    ///
    /// # Errors
    /// [`IoError::Format`] with both numbers.
    pub fn check_room(&self) -> Result<(), IoError> {
        for part in &self.parts {
            let length = part.byte_len()?;
            let packed = length.saturating_sub(self.file_offset);
            let needed = self.stream_offset.saturating_add(self.part_bytes);
            let (room, how) = match self.packing {
                Packing::Raw => (packed, "bytes"),
                Packing::Gzip => (packed.saturating_mul(MOST_EXPANSION), "bytes at most after decompression"),
                // A digit and what parts it from the next number, except behind the last.
                Packing::Ascii(sample) => {
                    ((packed / 2 + packed % 2).saturating_mul(sample.bytes() as u64), "bytes of numbers at most")
                }
            };
            if needed > room {
                return Err(IoError::Format {
                    path: part.path().to_owned(),
                    expected: format!("{} bytes of voxels as the header claims", self.part_bytes),
                    found: format!("room for {} {how}", room.saturating_sub(self.stream_offset)),
                    remedy: "the file is truncated or its header is wrong; copy it again".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Starts reading at the first number.
    ///
    /// # Errors
    /// When the first file cannot be opened.
    pub fn stream(&self) -> Result<ByteStream, IoError> {
        let mut stream = ByteStream {
            file: self.clone(),
            waiting: self.parts.iter().cloned().collect(),
            current: None,
            left: 0,
            position: 0,
        };
        stream.next_part()?;
        Ok(stream)
    }
}

enum Pipe {
    Raw(Box<dyn super::Bytes>),
    Gzip { inflater: Box<Inflater>, checksum: Checksum },
    Ascii(AsciiNumbers),
}

/// Unpacked bytes, read in order.
pub struct ByteStream {
    file: DataFile,
    waiting: VecDeque<Origin>,
    current: Option<(Origin, Pipe)>,
    left: u64,
    position: u64,
}

/// What a worker makes of bytes in their final place: swaps their order, for instance.
pub type Finish = fn(&mut [u8]);

const PIECE: usize = 1 << 20;

impl ByteStream {
    /// How many bytes were read or passed over since the first number.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The file that is being read, for messages.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.current.as_ref().map(|(o, _)| o.path().to_owned()).unwrap_or_default()
    }

    fn next_part(&mut self) -> Result<(), IoError> {
        let Some(origin) = self.waiting.pop_front() else {
            return Err(IoError::system(self.path(), ErrorKind::UnexpectedEof.into()));
        };
        let wrong = |e| IoError::system(origin.path(), e);
        let mut input = origin.open()?;
        input.seek(SeekFrom::Start(self.file.file_offset)).map_err(wrong)?;
        let pipe = match self.file.packing {
            Packing::Raw => Pipe::Raw(input),
            Packing::Gzip => {
                Pipe::Gzip { inflater: Box::new(Inflater::new(Box::new(input))), checksum: Checksum::default() }
            }
            Packing::Ascii(sample) => Pipe::Ascii(AsciiNumbers::new(Box::new(input), sample)),
        };
        self.current = Some((origin, pipe));
        self.left = self.file.stream_offset;
        self.pass_over(self.file.stream_offset)?;
        self.left = self.file.part_bytes;
        Ok(())
    }

    /// Passes over `bytes` without keeping them.
    ///
    /// # Errors
    /// When the file cannot be read or ends before that.
    pub fn skip(&mut self, mut bytes: u64, control: &Control) -> Result<(), IoError> {
        while bytes > 0 {
            control.checkpoint()?;
            if self.left == 0 {
                self.next_part()?;
            }
            let now = match self.current {
                Some((_, Pipe::Raw(_))) => bytes.min(self.left),
                _ => bytes.min(self.left).min(8 * PIECE as u64),
            };
            self.pass_over(now)?;
            self.position += now;
            bytes -= now;
        }
        Ok(())
    }

    /// Passes over bytes of the current part.
    fn pass_over(&mut self, bytes: u64) -> Result<(), IoError> {
        if let Some((origin, Pipe::Raw(input))) = &mut self.current {
            let step = i64::try_from(bytes).unwrap_or(i64::MAX);
            input.seek(SeekFrom::Current(step)).map_err(|e| IoError::system(origin.path(), e))?;
        } else {
            let mut scratch = vec![0; (PIECE as u64).min(bytes) as usize];
            let mut to_go = bytes;
            while to_go > 0 {
                let now = to_go.min(scratch.len() as u64) as usize;
                self.read_piece(&mut scratch[..now], None)?;
                to_go -= now as u64;
            }
        }
        self.left -= bytes;
        Ok(())
    }

    /// Reads bytes of the current part; takes them into the checksum unless `ends` leaves that to somebody else.
    fn read_piece(&mut self, out: &mut [u8], ends: Option<&mut Vec<MemberEnd>>) -> Result<(), IoError> {
        let Some((origin, pipe)) = &mut self.current else { return Ok(()) };
        let read = |pipe: &mut Pipe, out: &mut [u8]| -> io::Result<()> {
            match pipe {
                Pipe::Raw(input) => io::Read::read_exact(input, out),
                Pipe::Ascii(numbers) => numbers.fill(out),
                Pipe::Gzip { inflater, checksum } => {
                    let mut own = Vec::new();
                    let (list, mine) = match ends {
                        Some(list) => (list, false),
                        None => (&mut own, true),
                    };
                    let n = inflater.inflate(out, list)?;
                    if mine {
                        checksum.take(&out[..n], list)?;
                    }
                    if n < out.len() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
                }
            }
        };
        read(pipe, out).map_err(|e| IoError::system(origin.path(), e))
    }

    /// Fills `out`; inflating on this thread, while a second one takes the checksum and runs `finish` over pieces that
    /// are a multiple of 8 bytes long (except the last). Calls `progress` with the bytes of each piece.
    ///
    /// # Errors
    /// When the file is broken or ends too early; [`IoError::Cancelled`].
    pub fn fill(
        &mut self,
        mut out: &mut [u8],
        finish: Option<Finish>,
        control: &Control,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), IoError> {
        while !out.is_empty() {
            if self.left == 0 {
                self.next_part()?;
            }
            let now = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
            let (part, rest) = std::mem::take(&mut out).split_at_mut(now);
            self.fill_part(part, finish, control, progress)?;
            out = rest;
        }
        Ok(())
    }

    fn fill_part(
        &mut self,
        out: &mut [u8],
        finish: Option<Finish>,
        control: &Control,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), IoError> {
        let borrowed = match &mut self.current {
            Some((_, Pipe::Gzip { checksum, .. })) => Some(std::mem::take(checksum)),
            _ => None,
        };
        let with_checksum = borrowed.is_some();
        let path = self.path();
        let (give, warm) = sync_channel::<&mut [u8]>(16);
        let (send, receive) = sync_channel::<(&mut [u8], Vec<MemberEnd>)>(64);
        let work = move || -> io::Result<Option<Checksum>> {
            let mut checksum = borrowed;
            while let Ok((piece, ends)) = receive.recv() {
                if let Some(sum) = &mut checksum {
                    sum.take(piece, &ends)?;
                }
                if let Some(finish) = finish {
                    finish(piece);
                }
            }
            Ok(checksum)
        };
        let total = out.len() as u64;
        let checksum = std::thread::scope(|scope| {
            let worker = (with_checksum || finish.is_some()).then(|| scope.spawn(work));
            // Fresh memory costs a page fault every 4 KB: taken on another thread, a few pieces ahead.
            scope.spawn(move || {
                for piece in out.chunks_mut(PIECE) {
                    piece.chunks_mut(4096).for_each(|page| page[0] = 0);
                    if give.send(piece).is_err() {
                        break;
                    }
                }
            });
            let result = warm.into_iter().try_for_each(|piece| {
                control.checkpoint()?;
                let mut ends = Vec::new();
                self.read_piece(piece, Some(&mut ends))?;
                progress(piece.len() as u64);
                // A worker that is gone found a broken checksum; it says so below.
                if worker.is_some() && send.send((piece, ends)).is_err() {
                    return Ok(());
                }
                Ok(())
            });
            drop(send);
            let sum = match worker.map(std::thread::ScopedJoinHandle::join) {
                Some(Ok(sum)) => sum.map_err(|e| IoError::system(&path, e)),
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                None => Ok(None),
            };
            result.and(sum)
        })?;
        if let (Some((_, Pipe::Gzip { checksum: home, .. })), Some(sum)) = (&mut self.current, checksum) {
            *home = sum;
        }
        self.left -= total;
        self.position += total;
        self.check_end()
    }

    /// Behind the last number of a gzip file: its trailer, if it comes within the next piece, must agree.
    fn check_end(&mut self) -> Result<(), IoError> {
        if self.left > 0 {
            return Ok(());
        }
        if let Some((origin, Pipe::Gzip { inflater, checksum })) = &mut self.current {
            let (mut scratch, mut ends) = (vec![0; 1 << 12], Vec::new());
            inflater
                .inflate(&mut scratch, &mut ends)
                .and_then(|n| checksum.take(&scratch[..n], &ends))
                .map_err(|e| IoError::system(origin.path(), e))?;
        }
        Ok(())
    }
}
