//! Where each frame's bytes are: at a place of their own, or in fragments with or without an offset table (PS3.5 A.4).

use std::io;

use crate::io::dicom::image_file::ImageFile;
use crate::io::dicom::source::Bytes;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];

/// A run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// The fragments of each frame of encapsulated pixel data.
pub(crate) fn encapsulated_frames(bytes: &Bytes, file: &ImageFile) -> io::Result<Vec<Vec<Run>>> {
    let start = file.pixels.offset;
    let frames = file.format.frames;
    let (table, items) = items(bytes, start)?;
    if frames <= 1 {
        return Ok(vec![items]);
    }
    let first = items.first().map_or(start, |i| i.offset - 8);
    // Offsets count from the first fragment's item tag.
    let offsets: Vec<u64> = if file.frame_offsets.len() == frames {
        file.frame_offsets.clone()
    } else {
        table.iter().map(|o| u64::from(*o)).collect()
    };
    let sound = offsets.len() == frames
        && offsets.first() == Some(&0)
        && offsets.is_sorted()
        && offsets.iter().all(|o| items.binary_search_by_key(o, |i| i.offset - 8 - first).is_ok());
    if items.len() == frames && !sound {
        return Ok(items.into_iter().map(|i| vec![i]).collect());
    }
    if sound {
        let mut result: Vec<Vec<Run>> = vec![Vec::new(); frames];
        for item in items {
            let at = offsets.partition_point(|o| *o <= item.offset - 8 - first).saturating_sub(1);
            if let Some(frame) = result.get_mut(at) {
                frame.push(item);
            }
        }
        return Ok(result);
    }
    // No table: a fragment that starts a codestream starts a frame.
    let mut result: Vec<Vec<Run>> = Vec::new();
    for item in items {
        let head = bytes.read(item.offset, item.len.min(12))?;
        match result.last_mut() {
            Some(frame) if !starts_codestream(&head) => frame.push(item),
            _ => result.push(vec![item]),
        }
    }
    Ok(result)
}

fn starts_codestream(head: &[u8]) -> bool {
    const STARTS: [&[u8]; 5] =
        [&[0xFF, 0xD8, 0xFF], &[0xFF, 0x4F, 0xFF, 0x51], &[0xFF, 0x0A], b"\0\0\0\x0CjP  ", b"\0\0\0\x0CJXL "];
    STARTS.iter().any(|s| head.starts_with(s))
}

/// The Basic Offset Table and the fragments.
fn items(bytes: &Bytes, start: u64) -> io::Result<(Vec<u32>, Vec<Run>)> {
    let mut at = start;
    let mut table = Vec::new();
    let mut runs = Vec::new();
    let mut first = true;
    loop {
        let head = bytes.read(at, 8)?;
        if head.len() < 8 || head[..4] != ITEM {
            break;
        }
        let len = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        let available = bytes.len().saturating_sub(at + 8);
        if first {
            let raw = bytes.read(at + 8, len.min(available))?;
            table = raw.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        } else {
            runs.push(Run { offset: at + 8, len: len.min(available) });
        }
        if len >= available {
            break;
        }
        first = false;
        at += 8 + len;
    }
    Ok((table, runs))
}
