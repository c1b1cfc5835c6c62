//! Where voxels lie in the patient: size and a 4x4 `voxel -> patient` matrix in millimetres, DICOM LPS.
//!
//! ```
//! use veritome::volume::{Geometry, VoxelPoint};
//! use glam::{DMat4, DVec3};
//! let geometry = Geometry::new([4, 5, 6], DMat4::from_scale(DVec3::new(1.0, 1.0, 2.0))).unwrap();
//! assert_eq!(geometry.spacing_mm(), [1.0, 1.0, 2.0]);
//! assert_eq!(geometry.to_patient(VoxelPoint::new(0.0, 0.0, 3.0)).0.z, 6.0);
//! ```

use glam::{DMat4, DVec3, DVec4};
use serde::{Deserialize, Serialize};

/// A continuous voxel index `(i, j, k)`; whole numbers are voxel centres, `i` runs fastest in memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VoxelPoint(pub DVec3);

/// A position in the patient, millimetres, LPS: x to the patient's left, y to the back, z to the head.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PatientPoint(pub DVec3);

impl VoxelPoint {
    /// From the three indices.
    #[must_use]
    pub fn new(i: f64, j: f64, k: f64) -> Self {
        Self(DVec3::new(i, j, k))
    }
}

impl PatientPoint {
    /// From left, posterior and superior millimetres.
    #[must_use]
    pub fn new(left_mm: f64, posterior_mm: f64, superior_mm: f64) -> Self {
        Self(DVec3::new(left_mm, posterior_mm, superior_mm))
    }
}

/// Why a matrix or a size cannot be a geometry.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// One of the sizes is zero.
    #[error("the image has no voxels (size {0:?})")]
    Empty([usize; 3]),
    /// The voxels cannot be counted in a `usize`.
    #[error("the image size {0:?} is beyond what can be addressed")]
    TooLarge([usize; 3]),
    /// The matrix holds NaN or infinity, or has no inverse.
    #[error("the voxel-to-patient matrix is not invertible: {0:?}")]
    Singular(Box<[f64; 16]>),
}

/// Size in voxels `[nx, ny, nz]` (x fastest) and the affine `voxel -> patient` map in millimetres, LPS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    size: [usize; 3],
    voxel_to_patient: DMat4,
    patient_to_voxel: DMat4,
}

impl Geometry {
    /// Checks and keeps a size and an LPS matrix.
    ///
    /// # Errors
    /// When a size is zero, the count overflows, or the matrix cannot be inverted.
    pub fn new(size: [usize; 3], voxel_to_patient: DMat4) -> Result<Self, GeometryError> {
        if size.contains(&0) {
            return Err(GeometryError::Empty(size));
        }
        size[0]
            .checked_mul(size[1])
            .and_then(|n| n.checked_mul(size[2]))
            .filter(|n| isize::try_from(*n).is_ok())
            .ok_or(GeometryError::TooLarge(size))?;
        let columns = [0, 1, 2].map(|c| voxel_to_patient.col(c).truncate());
        let lengths = columns.map(DVec3::length);
        // Relative to the spacing, so that micrometre voxels are as good as metre ones.
        let volume = columns[0].cross(columns[1]).dot(columns[2]).abs();
        let scale = lengths[0] * lengths[1] * lengths[2];
        let inverse = voxel_to_patient.inverse();
        let is_sound = voxel_to_patient.is_finite() && scale > 0.0 && volume > 1e-9 * scale && inverse.is_finite();
        if !is_sound {
            return Err(GeometryError::Singular(Box::new(voxel_to_patient.to_cols_array())));
        }
        Ok(Self { size, voxel_to_patient, patient_to_voxel: inverse })
    }

    /// A grid that says nothing of the patient: spacing 1, origin 0. For stacks without geometry, never shown as mm.
    ///
    /// # Errors
    /// When a size is zero or the count overflows.
    pub fn unplaced(size: [usize; 3]) -> Result<Self, GeometryError> {
        Self::new(size, DMat4::IDENTITY)
    }

    /// From a matrix that maps to RAS (NIfTI): x and y change sign.
    ///
    /// # Errors
    /// As [`Geometry::new`].
    pub fn from_ras(size: [usize; 3], voxel_to_ras: DMat4) -> Result<Self, GeometryError> {
        Self::new(size, ras_flip() * voxel_to_ras)
    }

    /// The same map into RAS, for writing NIfTI.
    #[must_use]
    pub fn voxel_to_ras(&self) -> DMat4 {
        ras_flip() * self.voxel_to_patient
    }

