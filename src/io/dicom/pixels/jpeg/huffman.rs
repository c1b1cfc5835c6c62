//! Huffman tables and the bits of entropy-coded data.

/// A Huffman table with a look-ahead of nine bits.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Value and length of the code that nine bits start with; length 0: longer than nine.
    fast: Box<[(u8, u8); 512]>,
    /// Largest code of each length, left-aligned in 16 bits, exclusive.
    limits: [u32; 17],
    /// Index of the first value of each length minus its first code.
    offsets: [i32; 17],
    values: Vec<u8>,
}

impl Table {
    /// From the counts of codes of each length and their values.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, String> {
        let mut fast = Box::new([(0, 0); 512]);
        let (mut limits, mut offsets) = ([0; 17], [0; 17]);
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_usize {
            offsets[length] = index as i32 - code as i32;
            for _ in 0..counts[length - 1] {
                if code >= 1 << length {
                    return Err("a JPEG Huffman table with too many codes".to_owned());
                }
                if length <= 9 {
                    let first = (code << (9 - length)) as usize;
                    let value = values.get(index).copied().unwrap_or(0);
                    fast[first..first + (1 << (9 - length))].fill((value, length as u8));
                }
                code += 1;
                index += 1;
            }
            limits[length] = code << (16 - length);
            code <<= 1;
        }
        Ok(Self { fast, limits, offsets, values: values.to_vec() })
    }
}

/// Bits of a scan; a byte 0 after 0xFF is stuffing.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    cache: u64,
    valid: u32,
    /// Bits that were made up behind the end or a marker.
    made_up: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, cache: 0, valid: 0, made_up: 0 }
    }

    /// Whether more bits were used than there are.
    pub(super) fn exhausted(&self) -> bool {
        self.made_up > self.valid
    }

    #[inline]
    fn fill(&mut self) {
        if self.valid >= 32 {
            return;
        }
        if let Some(four) = self.data.get(self.at..self.at + 4).and_then(|b| b.as_array::<4>()) {
            let word = u32::from_be_bytes(*four);
            // No byte is 0xFF: its complement has no zero byte.
            let flipped = !word;
            if flipped.wrapping_sub(0x0101_0101) & !flipped & 0x8080_8080 == 0 {
                self.cache |= u64::from(word) << (32 - self.valid);
                self.valid += 32;
                self.at += 4;
                return;
            }
        }
        while self.valid <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF), _) | (None, _) => {
                    self.made_up += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.cache |= u64::from(byte) << (56 - self.valid);
            self.valid += 8;
        }
    }

    #[inline]
    fn skip(&mut self, n: u32) {
        self.cache <<= n;
        self.valid -= n;
    }

    /// The value of the next code; 0 where the bits are no code.
    #[inline]
    pub(super) fn decode(&mut self, table: &Table) -> u8 {
        self.fill();
        let (value, length) = table.fast[(self.cache >> 55) as usize];
        if length > 0 {
            self.skip(u32::from(length));
            return value;
        }
        let sixteen = (self.cache >> 48) as u32;
        for length in 10..=16_usize {
            if sixteen < table.limits[length] {
                let code = (sixteen >> (16 - length)) as i32;
                self.skip(length as u32);
                let index = usize::try_from(code + table.offsets[length]).unwrap_or(usize::MAX);
                return table.values.get(index).copied().unwrap_or(0);
            }
        }
        self.skip(16);
        0
    }

    /// `n` bits (at most 16) as a number with the sign that JPEG gives it (F.2.2.1, EXTEND).
    #[inline]
    pub(super) fn extended(&mut self, n: u32) -> i32 {
        if n == 0 {
            return 0;
        }
        self.fill();
        let bits = (self.cache >> (64 - n)) as i32;
        self.skip(n);
        if bits < 1 << (n - 1) { bits - (1 << n) + 1 } else { bits }
    }

    /// Drops the rest of the byte and passes a restart marker, if one comes within the data.
    pub(super) fn restart(&mut self) {
        (self.cache, self.valid, self.made_up) = (0, 0, 0);
        while let Some(ff) = self.data.get(self.at..).and_then(|rest| rest.iter().position(|b| *b == 0xFF)) {
            self.at += ff + 2;
            if matches!(self.data.get(self.at - 1), Some(0xD0..=0xD7)) {
                return;
            }
        }
        self.at = self.data.len();
    }
}
