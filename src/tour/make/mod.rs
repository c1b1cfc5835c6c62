//! Images that a tour makes itself, each marked as derived and, where pixels are made up, as synthetic.
//!
//! - [`difference`](mod@difference): what one image has more than another
//! - [`lesion`](mod@lesion): a simulated lesion with its truth
//! - [`noise`](mod@noise): Rician noise
//! - [`shrink`](mod@shrink): a coarser grid

pub mod difference;
pub mod lesion;
pub mod noise;
pub mod shrink;

use crate::error::Cancelled;
use crate::jobs::Control;
use crate::metrics::one_grid::{GridError, values_on};
use crate::volume::image::SizeMismatch;
use crate::volume::{Derivation, Geometry, GeometryError, Graphics, Provenance, Rescale, Volume};

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The image is no grey image.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The new grid is none.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A fault in the program.
    #[error(transparent)]
    Size(#[from] SizeMismatch),
    /// The place is outside of the image.
    #[error(
        "the centre of the lesion, LPS {at_mm:?} mm, lies outside of {image}, which reaches from {low:?} to {high:?} mm"
    )]
    Outside {
        /// LPS mm.
        at_mm: [f64; 3],
        /// Which image.
        image: String,
        /// Its lowest corner, LPS mm.
        low: [f64; 3],
        /// Its highest corner, LPS mm.
        high: [f64; 3],
    },
    /// There is no difference between values of different units.
    #[error("{of} is {of_unit} and {minus} is {minus_unit}: there is no difference between values of different units")]
    Units {
        /// The image.
        of: String,
        /// Its unit in words.
        of_unit: String,
        /// What is taken from it.
        minus: String,
        /// Its unit in words.
        minus_unit: String,
    },
    /// The image is smaller than one coarse voxel.
    #[error("{image} has {size:?} voxels: too few to make one of {factor} along each axis")]
    TooSmall {
        /// Which image.
        image: String,
        /// Its size.
        size: [usize; 3],
        /// The factor.
        factor: usize,
    },
    /// The image has no values.
    #[error("{image} has no values")]
    Empty {
        /// Which image.
        image: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// The real values of an image, `[nz, ny, nx]`, NaN where it has none.
fn values(of: &Volume, control: &Control) -> Result<Vec<f32>, MakeError> {
    Ok(values_on(of, &of.geometry, None, "the image", control)?.values)
}

/// An image of the tour: the same unit, windows and place as its parent's; what else it was made `with`.
fn made(
    of: &Volume,
    with: &[&Volume],
    name: String,
    values: Vec<f32>,
    geometry: Geometry,
    derivation: Derivation,
) -> Result<Volume, MakeError> {
    let derivation = Derivation { time: Some(crate::provenance::now()), ..derivation };
    let parents: Vec<&Provenance> = [of].iter().chain(with).map(|parent| &parent.provenance).collect();
    let provenance = Provenance::derived(&parents, derivation);
    let new = Volume::new(name, values.into(), geometry, provenance)?;
    Ok(Volume {
        rescale: Rescale::IDENTITY,
        space: of.space.clone(),
        modality: of.modality.clone(),
        unit: of.unit.clone(),
        display: of.display.clone(),
        graphics: Graphics::default(),
        ..new
    })
}
