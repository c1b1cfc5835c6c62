//! The order of a tensor's axes, by letters: N (batch), C (channel), X, Y, Z (axes of the model's grid); and windows
//! cut out of a grid in that order.

/// The memory order of a grid during inference: its axes (0: x, 1: y, 2: z) from the slowest to the fastest. Chosen so
/// that a window's rows are contiguous in the grid and in the tensor alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order(pub [usize; 3]);

impl Order {
    /// x fastest, as volumes keep their voxels.
    pub const VOLUME: Self = Self([2, 1, 0]);

    /// How far apart neighbours along x, y, z lie.
    pub fn strides(self, size: [usize; 3]) -> [usize; 3] {
        let [slow, middle, fast] = self.0;
        let mut strides = [0; 3];
        strides[fast] = 1;
        strides[middle] = size[fast];
        strides[slow] = size[fast] * size[middle];
        strides
    }

    /// The same order with one axis made the slowest.
    pub fn led_by(self, axis: usize) -> Self {
        let mut rest = self.0.into_iter().filter(|a| *a != axis);
        Self([axis, rest.next().unwrap_or(1), rest.next().unwrap_or(2)])
    }

    /// Values in the order of volumes, put into this one.
    pub fn arrange(self, values: Vec<f32>, size: [usize; 3]) -> Vec<f32> {
        if self == Self::VOLUME {
            return values;
        }
        let mut out = vec![0.0; values.len()];
        copy(
            &mut out,
            Box3 { start: [0; 3], strides: signed(self.strides(size)) },
            &values,
            Box3 { start: [0; 3], strides: signed(Self::VOLUME.strides(size)) },
            size,
            self,
        );
        out
    }
}

fn signed(strides: [usize; 3]) -> [isize; 3] {
    strides.map(|s| s as isize)
}

/// Where a box begins in memory (voxel index of its first corner) and how its axes x, y, z step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box3 {
    pub start: [usize; 3],
    pub strides: [isize; 3],
}

impl Box3 {
    fn origin(&self) -> isize {
        (0..3).map(|a| self.start[a] as isize * self.strides[a]).sum()
    }
}

/// Copies a box of `size` voxels; both sides are visited in `order`.
pub(crate) fn copy(dst: &mut [f32], to: Box3, src: &[f32], from: Box3, size: [usize; 3], order: Order) {
    let [slow, middle, fast] = order.0;
    for a in 0..size[slow] as isize {
        for b in 0..size[middle] as isize {
            let d = to.origin() + a * to.strides[slow] + b * to.strides[middle];
            let s = from.origin() + a * from.strides[slow] + b * from.strides[middle];
            let (ds, ss) = (to.strides[fast], from.strides[fast]);
            if ds == 1 && ss == 1 {
                let n = size[fast];
                dst[d as usize..d as usize + n].copy_from_slice(&src[s as usize..s as usize + n]);
            } else {
                for c in 0..size[fast] as isize {
                    dst[(d + c * ds) as usize] = src[(s + c * ss) as usize];
                }
            }
        }
    }
}

/// A checked layout such as `NCXYZ`; for slices such as `NCYX` with one of X, Y, Z left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout(Vec<char>);

const SPATIAL: [char; 3] = ['X', 'Y', 'Z'];

impl Layout {
    /// From the manifest's word, whose letters were checked at the door.
    pub fn new(word: &str) -> Self {
        Self(word.chars().collect())
    }

