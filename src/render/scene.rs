//! What is to be drawn, for the shaders and for the CPU reference alike.

use std::sync::Arc;

use glam::DVec3;
use serde::{Deserialize, Serialize};

use super::fidelity::Fidelity;
use crate::display::{ColorMap, Grey, View, Voi, edge_letters};
use crate::volume::{Geometry, Interpolation, Labelmap, OriginMark, PatientPoint, Provenance, Space, Volume};

/// What a layer shows.
#[derive(Debug, Clone)]
pub enum Content {
    /// Grey or colour voxels.
    Image(Arc<Volume>),
    /// Labels.
    Labels(Arc<Labelmap>),
}

impl Content {
    /// Where its voxels lie.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        match self {
            Self::Image(v) => &v.geometry,
            Self::Labels(l) => &l.geometry,
        }
    }

    /// Which coordinate system that is.
    #[must_use]
    pub fn space(&self) -> &Space {
        match self {
            Self::Image(v) => &v.space,
            Self::Labels(l) => &l.space,
        }
    }

    /// Where it came from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        match self {
            Self::Image(v) => &v.provenance,
            Self::Labels(l) => &l.provenance,
        }
    }

    /// Whether any of its grey values were made artificially.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.provenance().is_synthetic()
    }
}

/// The mark of a picture in which all of these are seen: synthetic if one is known to be.
fn mark_of<'a>(seen: impl Iterator<Item = &'a Content>) -> Option<OriginMark> {
    seen.filter_map(|content| content.provenance().mark()).max_by_key(|mark| *mark == OriginMark::Synthetic)
}

/// A volume or labelmap on show.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What the person calls it.
    pub name: String,
    /// What it shows.
    pub content: Content,
    /// Whether it is drawn.
    pub visible: bool,
    /// From 0 (not seen) to 1.
    pub opacity: f32,
    /// Images: real values to levels. Ignored for labels.
    pub voi: Voi,
    /// Images: low values bright.
    pub inverted: bool,
    /// Images: levels to colours. Colour voxels ignore it.
    pub colormap: ColorMap,
    /// Images: real values outside `[low, high]` are not drawn.
    pub threshold: Option<[f64; 2]>,
    /// Labels: outlines, one screen pixel wide, instead of filled areas. Images with a contour: the line alone.
    pub outline: bool,
    /// Grey images, in slices: the real value along which a line is drawn, one screen pixel wide and opaque.
    pub contour: Option<f64>,
    /// In slices: where another volume lowers the opacity.
    pub fade: Option<Fade>,
}

/// Less of a layer where another volume is high: a synthetic image, drawn less where it is less certain.
#[derive(Debug, Clone)]
pub struct Fade {
    /// What lowers the opacity, on a grid of its own.
    pub by: Arc<Volume>,
    /// Real values of it: up to the first the layer is drawn as it is, from the second on not at all, linear between.
    pub range: [f64; 2],
}

impl Fade {
    /// The share of its opacity that a layer keeps under each pixel of `scene`, as a picture: white is all of it. A thick
    /// slice counts its highest value, and where the volume says nothing, nothing is known and nothing is kept.
    #[must_use]
    pub fn scene(&self, scene: &SliceScene) -> SliceScene {
        let [low, high] = self.range;
        let mut layer = Layer::image(self.by.clone());
        layer.voi = Voi::Window(crate::display::Window::spanning(low, high.max(low + f64::MIN_POSITIVE)));
        layer.inverted = true;
        SliceScene {
            layers: vec![layer],
            slab: Slab { mode: SlabMode::Mip, ..scene.slab },
            compare: Compare::Blend,
            ..*scene
        }
    }

    /// Whether two fade the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by, &other.by) && self.range == other.range
    }
}

impl Layer {
    /// An image layer as its header wants it seen, opaque.
    #[must_use]
    pub fn image(volume: Arc<Volume>) -> Self {
        let grey = Grey::from_header(&volume);
        Self {
            name: volume.name.clone(),
            voi: grey.voi,
            inverted: grey.inverted,
            content: Content::Image(volume),
            visible: true,
            opacity: 1.0,
            colormap: ColorMap::Grey,
            threshold: None,
            outline: false,
            contour: None,
            fade: None,
        }
    }

