//! A model's network as explanations need it: prepared once, then run on changed channels.

use std::sync::Arc;

use glam::{DMat4, DVec3};

use super::errors::InferenceError;
use super::layout::Layout;
use super::manifest::Model;
use super::manifest::schema::InfererKind;
use super::provider::Provider;
use super::result::RunOptions;
use super::session::{Network, Tensor};
use super::{onnx_edit, prepare, region, session};
use crate::jobs::Control;
use crate::volume::{Geometry, PatientPoint, Volume};

/// How a probe is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProbeOptions {
    /// Asked for.
    pub provider: Provider,
    /// Where the window of a model with sliding windows is centred; `None`: on the grid's centre.
    pub at: Option<PatientPoint>,
    /// A tensor inside the graph that is read too.
    pub tap: Option<String>,
    /// See [`crate::inference::engine::RunOptions::registered`].
    pub registered: bool,
}

/// A model's network on one window of its prepared inputs.
pub(crate) struct Probe {
    pub model: Model,
    network: Arc<Network>,
    options: ProbeOptions,
    /// The window's grid.
    pub grid: Geometry,
    /// One an input of the manifest, in its order: `[nz, ny, nx]`, x fastest, normalised.
    pub channels: Vec<Vec<f32>>,
    /// The normalised background of each.
    pub background: Vec<f32>,
    /// The volume whose grid results return to.
    pub first: Arc<Volume>,
    /// Every volume that was given, in the manifest's order.
    pub given: Vec<(String, Arc<Volume>)>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A tensor that came out, by channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// `[nz, ny, nx]` each, x fastest; single numbers where the tensor has no spatial axes.
    pub channels: Vec<Vec<f32>>,
    /// `[nx, ny, nz]`.
    pub size: [usize; 3],
}

impl Probe {
    /// Prepares the inputs as a run does and opens the network.
    ///
    /// # Errors
    /// As [`crate::inference::engine::run`]; inferers that do not show the network an image at a time.
    pub fn open(
        model: &Model,
        inputs: &[(String, Arc<Volume>)],
        options: ProbeOptions,
        control: &Control,
    ) -> Result<Self, InferenceError> {
        let m = &model.manifest;
        let kind = m.inferer.kind;
        if !matches!(kind, InfererKind::Whole | InfererKind::SlidingWindow) {
            let what = format!("explaining a model whose inferer is {kind:?}");
            return Err(InferenceError::NotSupported { model: model.title(), what });
        }
        let (padded, mut channels, background, first, given, notes) = prepared(model, inputs, &options, control)?;
        control.stage(format!("Loading {}", model.title()), 0);
        let network = open_network(model, &options, None, control)?;
        let mut grid = padded;
        if kind == InfererKind::SlidingWindow
            && let Some(patch) = m.inferer.patch
        {
            let (start, size) = window(&grid, patch, options.at);
            channels = channels.iter().zip(&background).map(|(c, _)| cut(c, grid.size(), start, size)).collect();
            let shift = DVec3::from_array(start.map(|n| n as f64));
            grid = Geometry::new(size, grid.voxel_to_patient() * DMat4::from_translation(shift))?;
        }
        let model = model.clone();
        Ok(Self { model, network, options, grid, channels, background, first, given, notes })
    }

    /// The same inputs on the network with its last `layers` layers replaced by noise.
    ///
    /// # Errors
    /// When the graph cannot be edited or opened.
    pub fn with_noise(&self, layers: usize, seed: u64, control: &Control) -> Result<Self, InferenceError> {
        let network = open_network(&self.model, &self.options, Some((layers, seed)), control)?;
        Ok(Self {
            model: self.model.clone(),
            network,
            options: self.options.clone(),
            grid: self.grid.clone(),
            channels: self.channels.clone(),
            background: self.background.clone(),
            first: self.first.clone(),
            given: self.given.clone(),
            notes: self.notes.clone(),
        })
    }

    /// How many layers [`Probe::with_noise`] can replace.
    ///
    /// # Errors
    /// When the graph cannot be read.
    pub fn layers(&self) -> Result<usize, InferenceError> {
        let weights = super::manifest::Weights::read(&self.model, "network")?;
        let layers = onnx_edit::layers(&weights.bytes).map_err(|reason| InferenceError::Load {
            path: weights.path.clone(),
            reason,
            remedy: String::new(),
        })?;
        Ok(layers.len())
    }

