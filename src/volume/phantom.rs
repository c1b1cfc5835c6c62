//! A synthetic head: a computed stand-in for a T1-weighted MR where no real image is at hand.
//!
//! Nothing of it comes from a person: tissues are ellipsoids with folds laid over them, with the usual order of T1
//! grey values (fat, white matter, grey matter, fluid, bone), partial volume, a bias field and Rician noise. A capsule
//! on the **right** temple tells left from right.

use glam::{DMat4, DVec3};
use rayon::prelude::*;

use super::{Derivation, Geometry, GeometryError, Provenance, Unit, Volume, Voxels};
use crate::error::Cancelled;
use crate::jobs::Control;

/// What it is called wherever it is shown.
pub const NAME: &str = "Synthetic head phantom";

/// Voxels of 1 mm: the field of view of the Colin27 head.
const SIZE: [usize; 3] = [181, 217, 181];

/// Where the first voxel lies, RAS mm.
const FIRST_RAS: DVec3 = DVec3::new(-90.0, -125.0, -71.0);

const SEED: u64 = 27;

/// Why no phantom came.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The grid cannot be; not met with the fixed size.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The voxels do not fill the grid; not met.
    #[error(transparent)]
    Size(#[from] super::image::SizeMismatch),
}

/// Makes the phantom: 181 x 217 x 181 voxels of 1 mm, `i16`, always the same. It is marked as synthetic.
///
/// # Errors
/// [`PhantomError::Cancelled`].
pub fn head(control: &Control) -> Result<Volume, PhantomError> {
    let [nx, ny, nz] = SIZE;
    let plane = nx * ny;
    control.stage("Making a synthetic head phantom", 3 * nz as u64);
    let mut tissue = vec![0.0_f32; plane * nz];
    tissue.par_chunks_mut(plane).enumerate().try_for_each(|(k, slice)| {
        control.checkpoint()?;
        for (n, value) in slice.iter_mut().enumerate() {
            let p = FIRST_RAS + DVec3::new((n % nx) as f64, (n / nx) as f64, k as f64);
            *value = grey_value(p) as f32;
        }
        control.advance(1);
        Ok::<_, Cancelled>(())
    })?;
    let smooth = blurred(&tissue, control)?;
    let mut voxels = vec![0_i16; plane * nz];
    voxels.par_chunks_mut(plane).enumerate().try_for_each(|(k, slice)| {
        control.checkpoint()?;
        let mut noise = Noise::of_slice(k as u64);
        for (n, value) in slice.iter_mut().enumerate() {
            let u = DVec3::new((n % nx) as f64 / nx as f64, (n / nx) as f64 / ny as f64, k as f64 / nz as f64) - 0.5;
            let bias = 1.0 + 0.18 * u.x - 0.12 * u.y + 0.2 * u.z - 0.25 * u.length_squared();
            let (a, b) = noise.pair();
            let signal = f64::from(smooth[k * plane + n]) * bias + 14.0 * a;
            *value = signal.hypot(14.0 * b).round().clamp(0.0, 4000.0) as i16;
        }
        control.advance(1);
        Ok::<_, Cancelled>(())
    })?;
    let geometry = Geometry::from_ras(SIZE, DMat4::from_translation(FIRST_RAS))?;
    let derivation = Derivation {
        description: format!("{NAME}: computed, no image of a person"),
        seed: Some(SEED),
        generates_pixels: true,
        ..Derivation::default()
    };
    let provenance = Provenance::marked_synthetic(Vec::new(), Some(derivation));
    let mut volume = Volume::new(NAME, Voxels::from(voxels), geometry, provenance)?;
    volume.modality = "MR".into();
    volume.unit = Unit::Arbitrary;
    Ok(volume)
}

/// Grey values of the tissues, before bias and noise.
mod value {
    pub const AIR: f64 = 0.0;
    pub const BONE: f64 = 60.0;
    pub const FLUID: f64 = 150.0;
    pub const VITREOUS: f64 = 130.0;
    pub const MUSCLE: f64 = 330.0;
    pub const MARROW: f64 = 380.0;
    pub const GREY: f64 = 470.0;
    pub const DEEP_GREY: f64 = 540.0;
    pub const WHITE: f64 = 700.0;
    pub const SKIN: f64 = 420.0;
    pub const FAT: f64 = 900.0;
    pub const CAPSULE: f64 = 1000.0;
}

/// Below 1 inside an ellipsoid, 1 on its surface.
fn ellipsoid(p: DVec3, center: [f64; 3], radii: [f64; 3]) -> f64 {
    ((p - DVec3::from_array(center)) / DVec3::from_array(radii)).length()
}

/// Depth below the surface of an ellipsoid, mm, to first order; negative outside.
fn depth(p: DVec3, center: [f64; 3], radii: [f64; 3]) -> f64 {
    let q = p - DVec3::from_array(center);
    let r = DVec3::from_array(radii);
    let k0 = (q / r).length();
    let k1 = (q / (r * r)).length();
    if k1 < 1e-9 { r.min_element() } else { k0 * (1.0 - k0) / k1 }
}

