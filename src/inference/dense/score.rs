//! How strange voxels are, in the network's own units.

use rayon::prelude::*;

use super::state::State;
use crate::inference::layout::{Box3, Order, copy};
use crate::inference::manifest::schema::AnomalyScore;

impl State<'_> {
    /// How strange the voxels of the finished planes are, in the network's own units.
    pub(super) fn score(
        &self,
        kind: AnomalyScore,
        [recon, latent, gradient]: [Option<usize>; 3],
        [lo, hi]: [usize; 2],
    ) -> Vec<f32> {
        let residual = |squared: bool| -> Vec<f32> {
            let Some(f) = recon else { return Vec::new() };
            let channels = self.slab.channels(f, hi);
            let inputs = self.work.applied.len().max(1);
            let mut out = vec![0.0; (hi - lo) * self.slab.area()];
            for (made, c) in channels.iter().zip(&self.fields[f].channels) {
                let given = self.input_planes(if *c < inputs { *c } else { 0 }, [lo, hi]);
                out.par_iter_mut().zip(*made).zip(given).for_each(|((o, x), y)| {
                    let d = (x - y).abs();
                    *o += if squared { d * d } else { d } / channels.len() as f32;
                });
            }
            out
        };
        let first = |f: Option<usize>| f.and_then(|f| self.slab.channels(f, hi).first().map(|c| c.to_vec()));
        match kind {
            AnomalyScore::Residual | AnomalyScore::Restoration => residual(false),
            AnomalyScore::Squared => residual(true),
            AnomalyScore::Kl => first(latent).unwrap_or_default(),
            AnomalyScore::LatentGradient => first(gradient).unwrap_or_default().into_iter().map(f32::abs).collect(),
            AnomalyScore::Combined => {
                let factor = first(gradient).or_else(|| first(latent)).unwrap_or_default();
                residual(false).into_iter().zip(factor).map(|(a, b)| a * b.abs()).collect()
            }
        }
    }

    /// An input's normalised values in the slab's order.
    fn input_planes(&self, input: usize, [lo, hi]: [usize; 2]) -> Vec<f32> {
        let (size, order) = (self.work.cutter.size(), self.slab.order());
        let mut window = size;
        window[order.0[0]] = hi - lo;
        let mut start = [0; 3];
        start[order.0[0]] = lo;
        let mut out = vec![0.0; window.iter().product()];
        let strides = |o: Order, size: [usize; 3]| o.strides(size).map(|s| s as isize);
        let from = Box3 { start, strides: strides(self.work.cutter.order(), size) };
        let to = Box3 { start: [0; 3], strides: strides(order, window) };
        copy(&mut out, to, self.work.cutter.channel(input), from, window, order);
        out
    }
}