    /// A label layer at 40 %.
    #[must_use]
    pub fn labels(labels: Arc<Labelmap>) -> Self {
        Self {
            name: labels.name.clone(),
            content: Content::Labels(labels),
            visible: true,
            opacity: 0.4,
            voi: Voi::Window(crate::display::Window::new(0.5, 1.0)),
            inverted: false,
            colormap: ColorMap::Grey,
            threshold: None,
            outline: false,
            contour: None,
            fade: None,
        }
    }

    /// The shutter of an image, to be laid right over it: what it hides is seen in the shutter's colour.
    #[must_use]
    pub fn shutter(volume: &Volume) -> Option<Self> {
        let shutter = volume.graphics.shutter.as_ref()?;
        Some(Self { opacity: 1.0, ..Self::labels(shutter.mask.clone()) })
    }

    /// The overlay planes of an image, to be laid over everything else.
    #[must_use]
    pub fn overlay_planes(volume: &Volume) -> Vec<Self> {
        volume.graphics.planes.iter().map(|p| Self { opacity: 1.0, ..Self::labels(p.clone()) }).collect()
    }

    /// The grey pipeline of an image layer.
    #[must_use]
    pub fn grey(&self, volume: &Volume) -> Grey {
        Grey { padding: volume.padding, rescale: volume.rescale, voi: self.voi.clone(), inverted: self.inverted }
    }
}

/// A picture plane in the patient: the centre of pixel (0, 0) and the step, mm, from one pixel to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// Patient position of the centre of the pixel in the upper left corner.
    pub origin: PatientPoint,
    /// Step for one pixel to the right, mm.
    pub right: DVec3,
    /// Step for one pixel down, mm.
    pub down: DVec3,
}

impl Plane {
    /// The patient position of a pixel; fractions are between centres.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> PatientPoint {
        PatientPoint(self.origin.0 + self.right * x + self.down * y)
    }

    /// Unit normal, away from the viewer.
    #[must_use]
    pub fn normal(&self) -> DVec3 {
        self.right.cross(self.down).normalize_or_zero()
    }

    /// The pixel (continuous) whose position is the foot of the perpendicular from `p`, and the distance along the normal.
    #[must_use]
    pub fn project(&self, p: PatientPoint) -> (f64, f64, f64) {
        let d = p.0 - self.origin.0;
        let (r, s) = (self.right, self.down);
        let (rr, rs, ss) = (r.dot(r), r.dot(s), s.dot(s));
        let (dr, ds) = (d.dot(r), d.dot(s));
        let det = rr * ss - rs * rs;
        ((dr * ss - ds * rs) / det, (ds * rr - dr * rs) / det, d.dot(self.normal()))
    }

    /// The whole of `geometry` fitted into a picture of `size` pixels with its true aspect, in a standard view, through
    /// `through`.
    #[must_use]
    pub fn fitted(geometry: &Geometry, view: View, through: PatientPoint, size: [u32; 2]) -> Self {
        Self::fitted_along(geometry, view.right(), view.down(), through, size)
    }

    /// As [`Plane::fitted`], along any two perpendicular unit directions.
    #[must_use]
    pub fn fitted_along(geometry: &Geometry, right: DVec3, down: DVec3, through: PatientPoint, size: [u32; 2]) -> Self {
        let (r0, r1) = geometry.extent_along(right);
        let (d0, d1) = geometry.extent_along(down);
        let size = size.map(|n| f64::from(n.max(1)));
        let mm_per_pixel = ((r1 - r0) / size[0]).max((d1 - d0) / size[1]);
        let normal = right.cross(down).normalize_or_zero();
        let center = right * (r0 + r1) / 2.0 + down * (d0 + d1) / 2.0 + normal * normal.dot(through.0);
        let half = |n: f64| (n - 1.0) / 2.0 * mm_per_pixel;
        Self {
            origin: PatientPoint(center - right * half(size[0]) - down * half(size[1])),
            right: right * mm_per_pixel,
            down: down * mm_per_pixel,
        }
    }

    /// Letters for the left, right, top and bottom edge.
    #[must_use]
    pub fn letters(&self, quadruped: bool) -> [String; 4] {
        edge_letters(self.right, self.down, quadruped)
    }
}

/// How the values along the normal of a thick slice become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlabMode {
    /// Average.
    #[default]
    Mean,
    /// Maximum intensity projection.
    Mip,
    /// Minimum intensity projection.
    MinIp,
}

/// A thick slice. Samples lie symmetrically about the plane, at most half the smallest voxel spacing apart; see
/// [`Slab::sample_count`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Slab {
    /// Thickness, mm; 0 is a plane.
    pub thickness_mm: f64,
    /// What is taken.
    pub mode: SlabMode,
}

