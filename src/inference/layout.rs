//! The order of a tensor's axes, by letters: N (batch), C (channel), X, Y, Z (axes of the model's grid).

/// A checked layout such as `NCXYZ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout(Vec<char>);

impl Layout {
    /// From the manifest's word, whose letters were checked at the door.
    pub fn new(word: &str) -> Self {
        Self(word.chars().collect())
    }

    /// How many axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The same without the channel axis.
    pub fn without_channel(&self) -> Self {
        Self(self.0.iter().copied().filter(|c| *c != 'C').collect())
    }

    /// Where a letter stands.
    pub fn position(&self, letter: char) -> Option<usize> {
        self.0.iter().position(|c| *c == letter)
    }

    /// The tensor's shape for a number of channels and a grid `[nx, ny, nz]`.
    pub fn shape(&self, channels: usize, size: [usize; 3]) -> Vec<usize> {
        self.0
            .iter()
            .map(|c| match c {
                'C' => channels,
                'X' => size[0],
                'Y' => size[1],
                'Z' => size[2],
                _ => 1,
            })
            .collect()
    }

    /// `[c, x, y, z]`: how far apart neighbours lie in memory.
    fn strides(&self, shape: &[usize]) -> [usize; 4] {
        let mut strides = vec![1; shape.len()];
        for a in (0..shape.len().saturating_sub(1)).rev() {
            strides[a] = strides[a + 1] * shape[a + 1];
        }
        ['C', 'X', 'Y', 'Z'].map(|letter| self.position(letter).map_or(0, |a| strides[a]))
    }

    /// Writes channels, each `[nz, ny, nx]` with x fastest, into one tensor.
    pub fn pack(&self, channels: &[&[f32]], size: [usize; 3]) -> (Vec<usize>, Vec<f32>) {
        let shape = self.shape(channels.len(), size);
        let mut data = vec![0.0; shape.iter().product()];
        let strides = self.strides(&shape);
        for (c, channel) in channels.iter().enumerate() {
            self.visit(size, strides, c, |flat, at| data[at] = channel[flat]);
        }
        (shape, data)
    }

    /// Reads one channel of a tensor as `[nz, ny, nx]`, x fastest.
    pub fn unpack(&self, data: &[f32], shape: &[usize], channel: usize, size: [usize; 3]) -> Vec<f32> {
        let mut out = vec![0.0; size.iter().product()];
        self.visit(size, self.strides(shape), channel, |flat, at| out[flat] = data[at]);
        out
    }

    fn visit(&self, size: [usize; 3], [sc, sx, sy, sz]: [usize; 4], c: usize, mut f: impl FnMut(usize, usize)) {
        let mut flat = 0;
        for z in 0..size[2] {
            for y in 0..size[1] {
                let row = c * sc + z * sz + y * sy;
                for x in 0..size[0] {
                    f(flat, row + x * sx);
                    flat += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_the_axes_comes_back() {
        let size = [2, 3, 4];
        let a: Vec<f32> = (0_u8..24).map(f32::from).collect();
        let b: Vec<f32> = a.iter().map(|x| x + 100.0).collect();
        for word in ["NCXYZ", "NCZYX", "NXYZC", "ZNYCX", "CYXZ"] {
            let layout = Layout::new(word);
            let (shape, data) = layout.pack(&[&a, &b], size);
            assert_eq!(shape.len(), word.len());
            assert_eq!(layout.unpack(&data, &shape, 0, size), a, "{word}");
            assert_eq!(layout.unpack(&data, &shape, 1, size), b, "{word}");
        }
        // NCXYZ: x is slowest, so the second number is the next one along z, 2 * 3 voxels away.
        let (_, data) = Layout::new("NCXYZ").pack(&[&a], size);
        assert_eq!(data[1], 6.0);
    }
}