/// Folds: a smooth field between about -1 and 1, of two wavelengths.
fn folds(p: DVec3, wavelength: f64) -> f64 {
    let q = p * (std::f64::consts::TAU / wavelength);
    let wave = |a: DVec3| (a.x.sin() * a.y.cos() + a.y.sin() * a.z.cos() + a.z.sin() * a.x.cos()) / 1.5;
    0.7 * wave(q) + 0.3 * wave(q.yzx() * 1.7 + 0.9)
}

use glam::swizzles::Vec3Swizzles;

const SKULL: [f64; 3] = [0.0, -18.0, 12.0];

fn grey_value(p: DVec3) -> f64 {
    // A capsule on the right temple, outside the skin.
    if ellipsoid(p, [80.0, 15.0, 0.0], [4.0, 4.0, 9.0]) < 1.0 {
        return value::CAPSULE;
    }
    let scalp = depth(p, SKULL, [78.0, 101.0, 92.0]);
    let inner = depth(p, SKULL, [65.0, 87.0, 79.0]);
    let floor = p.z + 52.0 - 0.12 * (p.y + 18.0);
    if inner > 0.0 && floor > 0.0 {
        return inside_skull(p, inner.min(floor));
    }
    let face = depth(p, [0.0, 42.0, -48.0], [56.0, 44.0, 52.0]);
    let neck = 56.0 - ((p.x / 1.05).powi(2) + ((p.y + 38.0) / 1.15).powi(2)).sqrt();
    let neck = if p.z < -20.0 { neck } else { f64::NEG_INFINITY };
    let surface = scalp.max(face).max(neck);
    if surface < 0.0 {
        return value::AIR;
    }
    if let Some(v) = face_organs(p) {
        return v;
    }
    if surface < 2.0 {
        return value::SKIN;
    }
    if surface < 5.5 {
        return value::FAT;
    }
    if scalp > 5.5 && (inner > -8.0 || floor < 0.0 && floor > -7.0 && inner > 0.0) {
        let to_brain = (-inner).max(-floor).max(0.0);
        return if (3.0..5.0).contains(&to_brain) && p.z > -10.0 { value::MARROW } else { value::BONE };
    }
    // Vertebrae and cord, then muscle.
    let spine = ((p.x / 1.2).powi(2) + (p.y + 42.0).powi(2)).sqrt();
    match spine {
        d if d < 5.0 => value::WHITE,
        d if d < 8.0 => value::FLUID,
        d if d < 17.0 => value::MARROW,
        _ => value::MUSCLE + 40.0 * folds(p, 23.0),
    }
}

fn face_organs(p: DVec3) -> Option<f64> {
    let side = DVec3::new(p.x.abs(), p.y, p.z);
    let eye = ellipsoid(side, [31.0, 66.0, -28.0], [12.0, 12.0, 12.0]);
    if eye < 1.0 {
        let lens = ellipsoid(side, [31.0, 75.0, -28.0], [4.5, 2.0, 4.5]) < 1.0;
        return Some(if lens { value::GREY } else { value::VITREOUS });
    }
    if eye < 1.1 {
        return Some(value::MUSCLE);
    }
    if ellipsoid(side, [28.0, 52.0, -28.0], [3.0, 18.0, 3.0]) < 1.0 {
        return Some(value::WHITE);
    }
    if ellipsoid(side, [29.0, 58.0, -28.0], [17.0, 24.0, 17.0]) < 1.0 {
        return Some(value::FAT);
    }
    let nose = ellipsoid(p, [0.0, 60.0, -46.0], [11.0, 28.0, 17.0]) < 1.0;
    let sinus = ellipsoid(side, [26.0, 58.0, -56.0], [11.0, 14.0, 10.0]) < 1.0;
    let frontal = ellipsoid(p, [0.0, 76.0, 0.0], [13.0, 4.0, 9.0]) < 1.0;
    if nose && p.x.abs() < 1.2 {
        return Some(value::MUSCLE);
    }
    (nose || sinus || frontal).then_some(value::AIR)
}

