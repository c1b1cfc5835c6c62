//! What a reader looked at in a trial: slices, windows, magnification.

use std::collections::BTreeSet;

use crate::app::pane::Kind;
use crate::app::state::Model;

/// Windows that are kept: those at which the reader stopped, the last ones where there are more.
const MOST_WINDOWS: usize = 50;

/// Gathered frame by frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    /// Numbers of slices along the main view of the first image, from 0.
    slices: BTreeSet<usize>,
    /// How many there are.
    count: usize,
    /// Center and width.
    windows: Vec<[f64; 2]>,
    zoom_max: f64,
    layouts: BTreeSet<&'static str>,
}

impl Seen {
    /// Takes a frame in. `still`: no button is down, so that a window on its way is not taken for one.
    pub fn watch(&mut self, model: &Model, active_size: [u32; 2], still: bool) {
        self.layouts.insert(model.layout.name());
        for (index, pane) in model.panes.iter().enumerate() {
            let Some(stage) = model.stage_of(index) else { continue };
            if let Kind::Slice(_) = pane.kind {
                if index == 0 {
                    let number = pane.slice_number(stage);
                    self.count = self.count.max(number.count);
                    self.slices.insert(number.index);
                }
                self.zoom_max = self.zoom_max.max(pane.zoom(stage, active_size));
            }
            if let Some(window) = stage.window().filter(|_| still && index == 0) {
                let window = [window.center, window.width];
                if self.windows.last() != Some(&window) {
                    self.windows.push(window);
                    if self.windows.len() > MOST_WINDOWS {
                        self.windows.remove(0);
                    }
                }
            }
        }
    }

    /// The first and last slice that were on show, counted from 1; `None` where no slice was.
    pub fn slice_range(&self) -> Option<[usize; 2]> {
        Some([self.slices.first()? + 1, self.slices.last()? + 1])
    }

    /// The share of the slices that were on show, 0 to 1.
    pub fn slices_share(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.slices.len() as f64 / self.count as f64 }
    }

    /// Center and width of each window, in order.
    pub fn windows(&self) -> &[[f64; 2]] {
        &self.windows
    }

    /// The largest magnification, screen pixels a voxel.
    pub fn zoom_max(&self) -> f64 {
        self.zoom_max
    }

    /// The layouts that were used.
    pub fn layouts(&self) -> Vec<String> {
        self.layouts.iter().map(|l| (*l).to_owned()).collect()
    }
}
