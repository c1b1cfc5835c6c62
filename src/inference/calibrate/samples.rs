//! Voxels with a known answer: logits and labels.

/// Logits of voxels whose class is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// Classes a voxel.
    pub classes: usize,
    /// `classes` numbers a voxel.
    pub logits: Vec<f32>,
    /// The true class of each voxel.
    pub labels: Vec<usize>,
}

impl Samples {
    /// None yet.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { classes, logits: Vec::new(), labels: Vec::new() }
    }

    /// How many voxels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// One more voxel; ignored where its numbers do not fit.
    pub fn push(&mut self, logits: &[f32], label: usize) {
        if logits.len() == self.classes && label < self.classes {
            self.logits.extend_from_slice(logits);
            self.labels.push(label);
        }
    }

    /// All of another's voxels; ignored where the classes differ.
    pub fn extend(&mut self, other: &Self) {
        if other.classes == self.classes {
            self.logits.extend_from_slice(&other.logits);
            self.labels.extend_from_slice(&other.labels);
        }
    }

    /// Each voxel's logits and true class.
    pub fn iter(&self) -> impl Iterator<Item = (&[f32], usize)> {
        self.logits.chunks_exact(self.classes.max(1)).zip(self.labels.iter().copied())
    }
}