/// `depth` is the distance to the inner table of the skull, mm.
fn inside_skull(p: DVec3, depth_mm: f64) -> f64 {
    let side = DVec3::new(p.x.abs(), p.y, p.z);
    // Cerebellum and brainstem.
    let stem = ((p.x / 1.2).powi(2) + (p.y + 30.0 + 0.15 * (p.z + 40.0)).powi(2)).sqrt();
    if p.z < -8.0 && stem < 12.0 {
        return value::WHITE - 60.0;
    }
    let cerebellum = depth(side, [22.0, -66.0, -34.0], [31.0, 25.0, 19.0]);
    if cerebellum > 0.0 {
        let leaf = (p.z * 1.1 + 0.25 * p.y + 2.0 * folds(p, 31.0)).sin();
        return match cerebellum {
            d if d > 11.0 => value::WHITE,
            _ if leaf > 0.85 => value::FLUID,
            _ if leaf > -0.3 => value::GREY,
            _ => value::GREY + 120.0,
        };
    }
    if cerebellum > -2.5 || p.z < -8.0 && p.y < -42.0 && p.z < -18.0 {
        return value::FLUID;
    }
    // The two hemispheres, with a fissure between them.
    let fissure = p.x.abs() - 1.4;
    let joined = ellipsoid(p, [0.0, -10.0, 0.0], [1e3, 44.0, 27.0]) < 1.0;
    let cortex = if joined { depth_mm - 3.0 } else { (depth_mm - 3.0).min(fissure) };
    let sulcus = cortex - 26.0 * (folds(p, 24.0) - 0.4).max(0.0);
    if sulcus < 0.0 {
        return value::FLUID;
    }
    if let Some(v) = deep_structures(p, side) {
        return v;
    }
    // The cortex is thickest at the crowns of the folds.
    if sulcus < 4.2 + 2.2 * folds(p, 19.0) { value::GREY } else { value::WHITE + 25.0 * folds(p, 55.0) }
}

fn deep_structures(p: DVec3, side: DVec3) -> Option<f64> {
    // Lateral ventricles: body, frontal horn, occipital horn; the third ventricle.
    let body = ellipsoid(side, [11.0 + 0.0025 * (p.y + 8.0).powi(2), -8.0, 20.0], [6.5, 36.0, 9.0]);
    let horn = ellipsoid(side, [25.0, -52.0, 4.0], [6.0, 21.0, 7.0]);
    let third = ellipsoid(p, [0.0, -12.0, 4.0], [2.6, 14.0, 11.0]);
    if body < 1.0 || horn < 1.0 || third < 1.0 {
        return Some(value::FLUID);
    }
    let thalamus = ellipsoid(side, [12.0, -18.0, 8.0], [9.0, 14.0, 9.0]);
    let caudate = ellipsoid(side, [16.0, 14.0, 11.0], [5.5, 13.0, 9.0]);
    let putamen = ellipsoid(side, [27.0, 2.0, 2.0], [6.0, 17.0, 11.0]);
    (thalamus < 1.0 || caudate < 1.0 || putamen < 1.0).then_some(value::DEEP_GREY)
}

/// Partial volume: a blur by (1, 2, 1) / 4 along each axis.
fn blurred(values: &[f32], control: &Control) -> Result<Vec<f32>, Cancelled> {
    let [nx, ny, nz] = SIZE;
    let plane = nx * ny;
    let mut out = vec![0.0_f32; values.len()];
    out.par_chunks_mut(plane).enumerate().try_for_each(|(k, slice)| {
        control.checkpoint()?;
        let around = |c: usize, n: usize| [(c.saturating_sub(1), 1.0_f32), (c, 2.0), ((c + 1).min(n - 1), 1.0)];
        for (n, o) in slice.iter_mut().enumerate() {
            let mut sum = 0.0;
            for (z, wz) in around(k, nz) {
                for (y, wy) in around(n / nx, ny) {
                    for (x, wx) in around(n % nx, nx) {
                        sum += wz * wy * wx * values[z * plane + y * nx + x];
                    }
                }
            }
            *o = sum / 64.0;
        }
        control.advance(1);
        Ok(())
    })?;
    Ok(out)
}

/// SplitMix64 (Steele, Lea, Flood 2014) with the Box-Muller transform.
struct Noise(u64);

impl Noise {
    /// Far from the other slices' sequences: a seed next to theirs would give their numbers shifted by one.
    fn of_slice(k: u64) -> Self {
        let mut far = Self(SEED ^ k.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(far.uniform().to_bits() ^ far.uniform().to_bits().rotate_left(29))
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Two independent standard normal numbers.
    fn pair(&mut self) -> (f64, f64) {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        (radius * cos, radius * sin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::PatientPoint;
    use crate::volume::image::Value;

    #[test]
    fn the_phantom_is_marked_has_all_tissues_and_tells_left_from_right() {
        let head = head(&Control::new()).unwrap();
        assert!(head.provenance.is_synthetic());
        assert_eq!((head.size(), head.geometry.axis_codes().as_str()), (SIZE, "RAS"));
        let at = |right: f64, anterior: f64, superior: f64| {
            let p = head.geometry.to_voxel(PatientPoint::new(-right, -anterior, superior));
            match head.value_at(p) {
                Some(Value::Number(x)) => x,
                other => panic!("{other:?}"),
            }
        };
        // The capsule is on the right only.
        assert!(at(80.0, 15.0, 0.0) > 2.0 * at(-80.0, 15.0, 0.0));
        let (white, fluid, deep) = (at(30.0, -10.0, 32.0), at(10.0, -8.0, 20.0), at(12.0, -18.0, 8.0));
        assert!(white > deep && deep > 2.0 * fluid, "{white} {deep} {fluid}");
        assert!(at(85.0, -120.0, 100.0) < 80.0);
    }
}