    /// SHA-256 of the graph's file.
    pub fn sha256(&self) -> &str {
        &self.network.sha256
    }

    /// The provider that really runs.
    pub fn provider(&self) -> Provider {
        self.network.provider
    }

    /// The tensor that is tapped.
    pub fn tap(&self) -> Option<&str> {
        self.options.tap.as_deref()
    }

    /// Whether the graph has an output of that name.
    pub fn has_output(&self, name: &str) -> bool {
        self.network.outputs.iter().any(|p| p.name == name)
    }

    /// Runs the network on channels of the window's size, in the manifest's order.
    ///
    /// # Errors
    /// When it cannot be run; [`InferenceError::Cancelled`].
    pub fn run(&self, channels: &[Vec<f32>], wanted: &[&str], control: &Control) -> Result<Vec<Field>, InferenceError> {
        let layout = Layout::new(&self.model.manifest.inferer.layout);
        let mut names: Vec<&str> = Vec::new();
        for input in &self.model.manifest.inputs {
            if !names.contains(&input.tensor.as_str()) {
                names.push(&input.tensor);
            }
        }
        let tensors: Vec<Tensor> = names
            .into_iter()
            .map(|name| {
                let specs = self.model.manifest.inputs.iter().zip(channels).filter(|(i, _)| i.tensor == name);
                let mut own: Vec<(usize, &[f32])> = specs.map(|(i, c)| (i.channel, c.as_slice())).collect();
                own.sort_by_key(|(channel, _)| *channel);
                let own: Vec<&[f32]> = own.into_iter().map(|(_, c)| c).collect();
                let (shape, data) = layout.pack(&own, self.grid.size());
                Tensor { name: name.to_owned(), shape, data }
            })
            .collect();
        let found = self.network.run(&self.model.title(), &tensors, wanted, control)?;
        Ok(found.iter().map(|t| field(&layout, t)).collect())
    }
}

/// The padded grid, the channels with their backgrounds, the first volume, all given ones, notes.
type Inputs = (Geometry, Vec<Vec<f32>>, Vec<f32>, Arc<Volume>, Vec<(String, Arc<Volume>)>, Vec<String>);

fn prepared(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ProbeOptions,
    control: &Control,
) -> Result<Inputs, InferenceError> {
    let m = &model.manifest;
    let matched = prepare::match_inputs(model, inputs, options.registered)?;
    let given: Vec<(String, Arc<Volume>)> =
        m.inputs.iter().zip(&matched).filter_map(|(i, v)| v.as_ref().map(|v| (i.name.clone(), v.clone()))).collect();
    let Some((_, first)) = given.first() else {
        let what = "explaining a model without inputs".into();
        return Err(InferenceError::NotSupported { model: model.title(), what });
    };
    let mask = match &m.preprocess.mask {
        Some(name) => {
            let run = RunOptions { provider: options.provider, ..RunOptions::default() };
            Some(region::of_model(name, &matched, &run, control)?)
        }
        None => None,
    };
    let prepared = prepare::prepare(model, &matched, mask.as_deref(), control)?;
    // A missing input's fill is its own background.
    let fills = m.inputs.iter().map(|i| i.fill.unwrap_or(0.0));
    let background = prepared
        .inputs
        .iter()
        .zip(fills)
        .map(|(c, fill)| if c.given { c.applied.background as f32 } else { fill })
        .collect();
    let channels = prepared.inputs.into_iter().map(|c| c.values).collect();
    Ok((prepared.grid.padded, channels, background, first.clone(), given, prepared.notes))
}

fn open_network(
    model: &Model,
    options: &ProbeOptions,
    noise: Option<(usize, u64)>,
    control: &Control,
) -> Result<Arc<Network>, InferenceError> {
    if options.tap.is_none() && noise.is_none() {
        return session::open(model, "network", options.provider, control);
    }
    let edit = |bytes: &[u8]| -> Result<Vec<u8>, String> {
        let mut edited = match noise {
            Some((layers, seed)) => onnx_edit::randomized(bytes, layers, seed)?,
            None => bytes.to_vec(),
        };
        if let Some(tap) = &options.tap {
            let known = onnx_edit::node_outputs(bytes)?;
            if !known.contains(tap) {
                let near = known.iter().rev().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
                return Err(format!("no node computes `{tap}`; the last ones are {near}"));
            }
            if !onnx_edit::outputs(bytes)?.contains(tap) {
                edited = onnx_edit::with_output(&edited, tap);
            }
        }
        Ok(edited)
    };
    session::open_edited(model, "network", options.provider, edit, control)
}

