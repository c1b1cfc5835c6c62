//! The entropy-coded part of JPEG-LS: contexts, prediction, Golomb codes and runs (ISO 14495-1, annex A).

/// Coding parameters of a scan (annex C.2.4.1.1).
#[derive(Debug, Clone)]
pub(crate) struct Coding {
    near: i32,
    max_value: i32,
    range: i32,
    /// Bits of the largest mapped error.
    qbpp: u32,
    limit: u32,
    reset: i32,
    /// Quantised gradient by gradient + 65536.
    quantised: Box<[i8; TABLE]>,
}

const TABLE: usize = 1 << 17;
const RUN_BITS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Coding {
    /// Zeros mean the defaults of the standard.
    pub(crate) fn new(
        precision: u32,
        near: i32,
        max_value: i32,
        thresholds: [i32; 3],
        reset: i32,
    ) -> Result<Self, String> {
        let full = (1 << precision) - 1;
        let max_value = if max_value > 0 && max_value <= full { max_value } else { full };
        if near > 255.min(max_value / 2) {
            return Err(format!("JPEG-LS that allows errors of {near}"));
        }
        let range = (max_value + 2 * near) / (2 * near + 1) + 1;
        let bits = |n: i32| 32 - (n - 1).leading_zeros();
        let bpp = bits(max_value + 1).max(2);
        let [t1, t2, t3] = thresholds_of(max_value, near, thresholds);
        let mut quantised: Box<[i8; TABLE]> =
            vec![0; TABLE].into_boxed_slice().try_into().map_err(|_| "no memory".to_owned())?;
        // From the middle outwards, each threshold overwrites what lies beyond it.
        let middle = (TABLE / 2) as i32;
        for (level, from) in [(1, near + 1), (2, t1), (3, t2), (4, t3)] {
            let (low, high) = ((middle - from) as usize, (middle + from) as usize);
            quantised[high..].fill(level);
            quantised[..=low].fill(-level);
        }
        Ok(Self {
            near,
            max_value,
            range,
            qbpp: bits(range),
            limit: 2 * (bpp + bpp.max(8)),
            reset: if reset > 2 { reset } else { 64 },
            quantised,
        })
    }

    fn level(&self, gradient: i32) -> i32 {
        i32::from(self.quantised[(gradient + (TABLE / 2) as i32) as usize & (TABLE - 1)])
    }
}

fn thresholds_of(max_value: i32, near: i32, given: [i32; 3]) -> [i32; 3] {
    let clamp = |x: i32, low: i32| if x > max_value || x < low { low } else { x };
    let [b1, b2, b3] = [3, 7, 21];
    let basic = if max_value >= 128 {
        let f = (max_value.min(4095) + 128) / 256;
        [f * (b1 - 2) + 2 + 3 * near, f * (b2 - 3) + 3 + 5 * near, f * (b3 - 4) + 4 + 7 * near]
    } else {
        let f = 256 / (max_value + 1);
        [2.max(b1 / f + 3 * near), 3.max(b2 / f + 5 * near), 4.max(b3 / f + 7 * near)]
    };
    let t1 = if given[0] > 0 { given[0] } else { clamp(basic[0], near + 1) };
    let t2 = if given[1] > 0 { given[1] } else { clamp(basic[1], t1) };
    let t3 = if given[2] > 0 { given[2] } else { clamp(basic[2], t2) };
    [t1.clamp(near + 1, 65_535), t2.clamp(near + 1, 65_535), t3.clamp(near + 1, 65_535)]
}

#[derive(Debug, Clone, Copy)]
struct Context {
    /// Sum of error magnitudes.
    a: i32,
    /// Bias.
    b: i32,
    /// Prediction correction.
    c: i32,
    /// Count.
    n: i32,
}

#[derive(Debug, Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    negative: i32,
}

/// Bits of a scan: after a byte 0xFF the next has seven.
#[derive(Debug)]
struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    /// Up to here no byte is 0xFF.
    clean: usize,
    cache: u64,
    valid: u32,
    /// The last byte was 0xFF: its last bit lies behind the valid ones, under the stuffed zero that comes next.
    after_ff: bool,
    /// Bits that were asked for beyond the end.
    missing: u32,
}

impl<'a> BitReader<'a> {
    fn new(data: &'a [u8]) -> Self {
        let mut reader = Self { data, at: 0, clean: 0, cache: 0, valid: 0, after_ff: false, missing: 0 };
        reader.clean = reader.next_ff(0);
        reader
    }