impl Slab {
    /// How many samples a slab takes in a volume of this geometry: 1 for a plane, else odd, spacing at most half the smallest
    /// voxel spacing, at most 513.
    #[must_use]
    pub fn sample_count(&self, geometry: &Geometry) -> u32 {
        if self.thickness_mm <= 0.0 {
            return 1;
        }
        let step = geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min) / 2.0;
        let half = (self.thickness_mm / 2.0 / step).ceil().clamp(1.0, 256.0);
        2 * half as u32 + 1
    }

    /// Offsets of the samples from the plane, mm, from `-thickness/2` to `+thickness/2`.
    #[must_use]
    pub fn offsets_mm(&self, geometry: &Geometry) -> Vec<f64> {
        let n = self.sample_count(geometry);
        if n == 1 {
            return vec![0.0];
        }
        (0..n).map(|i| (f64::from(i) / f64::from(n - 1) - 0.5) * self.thickness_mm).collect()
    }
}

/// How the first overlay image lies over the base.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Compare {
    /// By opacity.
    #[default]
    Blend,
    /// Squares of base and overlay in turn.
    Checkerboard {
        /// Side of a square, screen pixels.
        square_px: u32,
    },
    /// Base left of the line, overlay right of it.
    Swipe {
        /// Where the line is, 0 (left) to 1 (right).
        position: f32,
    },
}

/// One slice picture: layers from the base upwards, all resampled on the fly from their own grids.
#[derive(Debug, Clone)]
pub struct SliceScene {
    /// Where the picture lies in the patient.
    pub plane: Plane,
    /// Pixels `[width, height]`.
    pub size: [u32; 2],
    /// Thick slice.
    pub slab: Slab,
    /// Between voxels; labels are always nearest.
    pub interpolation: Interpolation,
    /// Base first; invisible ones are left out. Alpha blending from the base up: `c = mix(c, layer, opacity)`.
    pub layers: Vec<Layer>,
    /// How the first overlay image meets the base.
    pub compare: Compare,
}

impl SliceScene {
    /// Whether a shutter hides a part of the base.
    #[must_use]
    pub fn is_shuttered(&self) -> bool {
        let Some(Content::Image(base)) = self.layers.iter().find(|l| l.visible).map(|l| &l.content) else {
            return false;
        };
        let is = |l: &Layer| matches!(&l.content, Content::Labels(labels) if base.graphics.is_shutter(labels));
        self.layers.iter().any(|l| l.visible && l.opacity > 0.0 && is(l))
    }

    /// What the picture leaves out beside what the caller knows.
    #[must_use]
    pub fn fidelity(&self, known: Fidelity) -> Fidelity {
        Fidelity { shuttered: known.shuttered || self.is_shuttered(), ..known }
    }

    /// Which badge belongs on it.
    #[must_use]
    pub fn origin_mark(&self) -> Option<OriginMark> {
        mark_of(self.layers.iter().filter(|l| l.visible && l.opacity > 0.0).map(|l| &l.content))
    }
}

/// Where the eye of the volume view is. Parallel projection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// The patient position in the middle of the picture.
    pub target: PatientPoint,
    /// Degrees around the head-foot axis: 0 looks from the front, 90 from the patient's left.
    pub azimuth_deg: f64,
    /// Degrees upwards: 90 looks from the head.
    pub elevation_deg: f64,
    /// Turn of the picture about the line of sight, degrees clockwise.
    pub roll_deg: f64,
    /// Millimetres that one pixel covers.
    pub mm_per_pixel: f64,
}

impl Camera {
    /// The whole of `geometry` in view whatever the angle, from the front and a little from above.
    #[must_use]
    pub fn fitted(geometry: &Geometry, size: [u32; 2]) -> Self {
        let corners = geometry.corners();
        let center = geometry.center();
        let radius = corners.iter().map(|c| c.0.distance(center.0)).fold(0.0, f64::max);
        Self {
            target: center,
            azimuth_deg: 20.0,
            elevation_deg: 15.0,
            roll_deg: 0.0,
            mm_per_pixel: 2.0 * radius / f64::from(size[0].min(size[1]).max(1)),
        }
    }