/// Where the window starts on the grid (below 0 where it is larger than the grid) and its size.
fn window(grid: &Geometry, patch: [usize; 3], at: Option<PatientPoint>) -> ([isize; 3], [usize; 3]) {
    let dims = grid.size();
    let centre = at.map_or_else(|| DVec3::from_array(dims.map(|n| (n / 2) as f64)), |p| grid.to_voxel(p).0);
    let mut start = [0; 3];
    let mut size = dims;
    for a in 0..3 {
        let (n, p) = (dims[a] as isize, if patch[a] == 0 { dims[a] } else { patch[a] } as isize);
        size[a] = p as usize;
        // An image smaller than the window is padded on both sides, the smaller half first (MONAI).
        start[a] = if p > n { -((p - n) / 2) } else { (centre[a].round() as isize - p / 2).clamp(0, n - p) };
    }
    (start, size)
}

/// A window of a channel; 0 outside, as the inferer's constant padding.
fn cut(channel: &[f32], dims: [usize; 3], start: [isize; 3], size: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; size.iter().product()];
    let from = |a: usize, i: usize| usize::try_from(start[a] + i as isize).ok().filter(|v| *v < dims[a]);
    for k in 0..size[2] {
        for j in 0..size[1] {
            let (Some(z), Some(y)) = (from(2, k), from(1, j)) else { continue };
            let row = (k * size[1] + j) * size[0];
            for i in 0..size[0] {
                if let Some(x) = from(0, i) {
                    out[row + i] = channel[(z * dims[1] + y) * dims[0] + x];
                }
            }
        }
    }
    out
}

pub(super) fn field(layout: &Layout, tensor: &Tensor) -> Field {
    let flat = layout.without_channel();
    let layout = if tensor.shape.len() == layout.rank() {
        layout
    } else if tensor.shape.len() == flat.rank() {
        &flat
    } else {
        return Field { channels: tensor.data.iter().map(|x| vec![*x]).collect(), size: [1; 3] };
    };
    let along = |letter: char| layout.position(letter).and_then(|a| tensor.shape.get(a).copied());
    let size = ['X', 'Y', 'Z'].map(|letter| along(letter).unwrap_or(1));
    let count = along('C').unwrap_or(1);
    Field { channels: (0..count).map(|c| layout.unpack(&tensor.data, &tensor.shape, c, size)).collect(), size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lies_around_the_point_and_within_the_grid() {
        let grid = Geometry::unplaced([20, 10, 4]).unwrap();
        let at = |x, y, z| window(&grid, [8, 8, 8], Some(grid.to_patient(crate::volume::VoxelPoint::new(x, y, z))));
        assert_eq!(at(10.0, 5.0, 2.0), ([6, 1, -2], [8, 8, 8]));
        assert_eq!(at(0.0, 99.0, 2.0).0, [0, 2, -2]);
        assert_eq!(window(&grid, [8, 0, 4], None), ([6, 0, 0], [8, 10, 4]));
    }

    #[test]
    fn a_cut_keeps_positions_and_pads_with_zero() {
        let channel: Vec<f32> = (0_u8..24).map(f32::from).collect();
        assert_eq!(cut(&channel, [2, 3, 4], [0, 1, 2], [2, 1, 1]), [14.0, 15.0]);
        assert_eq!(cut(&channel, [2, 3, 4], [-1, 0, 0], [4, 1, 1]), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn tensors_become_fields_whatever_their_rank() {
        let layout = Layout::new("NCXYZ");
        let tensor = |shape: Vec<usize>| Tensor {
            name: "t".into(),
            data: (0..shape.iter().product()).map(|n: usize| n as f32).collect(),
            shape,
        };
        let f = field(&layout, &tensor(vec![1, 2, 2, 1, 3]));
        assert_eq!((f.size, f.channels.len()), ([2, 1, 3], 2));
        assert_eq!(f.channels[1], [6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
        assert_eq!(field(&layout, &tensor(vec![1, 2, 1, 3])).channels.len(), 1);
        let scalars = field(&layout, &tensor(vec![1, 5]));
        assert_eq!((scalars.size, scalars.channels.len()), ([1; 3], 5));
    }
}
