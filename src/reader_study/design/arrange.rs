//! The order of the trials of one list.

use std::collections::{BTreeMap, BTreeSet};

use super::draws::Draws;
use super::runs::{label_sequence, least_max_run, quarter};

/// A trial as far as its place in the list is concerned.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// What must not stand too often in a row: truth, side or modality.
    pub(super) label: usize,
    /// What is mixed evenly among trials of one label: modality or pair of modalities.
    pub(super) stratum: usize,
    /// Whether it is a catch trial; they are spread over the list.
    pub(super) catch: bool,
    /// The cases that it shows.
    pub(super) cases: Vec<usize>,
}

/// Why no order was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoOrder {
    /// No order keeps `max_run`.
    Runs {
        /// How many trials share the most frequent label.
        most: usize,
        /// The least limit that some order keeps.
        needed: usize,
    },
    /// The repeats do not fit half a list away from their first showings.
    Apart,
}

/// So many sequences of labels are tried before repeats count as impossible.
const TRIES: usize = 200;

/// The least distance of a repeat from its first showing in a list of `total` trials: half of it.
pub(super) fn half(total: usize) -> usize {
    total.div_ceil(2)
}

/// An order of `pieces`, given by their places in the slice. Of each pair `(first, second)` in `apart`, the second
/// comes at least [`half`] a list after the first.
pub(super) fn arrange(
    pieces: &[Piece],
    apart: &[(usize, usize)],
    max_run: Option<usize>,
    draws: &mut Draws,
) -> Result<Vec<usize>, NoOrder> {
    let mut counts = vec![0; pieces.iter().map(|piece| piece.label + 1).max().unwrap_or(0)];
    for piece in pieces {
        if let Some(count) = counts.get_mut(piece.label) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let no_order = NoOrder::Runs { most, needed: least_max_run(&counts) };
    for attempt in 0..TRIES {
        let labels = label_sequence(&counts, max_run, draws).ok_or(no_order)?;
        let mut slots = Slots::new(pieces, &labels);
        slots.place_catch(draws);
        // At first at random; where that fails, the repeats as late as possible, which leaves most places for the rest.
        if slots.place_apart(apart, attempt % 2 == 1, draws) {
            slots.place_rest(draws);
            let mut order: Vec<usize> = slots.taken.into_iter().flatten().collect();
            separate_cases(pieces, apart, &mut order, draws);
            return Ok(order);
        }
    }
    Err(NoOrder::Apart)
}

struct Slots<'a> {
    pieces: &'a [Piece],
    /// The piece in each place of the list.
    taken: Vec<Option<usize>>,
    /// The free places of each label in ascending order.
    free: BTreeMap<usize, Vec<usize>>,
    placed: BTreeSet<usize>,
}