    /// Unit directions in the patient: right on screen, down on screen, and into the screen.
    #[must_use]
    pub fn axes(&self) -> [DVec3; 3] {
        let (sa, ca) = self.azimuth_deg.to_radians().sin_cos();
        let (se, ce) = self.elevation_deg.to_radians().sin_cos();
        // From the front the eye is at -y (anterior) and looks to +y (posterior).
        let into = DVec3::new(-sa * ce, ca * ce, -se);
        let right = DVec3::new(ca, sa, 0.0);
        let down = into.cross(right);
        let (sr, cr) = self.roll_deg.to_radians().sin_cos();
        [right * cr - down * sr, down * cr + right * sr, into]
    }

    /// The plane through the target that the picture shows, for letters and projection.
    #[must_use]
    pub fn plane(&self, size: [u32; 2]) -> Plane {
        let [right, down, _] = self.axes();
        let (right, down) = (right * self.mm_per_pixel, down * self.mm_per_pixel);
        let half = size.map(|n| (f64::from(n) - 1.0) / 2.0);
        Plane { origin: PatientPoint(self.target.0 - right * half[0] - down * half[1]), right, down }
    }
}

/// A point of a transfer function.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TransferPoint {
    /// Real value.
    pub value: f64,
    /// Colour, 0 to 1.
    pub color: [f32; 3],
    /// Opacity a millimetre of tissue has, 0 to 1.
    pub opacity: f32,
}

/// Real value to colour and opacity, linear between points, the ends reach on. Points are kept in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TransferFunction {
    /// What the menu says.
    pub name: String,
    /// In order of their values; at least two.
    pub points: Vec<TransferPoint>,
}

impl TransferFunction {
    /// Red, green, blue and opacity at a real value.
    #[must_use]
    pub fn at(&self, value: f64) -> [f32; 4] {
        let rgba = |p: &TransferPoint| [p.color[0], p.color[1], p.color[2], p.opacity];
        let next = self.points.partition_point(|p| p.value < value);
        match (next.checked_sub(1).and_then(|i| self.points.get(i)), self.points.get(next)) {
            (Some(a), Some(b)) => {
                let t = if b.value > a.value { ((value - a.value) / (b.value - a.value)) as f32 } else { 1.0 };
                let (a, b) = (rgba(a), rgba(b));
                std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
            }
            (Some(p), None) | (None, Some(p)) => rgba(p),
            (None, None) => [0.0; 4],
        }
    }

    /// The real values between which the points lie.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        [self.points.first().map_or(0.0, |p| p.value), self.points.last().map_or(1.0, |p| p.value)]
    }
}

/// What a ray does with the values that it meets.
#[derive(Debug, Clone, PartialEq)]
pub enum VolumeMode {
    /// Highest value, through the window.
    Mip,
    /// Lowest value, through the window.
    MinIp,
    /// Mean value inside the volume, through the window.
    Average,
    /// Colour and opacity from front to back.
    Composite {
        /// Which colours.
        transfer: TransferFunction,
        /// Gradient shading, light at the eye.
        shaded: bool,
    },
}

/// One picture of a volume.
#[derive(Debug, Clone)]
pub struct VolumeScene {
    /// The volume; its window serves the projections.
    pub base: Layer,
    /// Labels to be drawn as coloured surfaces in composite, as tint in projections.
    pub labels: Vec<Layer>,
    /// Where the eye is.
    pub camera: Camera,
    /// Pixels `[width, height]`.
    pub size: [u32; 2],
    /// What a ray does.
    pub mode: VolumeMode,
    /// What is left of the volume, as fractions of each voxel axis: low and high corner.
    pub clip: [[f32; 2]; 3],
    /// Ray step as a part of the smallest voxel spacing: 0.5 refined, more while moving.
    pub step: f32,
}

impl VolumeScene {
    /// Which badge belongs on it.
    #[must_use]
    pub fn origin_mark(&self) -> Option<OriginMark> {
        let labels = self.labels.iter().filter(|l| l.visible && l.opacity > 0.0).map(|l| &l.content);
        mark_of(labels.chain([&self.base.content]))
    }
}

/// No clipping.
pub const WHOLE: [[f32; 2]; 3] = [[0.0, 1.0]; 3];

/// A clip box that takes the front half off, so that the brain is seen inside a head.
#[must_use]
pub fn front_cut_away(geometry: &Geometry) -> [[f32; 2]; 3] {
    const POSTERIOR: usize = 1;
    let mut clip = WHOLE;
    for (axis, (patient_axis, sign)) in geometry.nearest_axes().into_iter().enumerate() {
        if patient_axis == POSTERIOR {
            clip[axis] = if sign > 0.0 { [0.5, 1.0] } else { [0.0, 0.5] };
        }
    }
    clip
}