    fn next_ff(&self, from: usize) -> usize {
        self.data
            .get(from..)
            .and_then(|rest| rest.iter().position(|b| *b == 0xFF))
            .map_or(self.data.len(), |n| from + n)
    }

    /// Makes at least 48 bits valid, with zeros behind the end.
    #[inline]
    fn fill(&mut self) {
        if self.valid >= 48 {
            return;
        }
        if self.at + 8 <= self.clean
            && let Some(eight) = self.data.get(self.at..self.at + 8).and_then(|b| b.as_array::<8>())
        {
            // Bits beyond the counted ones are those that come next anyway.
            self.cache |= u64::from_be_bytes(*eight) >> self.valid;
            let taken = (64 - self.valid) / 8;
            self.at += taken as usize;
            self.valid += taken * 8;
            self.after_ff = false;
            return;
        }
        self.fill_slowly();
    }

    #[cold]
    fn fill_slowly(&mut self) {
        // What a fast fill left beyond the counted bits has to go: a stuffed bit may follow.
        let keep = self.valid + u32::from(self.after_ff);
        self.cache = if keep == 0 { 0 } else { self.cache & (u64::MAX << (64 - keep)) };
        while self.valid <= 55 {
            let byte = self.data.get(self.at).copied();
            let marker = byte == Some(0xFF) && self.data.get(self.at + 1).is_none_or(|next| *next >= 0x80);
            let Some(byte) = byte.filter(|_| !marker) else {
                self.missing += 8;
                self.valid += 8;
                self.after_ff = false;
                continue;
            };
            self.cache |= u64::from(byte) << (56 - self.valid);
            self.valid += 8;
            self.at += 1;
            self.after_ff = byte == 0xFF;
            if self.after_ff {
                // The stuffed zero bit of the next byte falls onto the last bit of this one.
                self.valid -= 1;
            }
            if self.at > self.clean {
                self.clean = self.next_ff(self.at);
            }
        }
    }

    /// Reads `n` bits, at most 32.
    #[inline]
    fn bits(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        self.fill();
        let value = (self.cache >> (64 - n)) as u32;
        self.cache <<= n;
        self.valid -= n;
        value
    }

    /// A limited Golomb code (A.5.3).
    #[inline]
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32) -> i32 {
        self.fill();
        let zeros = self.cache.leading_zeros();
        if zeros < limit && zeros + 1 + k <= 48 {
            self.cache <<= zeros + 1;
            let low = if k == 0 { 0 } else { (self.cache >> (64 - k)) as u32 };
            self.cache <<= k;
            self.valid -= zeros + 1 + k;
            return (zeros << k | low).cast_signed();
        }
        self.golomb_slowly(k, limit, qbpp)
    }

    #[cold]
    fn golomb_slowly(&mut self, k: u32, limit: u32, qbpp: u32) -> i32 {
        let mut zeros = 0;
        while zeros <= limit && self.bits(1) == 0 {
            zeros += 1;
        }
        if zeros < limit { (zeros << k | self.bits(k)).cast_signed() } else { (self.bits(qbpp) + 1).cast_signed() }
    }
}

/// Decodes the lines of a scan.
#[derive(Debug)]
pub(crate) struct ScanDecoder<'a> {
    reader: BitReader<'a>,
    coding: Coding,
    contexts: Box<[Context; 512]>,
    run_contexts: [RunContext; 2],
    run_index: Vec<usize>,
    /// Lines with one sample before and one behind, a pair a component.
    previous: Vec<Vec<i32>>,
    current: Vec<Vec<i32>>,
    width: usize,
}

impl<'a> ScanDecoder<'a> {
    pub(crate) fn new(data: &'a [u8], coding: Coding, width: usize, components: usize) -> Self {
        let a = 2.max((coding.range + 32) / 64);
        let line = vec![vec![0; width + 2]; components];
        Self {
            reader: BitReader::new(data),
            contexts: Box::new([Context { a, b: 0, c: 0, n: 1 }; 512]),
            run_contexts: [RunContext { a, n: 1, negative: 0 }; 2],
            run_index: vec![0; components],
            previous: line.clone(),
            current: line,
            width,
            coding,
        }
    }

    /// The samples of the line that was decoded last.
    pub(crate) fn values(&self, component: usize) -> &[i32] {
        &self.current[component][1..=self.width]
    }

    /// Makes the current lines the previous ones.
    pub(crate) fn next_row(&mut self) {
        std::mem::swap(&mut self.previous, &mut self.current);
    }

    /// How many bytes were used.
    pub(crate) fn position(&self) -> usize {
        self.reader.at.saturating_sub((self.reader.valid.saturating_sub(self.reader.missing) / 8) as usize)
    }

