//! Which voxels hang together: the pieces of a mask or of a label.

use std::collections::BTreeMap;

use super::image::SizeMismatch;
use crate::error::Cancelled;
use crate::jobs::Control;

/// Which neighbours hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Over faces: 6 neighbours, 4 in a slice.
    Faces,
    /// Over faces and edges: 18 neighbours, 8 in a slice.
    Edges,
    /// Over faces, edges and corners: 26 neighbours, 8 in a slice.
    Corners,
}

impl Connectivity {
    fn most_steps(self) -> usize {
        match self {
            Self::Faces => 1,
            Self::Edges => 2,
            Self::Corners => 3,
        }
    }

    /// Calls `visit` with the neighbours of a voxel of a grid `[nx, ny, nz]`, all by their flat index.
    pub(crate) fn neighbours(self, at: usize, [nx, ny, nz]: [usize; 3], mut visit: impl FnMut(usize)) {
        let (x, y, z) = (at % nx, at / nx % ny, at / (nx * ny));
        let around = |c: usize, n: usize| c.saturating_sub(1)..(c + 2).min(n);
        for k in around(z, nz) {
            for j in around(y, ny) {
                for i in around(x, nx) {
                    let steps = i.abs_diff(x) + j.abs_diff(y) + k.abs_diff(z);
                    if (1..=self.most_steps()).contains(&steps) {
                        visit((k * ny + j) * nx + i);
                    }
                }
            }
        }
    }
}

/// Steps after which a fill asks whether it is still wanted.
const STEPS: usize = 1 << 16;

/// The pieces of a mask that hang together, numbered from 1 in the order of their first voxels; or objects that came
/// with their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    numbers: Vec<u32>,
    /// Voxels of each number but 0.
    counts: BTreeMap<u32, u64>,
}

impl Components {
    /// Finds the pieces of a mask `[nz, ny, nx]` of size `[nx, ny, nz]`.
    ///
    /// # Errors
    /// When the mask does not fill the size.
    pub fn of(mask: &[bool], size: [usize; 3], connectivity: Connectivity) -> Result<Self, SizeMismatch> {
        let fills = size[0].checked_mul(size[1]).and_then(|n| n.checked_mul(size[2])) == Some(mask.len());
        if !fills || mask.is_empty() {
            return Err(SizeMismatch { voxels: mask.len(), size });
        }
        // Nobody holds this control: it cannot be cancelled.
        let found = Self::find(size, connectivity, |at| mask[at], &Control::new());
        found.map_err(|Cancelled| SizeMismatch { voxels: mask.len(), size })
    }

    /// Finds the pieces of the voxels of a grid `[nx, ny, nz]` that `holds` names by their flat index.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn find(
        size: [usize; 3],
        connectivity: Connectivity,
        holds: impl Fn(usize) -> bool,
        control: &Control,
    ) -> Result<Self, Cancelled> {
        let mut numbers = vec![0_u32; size.iter().product()];
        let mut open = Vec::new();
        let mut counts = BTreeMap::new();
        let mut steps = 0_usize;
        for seed in 0..numbers.len() {
            if numbers[seed] != 0 || !holds(seed) {
                continue;
            }
            let number = counts.len() as u32 + 1;
            let mut count = 0_u64;
            numbers[seed] = number;
            open.push(seed);
            while let Some(at) = open.pop() {
                count += 1;
                steps += 1;
                if steps.is_multiple_of(STEPS) {
                    control.checkpoint()?;
                }
                connectivity.neighbours(at, size, |n| {
                    if numbers[n] == 0 && holds(n) {
                        numbers[n] = number;
                        open.push(n);
                    }
                });
            }
            counts.insert(number, count);
        }
        Ok(Self { numbers, counts })
    }

    /// Takes objects as they are numbered, `[nz, ny, nx]`, 0 where there is none; they need not hang together.
    #[must_use]
    pub fn numbered(numbers: Vec<u32>) -> Self {
        let mut counts = BTreeMap::new();
        for run in numbers.chunk_by(|a, b| a == b).filter(|run| run[0] != 0) {
            *counts.entry(run[0]).or_default() += run.len() as u64;
        }
        Self { numbers, counts }
    }

    /// The number of each voxel, `[nz, ny, nx]`; 0 outside.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// How many components.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts.len()
    }

    /// The voxels of one; 0 where there is none of this number.
    #[must_use]
    pub fn voxels(&self, number: u32) -> u64 {
        self.counts.get(&number).copied().unwrap_or(0)
    }

    /// The number of the one with the most voxels; of equal ones the first, 0 where there is none.
    #[must_use]
    pub fn largest(&self) -> u32 {
        let most = self.counts.values().copied().max();
        self.counts.iter().find(|(_, count)| Some(**count) == most).map_or(0, |(number, _)| *number)
    }
}
