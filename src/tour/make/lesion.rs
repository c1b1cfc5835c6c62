//! A simulated lesion: a soft, ragged ball whose values lie a stated part above or below the tissue around.
//!
//! The texture and noise of the scan stay: the lesion is added to it and does not replace it. It has no mass effect and no
//! oedema, so that a detector that finds it has found a change of brightness and nothing more.

use std::sync::Arc;

use glam::DVec3;

use super::{MakeError, made, values};
use crate::jobs::Control;
use crate::tour::format::Lesion;
use crate::volume::{Derivation, Geometry, Label, Labelmap, PatientPoint, Provenance, Volume, VoxelPoint};

/// The tissue around: up to this part of the radius.
const AROUND: f64 = 1.5;

/// The image with the lesion in it, and where it is: label 1 where at least half of it was added.
///
/// # Errors
/// When the centre lies outside, or there are no values around it.
pub fn insert(of: &Volume, lesion: &Lesion, control: &Control) -> Result<(Volume, Labelmap), MakeError> {
    let geometry = &of.geometry;
    let center = PatientPoint(DVec3::from_array(lesion.at_mm));
    if !geometry.contains(geometry.to_voxel(center)) {
        let corners = geometry.corners();
        let low = corners.iter().fold(DVec3::INFINITY, |a, c| a.min(c.0));
        let high = corners.iter().fold(DVec3::NEG_INFINITY, |a, c| a.max(c.0));
        return Err(MakeError::Outside {
            at_mm: lesion.at_mm,
            image: of.name.clone(),
            low: low.to_array(),
            high: high.to_array(),
        });
    }
    let mut values = values(of, control)?;
    let form = Form::new(lesion);
    let reach = (lesion.radius_mm * (1.0 + lesion.ragged) + lesion.border_mm).max(AROUND * lesion.radius_mm);
    let near = voxels_near(geometry, center, reach);
    let around: Vec<f32> = near
        .iter()
        .filter(|(_, p)| p.0.distance(center.0) <= AROUND * lesion.radius_mm)
        .filter_map(|(n, _)| values.get(*n).copied().filter(|v| v.is_finite()))
        .collect();
    if around.is_empty() {
        return Err(MakeError::Empty { image: of.name.clone() });
    }
    let mean = around.iter().map(|v| f64::from(*v)).sum::<f64>() / around.len() as f64;
    let lowest = values.iter().copied().filter(|v| v.is_finite()).fold(f32::INFINITY, f32::min);
    let mut truth = vec![0_u16; values.len()];
    for (n, p) in near {
        control.checkpoint()?;
        let weight = form.weight(p);
        if let (Some(value), Some(truth)) = (values.get_mut(n), truth.get_mut(n))
            && weight > 0.0
        {
            // A dark lesion is not darker than anything that the scanner gives.
            *value = (f64::from(*value) + lesion.contrast * mean * weight).max(f64::from(lowest)) as f32;
            *truth = u16::from(weight >= 0.5);
        }
    }
    let percent = (lesion.contrast.abs() * 100.0).round();
    let than = if lesion.contrast > 0.0 { "brighter" } else { "darker" };
    let derivation = Derivation {
        description: format!(
            "Simulated lesion of {} mm radius at LPS {:?} mm, {percent} % {than} than the tissue around",
            lesion.radius_mm, lesion.at_mm
        ),
        seed: Some(lesion.seed),
        generates_pixels: true,
        ..Derivation::default()
    };
    let name = format!("{} with a simulated lesion", of.name);
    let image = made(of, &[], name, values, geometry.clone(), derivation.clone())?;
    let labels = Labelmap {
        voxels: Arc::new(truth),
        geometry: geometry.clone(),
        space: of.space.clone(),
        labels: vec![Label::new(1, "Simulated lesion", [255, 122, 89])],
        // A mask shows no grey value; what it is a mask of was never in the patient, and its name says so.
        provenance: Provenance::derived(
            &[&image.provenance],
            Derivation { description: "Where the simulated lesion was put".into(), ..Derivation::default() },
        ),
        name: "Simulated lesion, as put in".into(),
    };
    Ok((image, labels))
}

/// Flat index and place of every voxel within a cube around `center`.
fn voxels_near(geometry: &Geometry, center: PatientPoint, reach_mm: f64) -> Vec<(usize, PatientPoint)> {
    let corners = (0..8).map(|c| {
        let sign = |bit: u32| if c >> bit & 1 == 0 { -reach_mm } else { reach_mm };
        geometry.to_voxel(PatientPoint(center.0 + DVec3::new(sign(0), sign(1), sign(2)))).0
    });
    let (low, high) = corners.fold((DVec3::INFINITY, DVec3::NEG_INFINITY), |(low, high), p| (low.min(p), high.max(p)));
    let size = geometry.size();
    let range = |a: usize| {
        let first = low[a].floor().max(0.0) as usize;
        let last = (high[a].ceil().max(0.0) as usize).min(size[a].saturating_sub(1));
        first..last + 1
    };
    let mut near = Vec::new();
    for k in range(2) {
        for j in range(1) {
            for i in range(0) {
                let p = geometry.to_patient(VoxelPoint(DVec3::new(i as f64, j as f64, k as f64)));
                near.push(((k * size[1] + j) * size[0] + i, p));
            }
        }
    }
    near
}

