//! Volumes and scenes for the tests of this module: odd sizes, every number type, oblique and sheared grids.

use std::sync::Arc;

use glam::{DMat4, DQuat, DVec3};

use super::scene::{
    Camera, Compare, Content, Layer, Plane, Slab, SliceScene, TransferFunction, TransferPoint, VolumeMode, VolumeScene,
    front_cut_away,
};
use crate::display::{Voi, Window};
use crate::volume::{Geometry, Interpolation, Label, Labelmap, PatientPoint, Provenance, Volume, VoxelType, Voxels};

/// A reproducible hash to 0..1.
pub(crate) fn noise(n: usize) -> f64 {
    let mut h = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    h = (h ^ (h >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((h ^ (h >> 29)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// 31 x 27 x 19 voxels of 0.9 x 1.1 x 2 mm, turned and, if wanted, sheared, around the origin.
pub(crate) fn geometry(sheared: bool) -> Geometry {
    let turn = DMat4::from_quat(DQuat::from_axis_angle(DVec3::new(0.3, -1.0, 0.5).normalize(), 0.37));
    let mut shear = DMat4::IDENTITY;
    if sheared {
        shear.z_axis.y = 0.27;
    }
    let center = DMat4::from_translation(-DVec3::new(15.0, 13.0, 9.0));
    Geometry::new([31, 27, 19], turn * shear * DMat4::from_scale(DVec3::new(0.9, 1.1, 2.0)) * center).unwrap()
}

/// Smooth hills with noise over the whole range of the type.
pub(crate) fn volume(kind: VoxelType, geometry: &Geometry) -> Volume {
    let [nx, ny, _] = geometry.size();
    let value = |n: usize| {
        let (x, y, z) = ((n % nx) as f64, (n / nx % ny) as f64, (n / nx / ny) as f64);
        let hills = (x * 0.31).sin() + (y * 0.23).cos() + (z * 0.4).sin();
        ((hills / 6.0 + 0.5) * 0.8 + 0.2 * noise(n)).clamp(0.0, 1.0)
    };
    let unit: Vec<f64> = (0..geometry.voxel_count()).map(value).collect();
    let voxels = match kind {
        VoxelType::U8 => unit.iter().map(|u| (u * 255.0) as u8).collect::<Vec<_>>().into(),
        VoxelType::I16 => unit.iter().map(|u| (u * 4095.0 - 1024.0) as i16).collect::<Vec<_>>().into(),
        VoxelType::U16 => unit.iter().map(|u| (u * 65535.0) as u16).collect::<Vec<_>>().into(),
        VoxelType::I32 => unit.iter().map(|u| (u * 2e6 - 1e6) as i32).collect::<Vec<_>>().into(),
        VoxelType::F32 => unit.iter().map(|u| (u * 3.0 - 1.0) as f32).collect::<Vec<_>>().into(),
        VoxelType::F64 => unit.iter().map(|u| u * 1e-3).collect::<Vec<_>>().into(),
        VoxelType::Rgb8 => Voxels::from(
            unit.iter()
                .enumerate()
                .map(|(n, u)| [(u * 255.0) as u8, (noise(n) * 255.0) as u8, 255 - (u * 255.0) as u8])
                .collect::<Vec<_>>(),
        ),
    };
    let mut v = Volume::new("fixture", voxels, geometry.clone(), Provenance::acquired(vec![])).unwrap();
    if kind == VoxelType::U16 {
        v.rescale = crate::volume::Rescale { slope: -0.25, intercept: 100.0 };
    }
    v
}

/// Every number type.
pub(crate) const KINDS: [VoxelType; 7] =
    [VoxelType::U8, VoxelType::I16, VoxelType::U16, VoxelType::I32, VoxelType::F32, VoxelType::F64, VoxelType::Rgb8];

/// An image layer with a window over the middle third of the values.
pub(crate) fn layer(volume: Volume) -> Layer {
    let range = crate::volume::statistics::range(&volume).unwrap();
    let third = (range[1] - range[0]) / 3.0;
    let mut layer = Layer::image(Arc::new(volume));
    layer.voi = Voi::Window(Window::spanning(range[0] + third, range[1] - third));
    layer
}

/// Three labels in blocks, the third hidden, the second not in the table.
pub(crate) fn labels(geometry: &Geometry) -> Labelmap {
    let [nx, ny, _] = geometry.size();
    let of = |n: usize| {
        let (x, y, z) = (n % nx, n / nx % ny, n / nx / ny);
        if x.abs_diff(15).pow(2) + y.abs_diff(13).pow(2) + (2 * z.abs_diff(9)).pow(2) > 120 {
            0
        } else {
            (1 + x / 14 + usize::from(y > 15)) as u16
        }
    };
    let mut third = Label::new(3, "three", [0, 0, 255]);
    third.visible = false;
    Labelmap {
        voxels: Arc::new((0..geometry.voxel_count()).map(of).collect()),
        geometry: geometry.clone(),
        space: crate::volume::Space::Patient { frame_of_reference: None },
        labels: vec![Label::new(1, "one", [255, 128, 0]), third],
        provenance: Provenance::acquired(vec![]),
        name: "labels".into(),
    }
}

/// A label layer of [`labels`].
pub(crate) fn label_layer(geometry: &Geometry) -> Layer {
    Layer::labels(Arc::new(labels(geometry)))
}

/// An oblique plane through the origin that also shows the outside.
pub(crate) fn scene(layers: Vec<Layer>) -> SliceScene {
    let turn = DQuat::from_axis_angle(DVec3::new(1.0, 0.4, 0.2).normalize(), 0.5);
    let (right, down) = (turn * DVec3::X * 0.53, turn * DVec3::Y * 0.53);
    let size = [70, 61];
    let origin = PatientPoint(-right * 34.7 - down * 30.2 + DVec3::new(0.11, 0.07, 0.03));
    SliceScene {
        plane: Plane { origin, right, down },
        size,
        slab: Slab::default(),
        interpolation: Interpolation::Linear,
        layers,
        compare: Compare::Blend,
    }
}

/// The volume behind an image layer.
pub(crate) fn volume_of(layer: &Layer) -> &Volume {
    match &layer.content {
        Content::Image(v) => v,
        Content::Labels(_) => panic!("a label layer"),
    }
}

/// A label that fills a box, cut open from the front and seen askew with nothing else in the picture; and the pixels whose
/// rays enter it through the cut, well away from its borders.
pub(crate) fn cut_label() -> (VolumeScene, Vec<(u32, u32)>) {
    let size = [150, 60, 90];
    let geometry = Geometry::new(size, DMat4::IDENTITY).unwrap();
    let inside = |n: usize| {
        let place = [n % size[0], n / size[0] % size[1], n / size[0] / size[1]];
        (0..3).all(|a| (5..size[a] - 5).contains(&place[a]))
    };
    let labels = Labelmap {
        voxels: Arc::new((0..geometry.voxel_count()).map(|n| u16::from(inside(n))).collect()),
        geometry: geometry.clone(),
        ..labels(&geometry)
    };
    let voxels = vec![0_u8; geometry.voxel_count()].into();
    let volume = Volume::new("nothing", voxels, geometry.clone(), Provenance::acquired(vec![])).unwrap();
    let points = [0.0, 255.0].map(|value| TransferPoint { value, color: [1.0; 3], opacity: 0.0 });
    let transfer = TransferFunction { name: "clear".into(), points: points.to_vec() };
    let picture = [240, 200];
    let scene = VolumeScene {
        base: Layer { visible: false, ..Layer::image(Arc::new(volume)) },
        labels: vec![Layer { opacity: 1.0, ..Layer::labels(Arc::new(labels)) }],
        camera: Camera { azimuth_deg: 31.0, elevation_deg: 17.0, ..Camera::fitted(&geometry, picture) },
        size: picture,
        mode: VolumeMode::Composite { transfer, shaded: true },
        clip: front_cut_away(&geometry),
        step: 0.5,
    };
    let plane = scene.camera.plane(picture);
    let on_cut = |&(x, y): &(u32, u32)| {
        let start = plane.at(f64::from(x), f64::from(y)).0;
        let into = scene.camera.axes()[2];
        // The cut is at voxel 29.5; one voxel is one millimetre.
        let p = start + into * ((29.5 - start.y) / into.y);
        (8.0..142.0).contains(&p.x) && (8.0..82.0).contains(&p.z)
    };
    let pixels = (0..picture[1]).flat_map(|y| (0..picture[0]).map(move |x| (x, y))).filter(on_cut).collect();
    (scene, pixels)
}
