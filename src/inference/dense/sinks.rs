//! Where the finished planes of a field go.

use std::collections::BTreeMap;

use super::Work;
use crate::inference::fields::{Field, Role};
use crate::inference::result::UncertaintyKind;
use crate::inference::sink::{ByteSink, Decision, LabelSink, ValueSink};

/// All that a field leaves behind.
#[derive(Default)]
pub(super) struct Sinks {
    pub labels: Option<LabelSink>,
    pub values: Vec<ValueSink>,
    pub std: Vec<ValueSink>,
    pub maps: Vec<(UncertaintyKind, ValueSink)>,
    pub probabilities: Vec<(u16, usize, ByteSink)>,
    pub volumes_ml: Vec<BTreeMap<u16, f64>>,
    pub whole: Vec<(Vec<f64>, f64)>,
}

/// Class probabilities are kept up to so many bytes.
const PROBABILITY_BYTES: usize = 400_000_000;

impl Sinks {
    /// For results of so many voxels.
    pub fn new(field: &Field, all: &[Field], work: &Work<'_>, voxels: usize) -> Self {
        let repeats = work.passes.len();
        let values = |n: usize, real: [f64; 2]| (0..n).map(|_| ValueSink::new(voxels, real)).collect::<Vec<_>>();
        let mut sinks = Self { volumes_ml: vec![Default::default(); repeats], ..Self::default() };
        let several = repeats > 1;
        let mut classes = |decision: &Decision| {
            sinks.labels = Some(LabelSink::new(voxels, decision.clone()));
            if several {
                use UncertaintyKind as K;
                let kinds = [K::PredictiveEntropy, K::MutualInformation, K::ExpectedEntropy, K::Variance];
                sinks.maps = kinds.map(|k| (k, ValueSink::new(voxels, [1.0, 0.0]))).into();
            }
            let labelled: Vec<(u16, usize)> = match decision {
                Decision::Highest(labels) => {
                    labels.iter().enumerate().filter(|(_, l)| **l > 0).map(|(c, l)| (*l, c)).collect()
                }
                Decision::Regions(regions, _) => regions.iter().map(|r| (r.value, r.channel)).collect(),
                Decision::Nearest => Vec::new(),
            };
            if work.probabilities && labelled.len().saturating_mul(voxels) <= PROBABILITY_BYTES {
                sinks.probabilities = labelled.into_iter().map(|(l, c)| (l, c, ByteSink::new(voxels))).collect();
            }
        };
        match &field.role {
            Role::Classes { decision, .. } => classes(decision),
            Role::Votes { labels } => classes(&votes_decision(labels)),
            Role::Values { real } => {
                sinks.values = values(field.count(), *real);
                let predicted = all.iter().any(|f| matches!(f.role, Role::Variance { .. }));
                let own = first_values(all).and_then(|f| all.get(f)).is_some_and(|f| f.output == field.output);
                if several || predicted && own {
                    let n = if several { field.count() } else { 1 };
                    sinks.std = values(n, [real[0].abs(), 0.0]);
                }
            }
            Role::Score { .. } => {
                sinks.values = values(1, [1.0, 0.0]);
                if several {
                    sinks.std = values(1, [1.0, 0.0]);
                }
            }
            Role::Whole | Role::Features => sinks.whole = vec![(Vec::new(), 0.0); repeats],
            Role::Variance { .. } | Role::Divergence { .. } => {}
        }
        sinks
    }
}

/// The field of grey values that a predicted variance belongs to.
pub(super) fn first_values(fields: &[Field]) -> Option<usize> {
    fields.iter().position(|f| matches!(f.role, Role::Values { .. }))
}

/// How votes become a label.
pub(super) fn votes_decision(labels: &[u16]) -> Decision {
    Decision::Highest(std::iter::once(0).chain(labels.iter().copied()).collect())
}