    /// The layout of slices across an axis. Where the word names that plane's own axes it is taken as it stands; else
    /// its two letters stand for the plane's two axes, the earlier letter of the alphabet for the earlier axis.
    pub fn of_slices(&self, across: usize) -> Self {
        let own: Vec<char> = SPATIAL.into_iter().filter(|c| *c != SPATIAL[across]).collect();
        let mut written: Vec<char> = self.0.iter().copied().filter(|c| SPATIAL.contains(c)).collect();
        written.sort_unstable();
        let rename = |c: &char| written.iter().position(|w| w == c).and_then(|n| own.get(n)).copied().unwrap_or(*c);
        Self(self.0.iter().map(rename).collect())
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

    /// The axes of the grid from the slowest to the fastest; those that the tensor lacks come first.
    pub fn order(&self) -> Order {
        let index = |c: &char| SPATIAL.iter().position(|s| s == c);
        let mut axes: Vec<usize> = (0..3).filter(|a| self.position(SPATIAL[*a]).is_none()).collect();
        axes.extend(self.0.iter().filter_map(index));
        Order([axes[0], axes[1], axes[2]])
    }

    /// The tensor's shape for a batch of windows of `[nx, ny, nz]` voxels.
    pub fn shape(&self, batch: usize, channels: usize, size: [usize; 3]) -> Vec<usize> {
        self.0
            .iter()
            .map(|c| match c {
                'C' => channels,
                'X' => size[0],
                'Y' => size[1],
                'Z' => size[2],
                _ => batch,
            })
            .collect()
    }

    /// The size of a window in a tensor of this layout; 1 along an axis that it lacks.
    pub fn size_in(&self, shape: &[usize]) -> [usize; 3] {
        SPATIAL.map(|letter| self.position(letter).and_then(|a| shape.get(a).copied()).unwrap_or(1))
    }

    /// How far apart neighbours lie in memory.
    pub fn strides(&self, shape: &[usize]) -> Strides {
        let mut strides = vec![1; shape.len()];
        for a in (0..shape.len().saturating_sub(1)).rev() {
            strides[a] = strides[a + 1] * shape[a + 1];
        }
        let of = |letter: char| self.position(letter).and_then(|a| strides.get(a).copied()).unwrap_or(0);
        Strides { batch: of('N'), channel: of('C'), space: SPATIAL.map(of) }
    }

    /// Writes channels, each `[nz, ny, nx]` with x fastest, into one tensor.
    pub fn pack(&self, channels: &[&[f32]], size: [usize; 3]) -> (Vec<usize>, Vec<f32>) {
        let shape = self.shape(1, channels.len(), size);
        let mut data = vec![0.0; shape.iter().product()];
        let strides = self.strides(&shape);
        let from = Box3 { start: [0; 3], strides: signed(Order::VOLUME.strides(size)) };
        for (c, channel) in channels.iter().enumerate() {
            let to = Box3 { start: [0; 3], strides: signed(strides.space) };
            let at = (c * strides.channel).min(data.len());
            copy(&mut data[at..], to, channel, from, size, self.order());
        }
        (shape, data)
    }

    /// Reads one channel of a tensor as `[nz, ny, nx]`, x fastest.
    pub fn unpack(&self, data: &[f32], shape: &[usize], channel: usize, size: [usize; 3]) -> Vec<f32> {
        let mut out = vec![0.0; size.iter().product()];
        let strides = self.strides(shape);
        let to = Box3 { start: [0; 3], strides: signed(Order::VOLUME.strides(size)) };
        let from = Box3 { start: [0; 3], strides: signed(strides.space) };
        copy(&mut out, to, &data[channel * strides.channel..], from, size, self.order());
        out
    }
}

/// Steps in a tensor's memory; 0 for an axis that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strides {
    pub batch: usize,
    pub channel: usize,
    /// Along x, y, z.
    pub space: [usize; 3],
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

    #[test]
    fn a_grid_is_arranged_in_any_order() {
        let size = [2, 3, 4];
        let a: Vec<f32> = (0_u8..24).map(f32::from).collect();
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
            let order = Order(order);
            let arranged = order.arrange(a.clone(), size);
            let (s, v) = (order.strides(size), Order::VOLUME.strides(size));
            for (x, y, z) in [(0, 0, 0), (1, 2, 3), (1, 0, 2)] {
                assert_eq!(arranged[x * s[0] + y * s[1] + z * s[2]], a[x * v[0] + y * v[1] + z * v[2]]);
            }
        }
    }

    #[test]
    fn letters_of_slices_are_those_of_the_plane() {
        let word = Layout::new("NCYX");
        assert_eq!(word.of_slices(2), word);
        assert_eq!(word.of_slices(1), Layout::new("NCZX"));
        assert_eq!(word.of_slices(0), Layout::new("NCZY"));
        assert_eq!(Layout::new("NCZY").of_slices(0), Layout::new("NCZY"));
        assert_eq!(word.of_slices(1).order(), Order([1, 2, 0]));
    }
}