    /// Whether the data did not end before the pixels.
    fn whole(&self) -> bool {
        self.reader.missing <= self.reader.valid + 8
    }

    /// Decodes one line of one component.
    pub(crate) fn line(&mut self, component: usize) -> bool {
        let mut previous = std::mem::take(&mut self.previous[component]);
        let mut current = std::mem::take(&mut self.current[component]);
        self.edges(&mut previous, &mut current);
        if self.coding.near == 0 && self.coding.max_value & (self.coding.max_value + 1) == 0 {
            self.line_of::<true>(component, &previous, &mut current);
        } else {
            self.line_of::<false>(component, &previous, &mut current);
        }
        self.previous[component] = previous;
        self.current[component] = current;
        self.whole()
    }

    fn edges(&self, previous: &mut [i32], current: &mut [i32]) {
        current[0] = previous[1];
        previous[self.width + 1] = previous[self.width];
    }

    fn line_of<const LOSSLESS: bool>(&mut self, component: usize, previous: &[i32], current: &mut [i32]) {
        let width = self.width;
        let (previous, current) = (&previous[..width + 2], &mut current[..width + 2]);
        let mut x = 1;
        let mut rb = previous[0];
        let mut rd = previous[1];
        let mut ra = current[0];
        while x <= width {
            let rc = rb;
            rb = rd;
            rd = previous[x + 1];
            let q = 81 * self.coding.level(rd - rb) + 9 * self.coding.level(rb - rc) + self.coding.level(rc - ra);
            if q != 0 {
                ra = self.regular::<LOSSLESS>(q, predict(ra, rb, rc));
                current[x] = ra;
                x += 1;
                continue;
            }
            let run = self.run_length(component, width + 1 - x);
            current[x..x + run].fill(ra);
            x += run;
            if x > width {
                break;
            }
            rb = previous[x];
            rd = previous[x + 1];
            ra = self.interruption(component, ra, rb);
            current[x] = ra;
            x += 1;
        }
    }

    /// A line whose samples are interleaved pixel by pixel (ILV 2).
    pub(crate) fn line_of_pixels(&mut self) -> bool {
        let count = self.current.len();
        for c in 0..count {
            let (mut previous, mut current) =
                (std::mem::take(&mut self.previous[c]), std::mem::take(&mut self.current[c]));
            self.edges(&mut previous, &mut current);
            (self.previous[c], self.current[c]) = (previous, current);
        }
        let mut x = 1;
        while x <= self.width {
            let mut contexts = [0; 4];
            for (c, q) in contexts.iter_mut().enumerate().take(count) {
                let (p, ra) = (&self.previous[c], self.current[c][x - 1]);
                let (rb, rc, rd) = (p[x], p[x - 1], p[x + 1]);
                *q = 81 * self.coding.level(rd - rb) + 9 * self.coding.level(rb - rc) + self.coding.level(rc - ra);
            }
            if contexts[..count].iter().any(|q| *q != 0) {
                for (c, q) in contexts.into_iter().enumerate().take(count) {
                    let (ra, rb, rc) = (self.current[c][x - 1], self.previous[c][x], self.previous[c][x - 1]);
                    self.current[c][x] = self.regular::<false>(q, predict(ra, rb, rc));
                }
                x += 1;
                continue;
            }
            let run = self.run_length(0, self.width + 1 - x);
            for line in &mut self.current {
                let ra = line[x - 1];
                line[x..x + run].fill(ra);
            }
            x += run;
            if x > self.width {
                break;
            }
            for c in 0..count {
                let (ra, rb) = (self.current[c][x - 1], self.previous[c][x]);
                let error = self.run_error(0, 0);
                self.current[c][x] = self.reconstruct(rb, error * sign(rb - ra));
            }
            self.run_index[0] = self.run_index[0].saturating_sub(1);
            x += 1;
        }
        self.whole()
    }

    #[inline]
    fn regular<const LOSSLESS: bool>(&mut self, q: i32, predicted: i32) -> i32 {
        let negate = q >> 31;
        let context = &mut self.contexts[(q.unsigned_abs() & 511) as usize];
        let coding = &self.coding;
        let predicted = (predicted + ((context.c ^ negate) - negate)).clamp(0, coding.max_value);
        let k = golomb_parameter(context.n, context.a);
        let mapped = self.reader.golomb(k, coding.limit - coding.qbpp - 1, coding.qbpp);
        let mut error = (mapped >> 1) ^ -(mapped & 1);
        if k == 0 && coding.near == 0 && 2 * context.b <= -context.n {
            error = !error;
        }
        // Sound data stay far below what an i32 holds; of others, only that nothing breaks is asked.
        context.b = context.b.wrapping_add(error.wrapping_mul(2 * coding.near + 1));
        context.a = context.a.wrapping_add(error.abs());
        if context.n >= coding.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        let error = (error ^ negate) - negate;
        if LOSSLESS { (predicted + error) & coding.max_value } else { self.reconstruct(predicted, error) }
    }

