//! A model as explanations need it: its inputs prepared once, then run on changed channels of a part of the image.

use std::sync::Arc;

use glam::{DMat4, DVec3};

use super::errors::InferenceError;
use super::layout::Layout;
use super::manifest::Model;
use super::manifest::schema::InfererKind;
use super::normalize::Applied;
use super::probe_led::{Box3, Led};
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
    /// Where the window of a model with windows is centred; `None`: on the grid's centre.
    pub at: Option<PatientPoint>,
    /// A tensor inside the graph that is read too.
    pub tap: Option<String>,
    /// See [`crate::inference::engine::RunOptions::registered`].
    pub registered: bool,
    /// Steps that a diffusion takes at most; `None`: the manifest's.
    pub steps: Option<usize>,
    /// Seed of the noise that a diffusion begins with, at every run the same.
    pub noise_seed: u64,
}

/// How the networks are called.
enum Route {
    /// One network, once.
    Direct(Arc<Network>),
    /// By the engine's own path.
    Led(Box<Led>),
}

/// A model on a part of its prepared inputs.
pub(crate) struct Probe {
    pub model: Model,
    route: Route,
    options: ProbeOptions,
    /// The grid of the part: the whole image, one window, or the slices around a place.
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
    applied: Vec<(String, Applied)>,
    /// Of a model that is led: only what touches this box is run.
    within: Option<Box3>,
}

/// A tensor that came out, by channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// `[nz, ny, nx]` each, x fastest; single numbers where the tensor has no spatial axes.
    pub channels: Vec<Vec<f32>>,
    /// `[nx, ny, nz]`.
    pub size: [usize; 3],
}

/// Whether a model's answer takes more than one call of one network.
fn is_led(model: &Model) -> bool {
    let m = &model.manifest;
    !matches!(m.inferer.kind, InfererKind::Whole | InfererKind::SlidingWindow)
        || !m.files.0.contains_key("network")
        || m.files.0.keys().any(|role| role.starts_with("network."))
        || !m.slice_axes().is_empty()
}

impl Probe {
    /// Prepares the inputs as a run does and opens the networks.
    ///
    /// # Errors
    /// As [`crate::inference::engine::run`]; models without inputs.
    pub fn open(
        model: &Model,
        inputs: &[(String, Arc<Volume>)],
        options: ProbeOptions,
        control: &Control,
    ) -> Result<Self, InferenceError> {
        let m = &model.manifest;
        let Inputs { padded, mut channels, background, first, given, notes, applied } =
            prepared(model, inputs, &options, control)?;
        control.stage(format!("Loading {}", model.title()), 0);
        let route = open_route(model, &applied, &options, None, control)?;
        let mut grid = padded;
        if m.inferer.kind != InfererKind::Whole
            && m.slice_axes().is_empty()
            && let Some(patch) = m.inferer.patch
        {
            let (start, size) = window(&grid, patch, options.at);
            channels = channels.iter().zip(&background).map(|(c, _)| cut(c, grid.size(), start, size)).collect();
            grid = moved(&grid, start, size)?;
        }
        let model = model.clone();
        let within = None;
        Ok(Self { model, route, options, grid, channels, background, first, given, notes, applied, within })
    }

    /// The same inputs on the networks with their last `layers` layers replaced by noise.
    ///
    /// # Errors
    /// When the graph cannot be edited or opened.
    pub fn with_noise(&self, layers: usize, seed: u64, control: &Control) -> Result<Self, InferenceError> {
        let route = open_route(&self.model, &self.applied, &self.options, Some((layers, seed)), control)?;
        Ok(self.on(route, self.options.clone()))
    }

    /// The same with other noise at the start of a diffusion; `None` for models that begin with none.
    ///
    /// # Errors
    /// When a network cannot be opened.
    pub fn with_noise_seed(&self, noise_seed: u64, control: &Control) -> Result<Option<Self>, InferenceError> {
        if self.model.manifest.diffusion.is_none() {
            return Ok(None);
        }
        let options = ProbeOptions { noise_seed, ..self.options.clone() };
        let route = open_route(&self.model, &self.applied, &options, None, control)?;
        Ok(Some(self.on(route, options)))
    }

    fn on(&self, route: Route, options: ProbeOptions) -> Self {
        Self {
            model: self.model.clone(),
            route,
            options,
            grid: self.grid.clone(),
            channels: self.channels.clone(),
            background: self.background.clone(),
            first: self.first.clone(),
            given: self.given.clone(),
            notes: self.notes.clone(),
            applied: self.applied.clone(),
            within: self.within,
        }
    }

    /// How many layers [`Probe::with_noise`] can replace.
    ///
    /// # Errors
    /// When the graph cannot be read.
    pub fn layers(&self) -> Result<usize, InferenceError> {
        let role = match &self.route {
            Route::Direct(_) => None,
            Route::Led(led) => led.deciding_role(),
        };
        let weights = super::manifest::Weights::read(&self.model, role.as_deref().unwrap_or("network"))?;
        let layers = onnx_edit::layers(&weights.bytes).map_err(|reason| InferenceError::Load {
            path: weights.path.clone(),
            reason,
            remedy: String::new(),
        })?;
        Ok(layers.len())
    }

    fn main(&self) -> Option<&Arc<Network>> {
        match &self.route {
            Route::Direct(network) => Some(network),
            Route::Led(led) => led.main().ok(),
        }
    }