    /// Size in voxels `[nx, ny, nz]`.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// The number of voxels.
    #[must_use]
    pub fn voxel_count(&self) -> usize {
        self.size.iter().product()
    }

    /// The `voxel -> patient` matrix, LPS mm.
    #[must_use]
    pub fn voxel_to_patient(&self) -> DMat4 {
        self.voxel_to_patient
    }

    /// The `patient -> voxel` matrix.
    #[must_use]
    pub fn patient_to_voxel(&self) -> DMat4 {
        self.patient_to_voxel
    }

    /// The matrix as rows, as JSON shows it.
    #[must_use]
    pub fn affine_rows(&self) -> [[f64; 4]; 4] {
        self.voxel_to_patient.transpose().to_cols_array_2d()
    }

    /// Where a voxel index lies in the patient.
    #[must_use]
    pub fn to_patient(&self, p: VoxelPoint) -> PatientPoint {
        PatientPoint(self.voxel_to_patient.transform_point3(p.0))
    }

    /// Which voxel index lies at a patient position; may be outside.
    #[must_use]
    pub fn to_voxel(&self, p: PatientPoint) -> VoxelPoint {
        VoxelPoint(self.patient_to_voxel.transform_point3(p.0))
    }

    /// The step in patient millimetres from one voxel to the next along `axis` (0, 1, 2).
    #[must_use]
    pub fn step_mm(&self, axis: usize) -> DVec3 {
        self.voxel_to_patient.col(axis).truncate()
    }

    /// Distance between neighbouring voxel centres along each axis, mm.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.step_mm(axis).length())
    }

    /// Unit direction of each axis in the patient.
    #[must_use]
    pub fn directions(&self) -> [DVec3; 3] {
        [0, 1, 2].map(|axis| self.step_mm(axis).normalize())
    }

    /// The centre of the field of view.
    #[must_use]
    pub fn center(&self) -> PatientPoint {
        let middle = self.size.map(|n| (n as f64 - 1.0) / 2.0);
        self.to_patient(VoxelPoint(DVec3::from_array(middle)))
    }

    /// Whether an index lies within the outer faces of the voxels (half a voxel beyond the centres).
    #[must_use]
    pub fn contains(&self, p: VoxelPoint) -> bool {
        (0..3).all(|a| p.0[a] >= -0.5 && p.0[a] < self.size[a] as f64 - 0.5)
    }

    /// The eight outer corners (voxel faces, not centres).
    #[must_use]
    pub fn corners(&self) -> [PatientPoint; 8] {
        std::array::from_fn(|n| {
            let index = [0, 1, 2].map(|a| if n >> a & 1 == 0 { -0.5 } else { self.size[a] as f64 - 0.5 });
            self.to_patient(VoxelPoint(DVec3::from_array(index)))
        })
    }

    /// Lowest and highest coordinate of the corners along a unit `direction`, mm.
    #[must_use]
    pub fn extent_along(&self, direction: DVec3) -> (f64, f64) {
        self.corners()
            .iter()
            .map(|c| c.0.dot(direction))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), d| (low.min(d), high.max(d)))
    }

    /// Angle between the third axis and the normal of the first two, degrees: the gantry tilt of a stack.
    #[must_use]
    pub fn tilt_degrees(&self) -> f64 {
        let [u, v, w] = self.directions();
        let normal = u.cross(v).normalize();
        normal.dot(w).abs().clamp(0.0, 1.0).acos().to_degrees()
    }

    /// Whether the three axes are at right angles (within 0.1 degree).
    #[must_use]
    pub fn is_orthogonal(&self) -> bool {
        let [u, v, w] = self.directions();
        let limit = 0.1_f64.to_radians().sin();
        u.dot(v).abs() < limit && v.dot(w).abs() < limit && u.dot(w).abs() < limit
    }

    /// Which patient axis (0: left, 1: posterior, 2: superior) each voxel axis follows most closely, each once, and
    /// whether it runs along (`+1`) or against (`-1`) it. As nibabel's `io_orientation` decides it in essence: the
    /// strongest pairing first.
    #[must_use]
    pub fn nearest_axes(&self) -> [(usize, f64); 3] {
        let directions = self.directions();
        let mut result = [(0, 1.0); 3];
        let (mut voxel_done, mut patient_done) = ([false; 3], [false; 3]);
        for _ in 0..3 {
            let mut best = (0, 0, -1.0);
            for v in (0..3).filter(|v| !voxel_done[*v]) {
                for p in (0..3).filter(|p| !patient_done[*p]) {
                    if directions[v][p].abs() > best.2 {
                        best = (v, p, directions[v][p].abs());
                    }
                }
            }
            let (v, p, _) = best;
            (voxel_done[v], patient_done[p]) = (true, true);
            result[v] = (p, if directions[v][p] < 0.0 { -1.0 } else { 1.0 });
        }
        result
    }

    /// Three letters, one an axis, that name the direction of increasing index, for instance `LPS` or `RAS`.
    #[must_use]
    pub fn axis_codes(&self) -> String {
        self.nearest_axes()
            .iter()
            .map(|(axis, sign)| match (axis, *sign > 0.0) {
                (0, true) => 'L',
                (0, false) => 'R',
                (1, true) => 'P',
                (1, false) => 'A',
                (_, true) => 'S',
                (_, false) => 'I',
            })
            .collect()
    }

    /// An orthogonal grid of cubic voxels of `spacing_mm` that covers this one, along the first two axes and their normal.
    /// This is how a tilted stack is sheared back.
    ///
    /// # Errors
    /// When the spacing is not positive or the grid would be too large.
    pub fn true_grid(&self, spacing_mm: f64) -> Result<Self, GeometryError> {
        let [u, v, w] = self.directions();
        let mut normal = u.cross(v).normalize();
        if normal.dot(w) < 0.0 {
            normal = -normal;
        }
        let v = v - u * u.dot(v);
        let axes = [u, v.normalize(), normal];
        let mut size = [0_usize; 3];
        let mut origin = DVec3::ZERO;
        for (n, axis) in axes.iter().enumerate() {
            let (low, high) = self.extent_along(*axis);
            // Rounding first, so that an exact multiple does not gain a slice from the last bit.
            size[n] = ((high - low) / spacing_mm - 1e-6).ceil().max(1.0) as usize;
            let slack = size[n] as f64 * spacing_mm - (high - low);
            origin += *axis * (low - slack / 2.0 + spacing_mm / 2.0);
        }
        let column = |a: usize| (axes[a] * spacing_mm).extend(0.0);
        Self::new(size, DMat4::from_cols(column(0), column(1), column(2), origin.extend(1.0)))
    }

    /// The largest distance, mm, between where the two geometries put the corners; infinite when the sizes differ.
    #[must_use]
    pub fn distance_mm(&self, other: &Self) -> f64 {
        if self.size != other.size {
            return f64::INFINITY;
        }
        self.corners().iter().zip(other.corners()).map(|(a, b)| a.0.distance(b.0)).fold(0.0, f64::max)
    }
}