    /// Adds a quantised error to a prediction, back into the range (A.4.4, A.8).
    fn reconstruct(&self, predicted: i32, error: i32) -> i32 {
        let c = &self.coding;
        let step = 2 * c.near + 1;
        let mut value = predicted.wrapping_add(error.wrapping_mul(step));
        if value < -c.near {
            value = value.wrapping_add(c.range * step);
        } else if value > c.max_value + c.near {
            value = value.wrapping_sub(c.range * step);
        }
        value.clamp(0, c.max_value)
    }

    fn run_length(&mut self, component: usize, left: usize) -> usize {
        let mut run = 0;
        loop {
            let index = self.run_index[component];
            let full = 1_usize << RUN_BITS[index];
            if self.reader.bits(1) == 1 {
                let step = full.min(left - run);
                run += step;
                if step == full {
                    self.run_index[component] = (index + 1).min(31);
                }
                if run == left {
                    return run;
                }
            } else {
                return (run + self.reader.bits(RUN_BITS[index]) as usize).min(left);
            }
        }
    }

    fn interruption(&mut self, component: usize, ra: i32, rb: i32) -> i32 {
        let value = if (ra - rb).abs() <= self.coding.near {
            let error = self.run_error(component, 1);
            self.reconstruct(ra, error)
        } else {
            let error = self.run_error(component, 0);
            self.reconstruct(rb, error * sign(rb - ra))
        };
        self.run_index[component] = self.run_index[component].saturating_sub(1);
        value
    }

    fn run_error(&mut self, component: usize, kind: i32) -> i32 {
        let bits = RUN_BITS[self.run_index[component]];
        let coding = &self.coding;
        let context = &mut self.run_contexts[kind as usize & 1];
        let k = golomb_parameter(context.n, context.a.wrapping_add((context.n >> 1) * kind));
        let limit = (coding.limit - bits - 1).saturating_sub(coding.qbpp + 1);
        let mapped = self.reader.golomb(k, limit, coding.qbpp);
        let both = mapped + kind;
        let odd = both & 1 == 1;
        let magnitude = (both + i32::from(odd)) / 2;
        let error = if (k != 0 || 2 * context.negative >= context.n) == odd { -magnitude } else { magnitude };
        context.negative += i32::from(error < 0);
        context.a = context.a.wrapping_add((mapped + 1 - kind) >> 1);
        if context.n >= coding.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.negative >>= 1;
        }
        context.n += 1;
        error
    }
}

/// The median edge detector (A.4.1).
#[inline]
fn predict(ra: i32, rb: i32, rc: i32) -> i32 {
    let (low, high) = (ra.min(rb), ra.max(rb));
    // Ra + Rb - Rc, kept between the two, is the standard's case distinction.
    (ra + rb - rc).clamp(low, high)
}

/// The smallest `k` with `n << k >= a`.
#[inline]
fn golomb_parameter(n: i32, a: i32) -> u32 {
    let k = n.leading_zeros().saturating_sub(a.leading_zeros());
    (k + u32::from(n << k < a)).min(24)
}

fn sign(x: i32) -> i32 {
    if x < 0 { -1 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_impossible_errors_are_decoded_to_something() {
        // Long codes raise the sum of errors, which raises the code's parameter, until the sum overflows.
        let data: Vec<u8> = (0..60_000_u32).map(|i| if i % 6 == 5 { 1 } else { 0 }).collect();
        for near in [0, 255] {
            let coding = Coding::new(16, near, 0, [0; 3], 65_535).unwrap();
            let mut decoder = ScanDecoder::new(&data, coding, 64, 1);
            for row in 0..500 {
                // An edge in every line, so that no run begins.
                decoder.previous[0].iter_mut().enumerate().for_each(|(x, v)| *v = (x as i32 * 7919 + row) & 0xFFFF);
                if !decoder.line(0) {
                    break;
                }
                assert!(decoder.values(0).iter().all(|v| (0..=65_535).contains(v)));
                decoder.next_row();
            }
        }
    }
}