    /// SHA-256 of the graph's file.
    pub fn sha256(&self) -> &str {
        self.main().map_or("", |n| &n.sha256)
    }

    /// The provider that really runs.
    pub fn provider(&self) -> Provider {
        self.main().map_or(self.options.provider, |n| n.provider)
    }

    /// Where it was asked to look.
    pub fn at(&self) -> Option<PatientPoint> {
        self.options.at
    }

    /// The tensor that is tapped.
    pub fn tap(&self) -> Option<&str> {
        self.options.tap.as_deref()
    }

    /// Whether the graph has an output of that name.
    pub fn has_output(&self, name: &str) -> bool {
        match &self.route {
            Route::Direct(network) => network.outputs.iter().any(|p| p.name == name),
            Route::Led(led) => led.has_output(name),
        }
    }

    /// The axes of the grid across which the model runs slice by slice; empty for others.
    pub fn slice_axes(&self) -> Vec<usize> {
        self.model.manifest.slice_axes()
    }

    /// Calls of networks that one run takes, by the last one, and the steps of a diffusion among them.
    pub fn calls(&self) -> (usize, usize) {
        match &self.route {
            Route::Direct(_) => (1, 1),
            Route::Led(led) => (led.calls().max(1), led.steps()),
        }
    }

    /// Leaves only what can change the answer in a box: of a model that runs slice by slice along one axis the slices of
    /// the box and their neighbours. From then on only windows that touch the box are run. Gives where the new grid
    /// starts on the old one.
    ///
    /// # Errors
    /// When the grid cannot be.
    pub fn narrow(&mut self, wanted: Box3) -> Result<[usize; 3], InferenceError> {
        let (axes, size) = (self.slice_axes(), self.grid.size());
        let [mut low, mut high] = [[0; 3], size];
        if let [axis] = axes.as_slice() {
            let reach = self.model.manifest.inferer.neighbors;
            low[*axis] = wanted[0][*axis].saturating_sub(reach);
            high[*axis] = (wanted[1][*axis] + reach).min(size[*axis]);
        }
        let (start, part) = (low.map(|n| n as isize), [0, 1, 2].map(|a| high[a] - low[a]));
        self.channels = self.channels.iter().map(|c| cut(c, size, start, part)).collect();
        self.grid = moved(&self.grid, start, part)?;
        self.within = Some(wanted.map(|corner| [0, 1, 2].map(|a| corner[a] - low[a])));
        Ok(low)
    }

    /// Runs the model on channels of the grid's size, in the manifest's order. Of a model that is led, tensors inside
    /// the network (the tap, its gradient) come slice by slice.
    ///
    /// # Errors
    /// When it cannot be run; [`InferenceError::Cancelled`].
    pub fn run(&self, channels: &[Vec<f32>], wanted: &[&str], control: &Control) -> Result<Vec<Field>, InferenceError> {
        let network = match &self.route {
            Route::Direct(network) => network,
            Route::Led(led) => {
                let named = |tensor: &str| self.model.manifest.outputs.iter().any(|o| o.tensor == tensor);
                let one = |tensor: &&str| {
                    if named(tensor) {
                        led.answer(&self.grid, channels, tensor, self.within, control)
                    } else {
                        led.tapped(&self.grid, channels, tensor, control)
                    }
                };
                return wanted.iter().map(one).collect();
            }
        };
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
        let found = network.run(&self.model.title(), &tensors, wanted, control)?;
        Ok(found.iter().map(|t| field(&layout, t)).collect())
    }
}

/// The part of a grid that starts at a voxel (also one before its first).
fn moved(grid: &Geometry, start: [isize; 3], size: [usize; 3]) -> Result<Geometry, InferenceError> {
    let shift = DVec3::from_array(start.map(|n| n as f64));
    Ok(Geometry::new(size, grid.voxel_to_patient() * DMat4::from_translation(shift))?)
}

fn open_route(
    model: &Model,
    applied: &[(String, Applied)],
    options: &ProbeOptions,
    noise: Option<(usize, u64)>,
    control: &Control,
) -> Result<Route, InferenceError> {
    if is_led(model) {
        let led = Led::open(model, applied.to_vec(), options, noise, control)?;
        return Ok(Route::Led(Box::new(led)));
    }
    open_network(model, "network", options, noise, control).map(Route::Direct)
}

/// Inputs on the padded grid.
struct Inputs {
    padded: Geometry,
    channels: Vec<Vec<f32>>,
    background: Vec<f32>,
    first: Arc<Volume>,
    given: Vec<(String, Arc<Volume>)>,
    notes: Vec<String>,
    applied: Vec<(String, Applied)>,
}

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
    let applied = prepared.inputs.iter().map(|c| (c.name.clone(), c.applied)).collect();
    let channels = prepared.inputs.into_iter().map(|c| c.values).collect();
    let (padded, notes) = (prepared.grid.padded, prepared.notes);
    Ok(Inputs { padded, channels, background, first: first.clone(), given, notes, applied })
}

/// The network of a role, with the tap as an output and its last layers replaced by noise where that is asked for.
pub(super) fn open_network(
    model: &Model,
    role: &str,
    options: &ProbeOptions,
    noise: Option<(usize, u64)>,
    control: &Control,
) -> Result<Arc<Network>, InferenceError> {
    if options.tap.is_none() && noise.is_none() {
        return session::open(model, role, options.provider, control);
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
    session::open_edited(model, role, options.provider, edit, control)
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
