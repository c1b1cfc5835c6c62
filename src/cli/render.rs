//! `veritome render`: a slice or a volume view into a PNG.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use glam::DVec3;

use super::WrongUsage;
use super::picture_options::{Overlay, Size, base_layer, camera, choose_series, point, preset, window};
use super::progress::with_progress;
use crate::display::{Slices, View, Window};
use crate::error::{Warning, WarningCode};
use crate::io::Series;
use crate::jobs::Control;
use crate::render::annotate::{Annotation, annotate};
use crate::render::scene::{
    Camera, Compare, Content, Layer, Plane, Slab, SlabMode, SliceScene, VolumeMode, VolumeScene, WHOLE,
};
use crate::render::transfer_presets;
use crate::render::{Device, Fidelity, save_png, slice_picture, volume_picture};
use crate::volume::{Geometry, Interpolation, PatientPoint, Space, Volume};

/// Draw a slice or a volume view into a PNG: the image alone, the whole volume fitted with its true aspect.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// A file, a folder tree, a ZIP or a DICOMDIR.
    path: PathBuf,
    /// The PNG to write.
    #[arg(short, long, value_name = "OUT.png")]
    output: PathBuf,
    /// Series Instance UID; without it the first image series.
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// Which view. `oblique` is the plane of acquisition, or with --camera the plane across that line of sight.
    #[arg(long, value_enum, default_value = "axial")]
    view: ViewName,
    /// The plane goes through this position, LPS millimetres.
    #[arg(long, value_name = "X,Y,Z", value_parser = point, allow_hyphen_values = true, conflicts_with = "slice")]
    at: Option<PatientPoint>,
    /// Slice number as in the window: from 1, axial from the feet, coronal from the front, sagittal from the right.
    #[arg(long, value_name = "N")]
    slice: Option<usize>,
    /// Thickness in millimetres.
    #[arg(long, value_name = "MM")]
    slab: Option<f64>,
    /// What a slab shows.
    #[arg(long, value_enum, default_value = "mean")]
    slab_mode: SlabName,
    /// Window center and width in the image's unit.
    #[arg(long, value_name = "C,W", value_parser = window, allow_hyphen_values = true)]
    window: Option<Window>,
    /// A window by name, for instance brain, lung, bone.
    #[arg(long, value_name = "NAME", value_parser = preset, conflicts_with = "window")]
    preset: Option<Window>,
    /// Pixels; without it one for each of the finest voxels (volume views: 512x512).
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// An image or label file to lay over it; can be repeated.
    #[arg(long, value_name = "FILE[:COLORMAP[:OPACITY]]")]
    overlay: Vec<Overlay>,
    /// Direction of view in degrees: 0,0 from the front, 90,0 from the patient's left, 0,90 from the head.
    #[arg(long, value_name = "AZ,EL", value_parser = camera, allow_hyphen_values = true)]
    camera: Option<[f64; 2]>,
    /// Between voxels.
    #[arg(long, value_enum, default_value = "linear")]
    interpolation: InterpolationName,
    /// Colours of the volume view.
    #[arg(long, value_name = "NAME")]
    transfer: Option<String>,
    /// Orientation letters, corner text and the overlay planes of DICOM files.
    #[arg(long)]
    annotate: bool,
    /// Show what the display shutter of a DICOM file hides.
    #[arg(long)]
    no_shutter: bool,
    /// Where it is drawn; without it on the GPU if there is one.
    #[arg(long, value_enum)]
    device: Option<DeviceName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ViewName {
    Axial,
    Coronal,
    Sagittal,
    Oblique,
    Mip,
    Minip,
    Volume,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SlabName {
    Mean,
    Mip,
    Minip,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum InterpolationName {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DeviceName {
    Gpu,
    Cpu,
}

impl Render {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let output = self.output.clone();
        if output.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")) {
            return Err(
                WrongUsage(format!("{}: the picture is a PNG, so its name ends in .png", output.display())).into()
            );
        }
        let notices = with_progress("Rendering", move |control| self.draw(control))??;
        for notice in notices {
            eprintln!("veritome: {notice}");
        }
        println!("{}", output.display());
        Ok(())
    }

    /// Draws and writes; gives back what the person must know of the quality.
    fn draw(&self, control: &Control) -> anyhow::Result<Vec<String>> {
        let (study, series) = choose_series(&self.path, self.series.as_deref(), control)?;
        let volume = Arc::new(series.load(0, control)?);
        let overlays = self.overlay.iter().map(|o| o.load(control)).collect::<anyhow::Result<Vec<_>>>()?;
        let base = base_layer(volume.clone(), self.window.or(self.preset));
        let device = match self.device {
            None => Device::Auto,
            Some(DeviceName::Gpu) => Device::Gpu,
            Some(DeviceName::Cpu) => Device::Cpu,
        };
        let uneven = |w: &Warning| matches!(w.code, WarningCode::UnevenSpacing | WarningCode::MissingSlices);
        let known = Fidelity { uneven_spacing: series.warnings.iter().any(uneven), ..Fidelity::default() };
        let drawn = match self.view {
            ViewName::Mip | ViewName::Minip | ViewName::Volume => {
                let scene = self.volume_scene(&volume, base, overlays)?;
                let mut drawn = volume_picture(&scene, device, known)?;
                if self.annotate {
                    let plane = scene.camera.plane(scene.size);
                    annotate(&mut drawn.image, &Annotation::for_plane(&plane, &study, &series, "volume"));
                }
                drawn
            }
            _ => {
                let scene = self.slice_scene(&volume, &series, base, overlays)?;
                let mut drawn = slice_picture(&scene, device, known)?;
                if self.annotate {
                    let name = format!("{:?}", self.view).to_lowercase();
                    annotate(&mut drawn.image, &Annotation::for_plane(&scene.plane, &study, &series, &name));
                }
                drawn
            }
        };
        save_png(&drawn, &self.output)?;
        Ok(drawn.fidelity.marks().into_iter().map(|m| format!("the picture is marked {m}")).collect())
    }

    fn volume_scene(&self, volume: &Volume, base: Layer, overlays: Vec<Layer>) -> anyhow::Result<VolumeScene> {
        if let Space::Stack { reason, .. } = &volume.space {
            anyhow::bail!(
                "{}: this stack of pictures is no volume ({reason}), so it has no volume view",
                self.path.display()
            );
        }
        let size = self.size.map_or([512, 512], |s| s.0);
        let mode = match self.view {
            ViewName::Mip => VolumeMode::Mip,
            ViewName::Minip => VolumeMode::MinIp,
            _ => {
                let transfer = match &self.transfer {
                    None => transfer_presets::for_volume(volume).remove(0),
                    Some(name) => transfer_presets::by_name(name, volume).ok_or_else(|| {
                        let names: Vec<_> = transfer_presets::for_volume(volume).into_iter().map(|t| t.name).collect();
                        WrongUsage(format!("{name}: no such transfer function; choose from {}", names.join(", ")))
                    })?,
                };
                VolumeMode::Composite { transfer, shaded: true }
            }
        };
        let mut camera = Camera::fitted(&volume.geometry, size);
        if let Some([azimuth, elevation]) = self.camera {
            (camera.azimuth_deg, camera.elevation_deg) = (azimuth, elevation);
        }
        let labels = overlays.into_iter().filter(|l| matches!(l.content, Content::Labels(_))).collect();
        Ok(VolumeScene { base, labels, camera, size, mode, clip: WHOLE, step: 0.5 })
    }

    fn slice_scene(
        &self,
        volume: &Volume,
        series: &Series,
        base: Layer,
        overlays: Vec<Layer>,
    ) -> anyhow::Result<SliceScene> {
        let (plane, size) = match &volume.space {
            Space::Stack { pixel_spacing_mm, .. } => {
                if self.at.is_some() || self.view == ViewName::Coronal || self.view == ViewName::Sagittal {
                    anyhow::bail!(
                        "{}: this stack of pictures has no place in the patient; choose a picture with --slice",
                        self.path.display()
                    );
                }
                self.stack_plane(volume, pixel_spacing_mm.unwrap_or([1.0, 1.0]))?
            }
            Space::Patient { .. } => self.patient_plane(&volume.geometry, series)?,
        };
        let mut layers = vec![base];
        // A shutter belongs to the image; overlay planes are annotation.
        layers.extend(Layer::shutter(volume).filter(|_| !self.no_shutter));
        layers.extend(overlays);
        if self.annotate {
            layers.extend(Layer::overlay_planes(volume));
        }
        Ok(SliceScene {
            plane,
            size,
            slab: Slab {
                thickness_mm: self.slab.unwrap_or(0.0).max(0.0),
                mode: match self.slab_mode {
                    SlabName::Mean => SlabMode::Mean,
                    SlabName::Mip => SlabMode::Mip,
                    SlabName::Minip => SlabMode::MinIp,
                },
            },
            interpolation: match self.interpolation {
                InterpolationName::Nearest => Interpolation::Nearest,
                InterpolationName::Linear => Interpolation::Linear,
                InterpolationName::Cubic => Interpolation::Cubic,
            },
            layers,
            compare: Compare::Blend,
        })
    }

    fn patient_plane(&self, geometry: &Geometry, series: &Series) -> anyhow::Result<(Plane, [u32; 2])> {
        let (right, down, forward) = match self.view {
            ViewName::Coronal => axes_of(View::Coronal),
            ViewName::Sagittal => axes_of(View::Sagittal),
            ViewName::Oblique => self.oblique_axes(geometry),
            _ => axes_of(View::Axial),
        };
        let slices = Slices::along(geometry, forward);
        let through = match (self.at, self.slice) {
            (Some(p), _) => series.shown_point(p),
            (None, Some(n)) => {
                let index = n
                    .checked_sub(1)
                    .filter(|n| *n < slices.count)
                    .ok_or_else(|| WrongUsage(format!("--slice {n}: this view has slices 1 to {}", slices.count)))?;
                slices.snap(geometry.center(), index)
            }
            (None, None) => slices.middle(geometry),
        };
        let size = self.size.map_or_else(|| natural_size(geometry, right, down), |s| s.0);
        Ok((Plane::fitted_along(geometry, right, down, through, size), size))
    }

    fn oblique_axes(&self, geometry: &Geometry) -> (DVec3, DVec3, DVec3) {
        if let Some([azimuth_deg, elevation_deg]) = self.camera {
            let [right, down, into] = Camera { azimuth_deg, elevation_deg, ..Camera::fitted(geometry, [1, 1]) }.axes();
            return (right, down, into);
        }
        let [u, v, _] = geometry.directions();
        let v = (v - u * u.dot(v)).normalize_or(DVec3::Y);
        (u, v, u.cross(v))
    }

    fn stack_plane(&self, volume: &Volume, spacing: [f64; 2]) -> anyhow::Result<(Plane, [u32; 2])> {
        let [nx, ny, nz] = volume.size();
        let slice = self.slice.unwrap_or(nz / 2 + 1);
        let index = slice
            .checked_sub(1)
            .filter(|n| *n < nz)
            .ok_or_else(|| WrongUsage(format!("--slice {slice}: this stack has pictures 1 to {nz}")))?;
        // Voxels are the unit of an unplaced grid: screen steps are divided by the pixel spacing to keep the aspect.
        let finest = spacing[0].min(spacing[1]);
        let extent = [nx as f64 * spacing[0] / finest, ny as f64 * spacing[1] / finest];
        let size = self.size.map_or_else(|| extent.map(|e| (e.round() as u32).clamp(1, 16384)), |s| s.0);
        let zoom = (extent[0] / f64::from(size[0])).max(extent[1] / f64::from(size[1]));
        let step = [zoom * finest / spacing[0], zoom * finest / spacing[1]];
        let origin = [0, 1].map(|a| {
            let n = [nx, ny][a] as f64;
            (n - 1.0) / 2.0 - (f64::from(size[a]) - 1.0) / 2.0 * step[a]
        });
        let plane = Plane {
            origin: PatientPoint::new(origin[0], origin[1], index as f64),
            right: DVec3::X * step[0],
            down: DVec3::Y * step[1],
        };
        Ok((plane, size))
    }
}

fn axes_of(view: View) -> (DVec3, DVec3, DVec3) {
    (view.right(), view.down(), view.forward())
}

/// One pixel for each of the finer of the two voxel axes that lie most nearly in the plane.
fn natural_size(geometry: &Geometry, right: DVec3, down: DVec3) -> [u32; 2] {
    let directions = geometry.directions();
    let spacing_along = |d: DVec3| {
        let axis = (0..3).max_by(|a, b| directions[*a].dot(d).abs().total_cmp(&directions[*b].dot(d).abs()));
        geometry.spacing_mm()[axis.unwrap_or(0)]
    };
    let finest = spacing_along(right).min(spacing_along(down));
    [right, down].map(|d| {
        let (low, high) = geometry.extent_along(d);
        (((high - low) / finest).round() as u32).clamp(1, 16384)
    })
}
