//! The badge is on every picture that shows anything synthetic, whichever way the picture is made.

use std::sync::Arc;

use image::RgbaImage;

use super::Fidelity;
use super::fixtures::{geometry, label_layer, layer, scene, volume};
use super::output::{Device, save_png, slice_picture, volume_picture};
use super::scene::{
    Camera, Compare, Content, Fade, Layer, Slab, SlabMode, SliceScene, TransferFunction, TransferPoint, VolumeMode,
    VolumeScene, WHOLE,
};
use crate::volume::{Derivation, Interpolation, OriginMark, Provenance, Volume, VoxelType, resample};

const SIZE: [u32; 2] = [240, 220];

fn made() -> Provenance {
    let by = Derivation { model: Some("t1-to-t2".into()), generates_pixels: true, ..Derivation::default() };
    Provenance::derived(&[&Provenance::acquired(vec!["1.2.3".into()])], by)
}

fn image(provenance: Provenance) -> Layer {
    layer(Volume { provenance, ..volume(VoxelType::I16, &geometry(false)) })
}

/// Magenta pixels in the lower right quarter.
fn badge(picture: &RgbaImage) -> usize {
    let (w, h) = picture.dimensions();
    let magenta = |p: &image::Rgba<u8>| p.0[0] > 200 && p.0[1] < 110 && p.0[2] > 200;
    picture.enumerate_pixels().filter(|(x, y, p)| x * 2 > w && y * 2 > h && magenta(p)).count()
}

fn slice(layers: Vec<Layer>) -> SliceScene {
    SliceScene { size: SIZE, ..scene(layers) }
}

/// On the CPU, and on whatever there is.
fn check_slice(scene: &SliceScene, wanted: bool, what: &str) {
    for device in [Device::Cpu, Device::Auto] {
        let picture = slice_picture(scene, device, Fidelity::default()).unwrap();
        assert_eq!(
            (picture.origin_mark == Some(OriginMark::Synthetic), badge(&picture.image) > 50),
            (wanted, wanted),
            "{what} on {device:?}"
        );
    }
}

#[test]
fn slices_and_slabs_of_synthetic_images_bear_it() {
    for mode in [SlabMode::Mean, SlabMode::Mip, SlabMode::MinIp] {
        for thickness_mm in [0.0, 8.0] {
            let slab = Slab { thickness_mm, mode };
            let what = format!("{mode:?} {thickness_mm}");
            check_slice(&SliceScene { slab, ..slice(vec![image(made())]) }, true, &what);
            let real = image(Provenance::acquired(vec![]));
            check_slice(&SliceScene { slab, ..slice(vec![real]) }, false, &what);
        }
    }
}

#[test]
fn an_overlay_bears_it_however_it_is_laid_over_the_base() {
    let base = image(Provenance::acquired(vec![]));
    let by = match &image(made()).content {
        Content::Image(v) => v.clone(),
        Content::Labels(_) => panic!("no image"),
    };
    let over = [
        Layer { opacity: 0.02, ..image(made()) },
        Layer { threshold: Some([1e9, 2e9]), ..image(made()) },
        Layer { contour: Some(0.0), outline: true, ..image(made()) },
        Layer { fade: Some(Fade { by, range: [-9e9, -8e9] }), ..image(made()) },
    ];
    for (n, over) in over.into_iter().enumerate() {
        for compare in [Compare::Blend, Compare::Checkerboard { square_px: 9 }, Compare::Swipe { position: 1.0 }] {
            check_slice(
                &SliceScene { compare, ..slice(vec![base.clone(), over.clone()]) },
                true,
                &format!("{n} {compare:?}"),
            );
        }
        check_slice(&slice(vec![base.clone(), Layer { visible: false, ..over }]), false, "hidden");
    }
    let mut labels = label_layer(&geometry(false));
    if let Content::Labels(map) = &mut labels.content {
        Arc::make_mut(map).provenance = Provenance::derived(&[&made()], Derivation::default());
    }
    check_slice(&slice(vec![base, labels]), true, "labels of a synthetic image");
}

#[test]
fn every_volume_view_bears_it() {
    let point = |value, opacity| TransferPoint { value, color: [0.8, 0.7, 0.6], opacity };
    let transfer = TransferFunction { name: "t".into(), points: vec![point(0.0, 0.0), point(2000.0, 0.5)] };
    let modes =
        [VolumeMode::Mip, VolumeMode::MinIp, VolumeMode::Average, VolumeMode::Composite { transfer, shaded: true }];
    for mode in modes {
        for (provenance, wanted) in [(made(), true), (Provenance::acquired(vec![]), false)] {
            let base = image(provenance);
            let camera = Camera::fitted(base.content.geometry(), SIZE);
            let scene =
                VolumeScene { base, labels: vec![], camera, size: SIZE, mode: mode.clone(), clip: WHOLE, step: 2.0 };
            for device in [Device::Cpu, Device::Auto] {
                let picture = volume_picture(&scene, device, Fidelity::default()).unwrap();
                assert_eq!(badge(&picture.image) > 50, wanted, "{mode:?} on {device:?}");
            }
        }
    }
}

#[test]
fn an_exported_picture_bears_it_in_its_pixels_and_in_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slice.png");
    let picture = slice_picture(&slice(vec![image(made())]), Device::Cpu, Fidelity::default()).unwrap();
    save_png(&picture, &path).unwrap();
    assert!(badge(&image::open(&path).unwrap().to_rgba8()) > 50);
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    assert!(text.contains(crate::io::mark::KEY) && text.contains(crate::io::mark::YES));
}

#[test]
fn what_is_derived_bears_it_too() {
    let Content::Image(made) = image(made()).content else { panic!("no image") };
    let control = crate::jobs::Control::new();
    let resampled = resample::resample_onto(&made, &geometry(true), Interpolation::Linear, 0.0, &control).unwrap();
    check_slice(&slice(vec![layer(resampled)]), true, "resampled");
    let provenance = Provenance::derived(&[&made.provenance], Derivation::default());
    check_slice(&slice(vec![image(provenance)]), true, "derived");
}
