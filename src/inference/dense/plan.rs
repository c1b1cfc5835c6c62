//! Which windows there are, in which order they go through, and when planes are finished.

use super::Work;
use super::scale::Scale;
use crate::inference::cutter::{Cutter, Window};
use crate::inference::manifest::Manifest;
use crate::inference::manifest::schema::InfererKind;
use crate::inference::windows;

/// A slab of more bytes than this is laid along another axis if that makes it smaller.
const LARGE_SLAB_BYTES: usize = 700_000_000;

/// A batch of windows.
pub(super) struct Job {
    pub pass: usize,
    pub windows: Vec<Window>,
    /// The planes that are finished for this pass after the job.
    pub finished: Option<[usize; 2]>,
    /// Whether this was the last pass over them.
    pub last_pass: bool,
}

/// The size of a window in each plane.
pub(crate) fn window_sizes(m: &Manifest, cutter: &Cutter) -> Vec<[usize; 3]> {
    let size = cutter.size();
    let patch = m.inferer.patch.filter(|_| m.inferer.kind != InfererKind::Whole).unwrap_or([0; 3]);
    let window = |plane: usize| {
        [0, 1, 2].map(|a| match patch[a] {
            _ if cutter.across(plane) == Some(a) => 1,
            0 => size[a],
            n => n.min(size[a]),
        })
    };
    (0..cutter.planes()).map(window).collect()
}

/// Every window of the image, once.
pub(super) fn all_windows(work: &Work<'_>) -> Vec<Window> {
    let m = &work.model.manifest;
    let size = work.cutter.size();
    let mut all = Vec::new();
    for (plane, window) in window_sizes(m, work.cutter).into_iter().enumerate() {
        let along = |a: usize| windows::starts(size[a], window[a], m.inferer.overlap, m.inferer.starts);
        let [xs, ys, zs] = [along(0), along(1), along(2)];
        for x in &xs {
            for y in &ys {
                all.extend(zs.iter().map(|z| Window { start: [*x, *y, *z], size: window, plane }));
            }
        }
    }
    if let Some([low, high]) = work.within {
        all.retain(|w| (0..3).all(|a| w.start[a] < high[a] && w.start[a] + w.size[a] > low[a]));
    }
    if m.inferer.skip_background {
        let kept: Vec<Window> = all.iter().copied().filter(|w| has_foreground(work, w)).collect();
        // One window tells what the outputs look like.
        return if kept.is_empty() { all.into_iter().take(1).collect() } else { kept };
    }
    all
}

/// Whether any input has more than its lowest value in a window.
fn has_foreground(work: &Work<'_>, window: &Window) -> bool {
    let order = work.cutter.order();
    let strides = order.strides(work.cutter.size());
    let [slow, middle, fast] = order.0;
    work.applied.iter().enumerate().any(|(n, (_, applied))| {
        let background = applied.background as f32;
        let channel = work.cutter.channel(n);
        (0..window.size[slow]).any(|a| {
            (0..window.size[middle]).any(|b| {
                let at = (window.start[slow] + a) * strides[slow]
                    + (window.start[middle] + b) * strides[middle]
                    + window.start[fast] * strides[fast];
                channel[at..at + window.size[fast]].iter().any(|x| (x - background).abs() > 1e-6 && *x != 0.0)
            })
        })
    })
}

/// Along which axis the slab runs, and which planes are finished together.
pub(super) struct Plan {
    pub axis: usize,
    /// With several repeats; empty with one.
    blocks: Vec<[usize; 2]>,
    /// Of the padded grid.
    pub size: [usize; 3],
}