impl<'a> Slots<'a> {
    fn new(pieces: &'a [Piece], labels: &[usize]) -> Self {
        let mut free: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, label) in labels.iter().enumerate() {
            free.entry(*label).or_default().push(place);
        }
        Self { pieces, taken: vec![None; labels.len()], free, placed: BTreeSet::new() }
    }

    fn free(&self, piece: usize) -> &[usize] {
        let label = self.pieces.get(piece).map(|piece| piece.label);
        label.and_then(|label| self.free.get(&label)).map_or(&[], Vec::as_slice)
    }

    fn put(&mut self, piece: usize, place: usize) {
        if let Some(slot) = self.taken.get_mut(place) {
            *slot = Some(piece);
        }
        self.placed.insert(piece);
        for places in self.free.values_mut() {
            places.retain(|free| *free != place);
        }
    }

    /// One catch trial in each of as many equal segments of the list as there are catch trials.
    fn place_catch(&mut self, draws: &mut Draws) {
        let mut catch: Vec<usize> =
            self.pieces.iter().enumerate().filter(|(_, piece)| piece.catch).map(|(i, _)| i).collect();
        draws.shuffle(&mut catch);
        let (total, segments) = (self.taken.len(), catch.len());
        for (i, piece) in catch.into_iter().enumerate() {
            let segment = i * total / segments..(i + 1) * total / segments;
            let mut inside: Vec<usize> =
                self.free(piece).iter().copied().filter(|place| segment.contains(place)).collect();
            let middle = segment.start.midpoint(segment.end);
            let nearest = self.free(piece).iter().copied().min_by_key(|place| place.abs_diff(middle));
            if let Some(place) = draws.take(&mut inside).or(nearest) {
                self.put(piece, place);
            }
        }
    }

    /// Whether all pairs found places that are far enough apart.
    fn place_apart(&mut self, apart: &[(usize, usize)], late: bool, draws: &mut Draws) -> bool {
        let far = half(self.taken.len());
        let distinct: BTreeSet<usize> = apart.iter().map(|(_, second)| *second).collect();
        let mut seconds: Vec<usize> = distinct.into_iter().collect();
        draws.shuffle(&mut seconds);
        let mut placed = Vec::new();
        for second in seconds {
            let mut possible: Vec<usize> = self.free(second).iter().copied().filter(|place| *place >= far).collect();
            let place = if late { possible.pop() } else { draws.take(&mut possible) };
            let Some(place) = place else { return false };
            self.put(second, place);
            placed.push((place, second));
        }
        // From the tightest on: what is free for one is also free for those that come later.
        placed.sort_unstable();
        for (place, second) in placed {
            for (first, _) in apart.iter().filter(|(_, other)| *other == second) {
                if self.placed.contains(first) {
                    // A catch trial, or the first showing of an earlier repeat.
                    let stands = self.taken.iter().position(|piece| piece == &Some(*first));
                    if stands.is_some_and(|stands| stands + far <= place) {
                        continue;
                    }
                    return false;
                }
                let mut possible: Vec<usize> =
                    self.free(*first).iter().copied().filter(|free| free + far <= place).collect();
                let Some(free) = draws.take(&mut possible) else { return false };
                self.put(*first, free);
            }
        }
        true
    }

    /// Everything else: of each label, each quarter gets as even a share of each stratum as it has places.
    fn place_rest(&mut self, draws: &mut Draws) {
        let total = self.taken.len();
        for (label, free) in std::mem::take(&mut self.free) {
            let mut strata: BTreeMap<usize, Stratum> = BTreeMap::new();
            for (i, piece) in self.pieces.iter().enumerate().filter(|(_, piece)| piece.label == label) {
                let stratum = strata.entry(piece.stratum).or_default();
                stratum.all += 1;
                if !self.placed.contains(&i) {
                    stratum.waiting.push(i);
                }
            }
            for at in 0..4 {
                for piece in self.pieces_in(at, label) {
                    strata.entry(piece.stratum).or_default().placed += 1;
                }
                let mut places: Vec<usize> = free.iter().copied().filter(|p| quarter(*p, total) == at).collect();
                draws.shuffle(&mut places);
                for place in places {
                    let lag = |stratum: &Stratum| (at as i64 + 1) * stratum.all - 4 * stratum.placed;
                    let waiting = || strata.iter().filter(|(_, stratum)| !stratum.waiting.is_empty());
                    let Some(most) = waiting().map(|(_, stratum)| lag(stratum)).max() else { continue };
                    let mut lagging: Vec<usize> =
                        waiting().filter(|(_, stratum)| lag(stratum) == most).map(|(key, _)| *key).collect();
                    let next = draws.take(&mut lagging).and_then(|key| strata.get_mut(&key));
                    if let Some(stratum) = next
                        && let Some(piece) = draws.take(&mut stratum.waiting)
                    {
                        stratum.placed += 1;
                        self.put(piece, place);
                    }
                }
            }
        }
    }

    /// What stands already in a quarter of the list.
    fn pieces_in(&self, at: usize, label: usize) -> impl Iterator<Item = &'a Piece> {
        let total = self.taken.len();
        let here = self.taken.iter().enumerate().filter(move |(place, _)| quarter(*place, total) == at);
        let pieces = self.pieces;
        here.filter_map(|(_, piece)| pieces.get((*piece)?)).filter(move |piece| piece.label == label)
    }
}

/// How far the trials of one stratum are placed.
#[derive(Default)]
struct Stratum {
    all: i64,
    placed: i64,
    waiting: Vec<usize>,
}

/// Moves trials of one case away from each other where a list shows a case several times (pairs of more than two
/// modalities), by swaps of trials of one label and stratum. As far as chance finds such swaps; nothing depends on it.
fn separate_cases(pieces: &[Piece], apart: &[(usize, usize)], order: &mut [usize], draws: &mut Draws) {
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    for case in pieces.iter().flat_map(|piece| &piece.cases) {
        *times.entry(*case).or_default() += 1;
    }
    let most = times.values().copied().max().unwrap_or(0);
    let fixed: BTreeSet<usize> = apart.iter().flat_map(|(first, second)| [*first, *second]).collect();
    let free = |i: usize| pieces.get(i).filter(|piece| !piece.catch && !fixed.contains(&i));
    let gap = order.len() / (2 * most.max(1));
    if most < 2 || gap < 1 {
        return;
    }
    // How many trials nearer than the gap share a case with the one in this place.
    let crowding = |order: &[usize], place: usize| -> usize {
        let Some(piece) = order.get(place).and_then(|i| pieces.get(*i)) else { return 0 };
        let near = order.iter().enumerate().skip(place.saturating_sub(gap - 1)).take(2 * gap - 1);
        let others = near.filter(|(other, _)| *other != place && other.abs_diff(place) < gap);
        let others = others.filter_map(|(_, i)| pieces.get(*i));
        others.filter(|other| other.cases.iter().any(|case| piece.cases.contains(case))).count()
    };
    for _ in 0..20 {
        let crowded: Vec<usize> = (0..order.len()).filter(|place| crowding(order, *place) > 0).collect();
        if crowded.is_empty() {
            return;
        }
        for place in crowded {
            let Some(piece) = order.get(place).and_then(|i| free(*i)) else { continue };
            let mut alike: Vec<usize> = (0..order.len())
                .filter(|other| {
                    let other = order.get(*other).and_then(|i| free(*i));
                    other.is_some_and(|other| (other.label, other.stratum) == (piece.label, piece.stratum))
                })
                .collect();
            for _ in 0..10 {
                let Some(other) = draws.take(&mut alike) else { break };
                let before = crowding(order, place) + crowding(order, other);
                order.swap(place, other);
                if crowding(order, place) + crowding(order, other) < before {
                    break;
                }
                order.swap(place, other);
            }
        }
    }
}