/// LPS to RAS and back.
fn ras_flip() -> DMat4 {
    DMat4::from_diagonal(DVec4::new(-1.0, -1.0, 1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_singular_matrix_is_refused() {
        let flat = DMat4::from_scale(DVec3::new(1.0, 1.0, 0.0));
        assert!(matches!(Geometry::new([2, 2, 2], flat), Err(GeometryError::Singular(_))));
        assert!(matches!(Geometry::new([0, 2, 2], DMat4::IDENTITY), Err(GeometryError::Empty(_))));
        assert!(matches!(Geometry::new([usize::MAX, 2, 2], DMat4::IDENTITY), Err(GeometryError::TooLarge(_))));
    }

    #[test]
    fn ras_identity_is_named_ras() {
        let g = Geometry::from_ras([3, 3, 3], DMat4::IDENTITY).unwrap();
        assert_eq!(g.axis_codes(), "RAS");
        assert_eq!(g.voxel_to_ras(), DMat4::IDENTITY);
    }

    #[test]
    fn a_sheared_stack_reports_its_tilt_and_its_true_grid_is_orthogonal() {
        let tilt = 15.0_f64.to_radians();
        let step = DVec3::new(0.0, tilt.tan() * 2.0, 2.0);
        let m = DMat4::from_cols(DVec4::X, DVec4::Y, step.extend(0.0), DVec4::W);
        let g = Geometry::new([20, 20, 10], m).unwrap();
        assert!((g.tilt_degrees() - 15.0).abs() < 1e-9);
        assert!(!g.is_orthogonal());
        let t = g.true_grid(1.0).unwrap();
        assert!(t.is_orthogonal());
        let reach = |g: &Geometry, d| g.extent_along(d);
        for d in [DVec3::X, DVec3::Y, DVec3::Z] {
            assert!(reach(&t, d).0 <= reach(&g, d).0 + 1e-6 && reach(&t, d).1 >= reach(&g, d).1 - 1e-6);
        }
    }
}
