//! How far a picture's quality was lowered, and the words that say so in the picture.

/// What a picture leaves out or makes up; the default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fidelity {
    /// Rays were sampled sparsely, for speed.
    pub coarse: bool,
    /// Only every n-th voxel of an axis is in the graphics memory; 0 and 1 are all.
    pub reduced: u32,
    /// The distance between slices changes, so that positions between them are not to scale.
    pub uneven_spacing: bool,
    /// A display shutter of the file hides a part of the image.
    pub shuttered: bool,
    /// Label layers that did not fit into a volume view.
    pub labels_left_out: u32,
}

impl Fidelity {
    /// A ray step (in smallest voxel spacings) above this is coarse.
    pub const COARSE_STEP: f32 = 0.75;

    /// Whether nothing was lowered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.marks().is_empty()
    }

    /// Both lowerings together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            coarse: self.coarse || other.coarse,
            reduced: self.reduced.max(other.reduced),
            uneven_spacing: self.uneven_spacing || other.uneven_spacing,
            shuttered: self.shuttered || other.shuttered,
            labels_left_out: self.labels_left_out.max(other.labels_left_out),
        }
    }

    /// What the marks in the picture read.
    #[must_use]
    pub fn marks(&self) -> Vec<String> {
        let mut marks = Vec::new();
        if self.coarse {
            marks.push("COARSE".to_owned());
        }
        if self.reduced > 1 {
            marks.push(format!("REDUCED {}x", self.reduced));
        }
        if self.uneven_spacing {
            marks.push("UNEVEN SPACING".to_owned());
        }
        if self.shuttered {
            marks.push("SHUTTER".to_owned());
        }
        match self.labels_left_out {
            0 => {}
            1 => marks.push("1 LABEL LAYER LEFT OUT".to_owned()),
            n => marks.push(format!("{n} LABEL LAYERS LEFT OUT")),
        }
        marks
    }
}