/// The form of a lesion.
struct Form<'a> {
    lesion: &'a Lesion,
    center: DVec3,
    /// Edge of the cells of the noise that makes the border ragged, mm.
    cell_mm: f64,
}

impl<'a> Form<'a> {
    fn new(lesion: &'a Lesion) -> Self {
        Self { lesion, center: DVec3::from_array(lesion.at_mm), cell_mm: lesion.radius_mm * 0.7 }
    }

    /// How much of the lesion there is at a place, 0 to 1.
    fn weight(&self, p: PatientPoint) -> f64 {
        let l = self.lesion;
        let strays = l.ragged * l.radius_mm * lattice_noise((p.0 - self.center) / self.cell_mm, l.seed);
        let inside = l.radius_mm - (p.0.distance(self.center) + strays);
        if l.border_mm <= 0.0 {
            return f64::from(u8::from(inside >= 0.0));
        }
        smooth((inside / l.border_mm + 0.5).clamp(0.0, 1.0))
    }
}

/// `3t² − 2t³`.
fn smooth(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

/// Smooth noise from −1 to 1: a number at each corner of a lattice, blended between.
fn lattice_noise(p: DVec3, seed: u64) -> f64 {
    let floor = p.floor();
    let t = p - floor;
    let (x, y, z) = (smooth(t.x), smooth(t.y), smooth(t.z));
    let corner = |i: i64, j: i64, k: i64| {
        let at = [floor.x as i64 + i, floor.y as i64 + j, floor.z as i64 + k];
        let bits = at.iter().fold(seed, |hash, n| mixed(hash ^ mixed(*n as u64)));
        // The 53 bits that a double holds.
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    let along_x = |j, k| corner(0, j, k) + (corner(1, j, k) - corner(0, j, k)) * x;
    let along_y = |k| along_x(0, k) + (along_x(1, k) - along_x(0, k)) * y;
    along_y(0) + (along_y(1) - along_y(0)) * z
}

/// The finaliser of SplitMix64 (Steele 2014).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: f32) -> Volume {
        let geometry = Geometry::new([40; 3], glam::DMat4::IDENTITY).unwrap();
        Volume::new("flat", vec![value; 64_000].into(), geometry, Provenance::acquired(vec!["1".into()])).unwrap()
    }

    fn ball(contrast: f64, ragged: f64, border_mm: f64) -> Lesion {
        let (name, of, at_mm) = ("l".into(), "image".into(), [20.0, 20.0, 20.0]);
        Lesion { name, of, at_mm, radius_mm: 8.0, contrast, ragged, border_mm, seed: 3 }
    }

    #[test]
    fn a_plain_ball_has_its_contrast_inside_its_volume_and_nothing_outside() {
        let (image, truth) = insert(&flat(100.0), &ball(0.4, 0.0, 0.0), &Control::new()).unwrap();
        let at = |x: usize| image.voxels.get((20 * 40 + 20) * 40 + x).unwrap();
        assert_eq!((at(20), at(27), at(29), at(5)), (140.0, 140.0, 100.0, 100.0));
        let ml = truth.volumes_ml()[0].1;
        let exact = 4.0 / 3.0 * std::f64::consts::PI * 512.0 / 1000.0;
        assert!((ml / exact - 1.0).abs() < 0.03, "{ml} ml, a ball of 8 mm has {exact}");
        assert!(image.provenance.is_synthetic() && truth.provenance.is_synthetic());
    }

    #[test]
    fn a_ragged_border_strays_by_its_seed_and_fades() {
        let soft = |seed| insert(&flat(100.0), &Lesion { seed, ..ball(0.5, 0.4, 3.0) }, &Control::new()).unwrap();
        let (one, two) = (soft(1), soft(2));
        assert_ne!(one.1.voxels, two.1.voxels);
        assert_eq!(one.1.voxels, soft(1).1.voxels);
        let between = (0..64_000).filter_map(|n| one.0.voxels.get(n)).filter(|v| *v > 101.0 && *v < 149.0).count();
        assert!(between > 500, "{between} voxels of the border are between");
    }

    #[test]
    fn a_place_outside_is_named() {
        let outside = Lesion { at_mm: [90.0, 0.0, 0.0], ..ball(0.4, 0.0, 0.0) };
        let said = insert(&flat(1.0), &outside, &Control::new()).unwrap_err().to_string();
        assert!(said.contains("outside of flat") && said.contains("39"), "{said}");
    }
}