impl Plan {
    pub fn new(windows: &[Window], cutter: &Cutter, channels: usize, [repeats, block_bytes]: [usize; 2]) -> Self {
        let size = cutter.size();
        let voxels: usize = size.iter().product();
        let bytes = |axis: usize| rolling(windows, axis, size[axis]) * (voxels / size[axis]) * 4 * (channels + 1);
        let first = cutter.order().0[0];
        let smallest = cutter.order().0.into_iter().min_by_key(|a| bytes(*a)).unwrap_or(first);
        let axis = if bytes(first) <= LARGE_SLAB_BYTES { first } else { smallest };
        if repeats == 1 {
            return Self { axis, blocks: Vec::new(), size };
        }
        let a_plane = voxels / size[axis] * 4 * (3 * channels + 4);
        let longest = windows.iter().map(|w| w.size[axis]).max().unwrap_or(1);
        let count = size[axis].div_ceil((block_bytes / a_plane.max(1)).max(longest).min(size[axis]));
        let border = |n: usize| n * size[axis] / count;
        let blocks: Vec<[usize; 2]> = (0..count).map(|n| [border(n), border(n + 1)]).collect();
        Self { axis, blocks, size }
    }

    /// Planes that the slab must hold for the answers of these windows.
    pub fn planes(&self, windows: &[Window], scale: Scale) -> usize {
        if self.blocks.is_empty() {
            let scaled: Vec<Window> = windows.iter().map(|w| scale.window(w)).collect();
            return rolling(&scaled, self.axis, scale.at(self.axis, self.size[self.axis]));
        }
        let thick = |[lo, hi]: &[usize; 2]| scale.at(self.axis, *hi) - scale.at(self.axis, *lo);
        self.blocks.iter().map(thick).max().unwrap_or(1).max(1)
    }

    /// The batches in their order.
    pub fn jobs(&self, windows: &[Window], repeats: usize, batch: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut push = |of: &[Window], pass: usize, finished: [usize; 2], last_pass: bool| {
            let mut groups: Vec<Vec<Window>> = Vec::new();
            for plane in 0..=of.iter().map(|w| w.plane).max().unwrap_or(0) {
                let own: Vec<Window> = of.iter().copied().filter(|w| w.plane == plane).collect();
                groups.extend(own.chunks(batch).map(<[Window]>::to_vec));
            }
            if groups.is_empty() {
                groups.push(Vec::new());
            }
            let count = groups.len();
            for (n, windows) in groups.into_iter().enumerate() {
                let last = n + 1 == count;
                jobs.push(Job { pass, windows, finished: last.then_some(finished), last_pass });
            }
        };
        if repeats > 1 {
            for block in &self.blocks {
                let touching =
                    |w: &Window| w.start[self.axis] < block[1] && w.start[self.axis] + w.size[self.axis] > block[0];
                let own: Vec<Window> = windows.iter().copied().filter(touching).collect();
                for pass in 0..repeats {
                    push(&own, pass, *block, pass + 1 == repeats);
                }
            }
            return jobs;
        }
        let mut sorted = windows.to_vec();
        sorted.sort_by_key(|w| w.start[self.axis]);
        let mut lo = 0;
        let mut rest = sorted.as_slice();
        while let Some(start) = rest.first().map(|w| w.start[self.axis]) {
            let n = rest.iter().take_while(|w| w.start[self.axis] == start).count();
            let (group, further) = rest.split_at(n);
            let hi = further.first().map_or(self.size[self.axis], |w| w.start[self.axis]);
            push(group, 0, [lo, hi], true);
            (lo, rest) = (hi, further);
        }
        jobs
    }
}

/// Planes that a running slab must hold along an axis.
fn rolling(windows: &[Window], axis: usize, size: usize) -> usize {
    let mut starts: Vec<[usize; 2]> = windows.iter().map(|w| [w.start[axis], w.start[axis] + w.size[axis]]).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut most = 1;
    let (mut lo, mut end) = (0, 0);
    for (n, [_, stop]) in starts.iter().enumerate() {
        end = end.max(*stop);
        let next = starts.get(n + 1).map_or(size, |s| s[0]);
        // Planes before the first window, or between windows that do not touch, are let go with it.
        most = most.max(end.max(next) - lo);
        lo = next;
    }
    most.min(size)
}
