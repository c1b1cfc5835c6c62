//! RISE: the score under many random masks, each voxel credited with the masks that kept it (Petsiuk 2018).

use serde::{Deserialize, Serialize};

use super::ExplainError;
use super::random::{below, seeded, uniform};
use super::scored::{Saliency, Scored, masked, voxels};
use crate::jobs::Control;

/// Parameters of [`rise`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rise {
    /// Cells along each axis.
    pub cells: usize,
    /// How many masks are run.
    pub masks: usize,
    /// How likely a cell is kept.
    pub probability: f64,
    /// Seed of the masks.
    pub seed: u64,
}

impl Default for Rise {
    fn default() -> Self {
        Self { cells: 6, masks: 500, probability: 0.5, seed: 0 }
    }
}

/// `S = Σ (f(x ⊙ M) - mean f) M / (N p)`: above 0 where keeping the voxel raises the score.
///
/// The mean score is taken away first: without that, chance differences of how often a voxel was kept are multiplied
/// by the score's offset and drown the map (the order of voxels in expectation is the same). What a mask hides becomes
/// background. `convergence` of the parameters lists, at each quarter of the run, the correlation between the maps of
/// the odd and the even masks: near 1, more masks would change little.
///
/// # Errors
/// Parameters that cannot be, a model that cannot be run; [`ExplainError::Cancelled`].
pub fn rise(scored: &dyn Scored, p: &Rise, control: &Control) -> Result<Saliency, ExplainError> {
    let wrong = |name, value: String, expected| Err(ExplainError::Parameter { name, value, expected });
    if p.cells == 0 || p.masks < 2 {
        return wrong("cells and masks", format!("{} and {}", p.cells, p.masks), "at least one cell and two masks");
    }
    if !(p.probability > 0.0 && p.probability < 1.0) {
        return wrong("probability", p.probability.to_string(), "it lies between 0 and 1");
    }
    let size = scored.size();
    let mut halves = [Half::new(voxels(size)), Half::new(voxels(size))];
    let mut rng = seeded(p.seed, 1);
    let mut convergence = Vec::new();
    control.stage("Masking at random", p.masks as u64);
    for n in 0..p.masks {
        control.checkpoint()?;
        let mask = Mask::draw(size, p, &mut rng).values(size);
        let score = scored.score(&masked(scored, &mask))?;
        halves[n % 2].add(score, &mask);
        control.advance(1);
        if (n + 1) * 4 / p.masks > n * 4 / p.masks {
            let [even, odd] = [0, 1].map(|h| halves[h].map(p.probability));
            convergence.push((n + 1, correlation(&even, &odd)));
        }
    }
    let [mut all, odd] = halves;
    all.merge(&odd);
    let map = all.map(p.probability).into_iter().map(|x| x as f32).collect();
    let reached = convergence.last().map_or(0.0, |(_, r)| *r);
    let notes = if reached < 0.8 {
        vec![format!("RISE has not converged: its two halves correlate by {reached:.2} only; more masks would help")]
    } else {
        Vec::new()
    };
    let parameters = serde_json::json!({ "rise": p, "convergence": convergence });
    Ok(Saliency { map, passes: p.masks, parameters, notes })
}

/// Sums over some of the masks; the score's mean is only known at the end.
struct Half {
    n: f64,
    scores: f64,
    masks: Vec<f64>,
    products: Vec<f64>,
}

impl Half {
    fn new(voxels: usize) -> Self {
        Self { n: 0.0, scores: 0.0, masks: vec![0.0; voxels], products: vec![0.0; voxels] }
    }

    fn add(&mut self, score: f64, mask: &[f32]) {
        self.n += 1.0;
        self.scores += score;
        for ((m, p), x) in self.masks.iter_mut().zip(&mut self.products).zip(mask) {
            *m += f64::from(*x);
            *p += score * f64::from(*x);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.scores += other.scores;
        self.masks.iter_mut().zip(&other.masks).for_each(|(a, b)| *a += b);
        self.products.iter_mut().zip(&other.products).for_each(|(a, b)| *a += b);
    }

    fn map(&self, probability: f64) -> Vec<f64> {
        let n = self.n.max(1.0);
        let mean = self.scores / n;
        self.products.iter().zip(&self.masks).map(|(p, m)| (p - mean * m) / (n * probability)).collect()
    }
}

/// Random cells, shifted by less than one.
struct Mask {
    cells: Vec<f32>,
    count: [usize; 3],
    length: [usize; 3],
    shift: [usize; 3],
}

impl Mask {
    fn draw(size: [usize; 3], p: &Rise, rng: &mut rand_chacha::ChaCha8Rng) -> Self {
        let length = size.map(|n| n.div_ceil(p.cells).max(1));
        let count = [0, 1, 2].map(|a| size[a].div_ceil(length[a]) + 1);
        let cells = (0..voxels(count)).map(|_| f32::from(u8::from(uniform(rng) < p.probability))).collect();
        let shift = length.map(|l| below(rng, l));
        Self { cells, count, length, shift }
    }

    /// Linear between the centres of the cells, `[nz, ny, nx]`.
    fn values(&self, size: [usize; 3]) -> Vec<f32> {
        let axes = [0, 1, 2].map(|a| {
            let last = self.count[a] - 1;
            (0..size[a])
                .map(|v| {
                    let at = ((v + self.shift[a]) as f32 + 0.5) / self.length[a] as f32 - 0.5;
                    let at = at.clamp(0.0, last as f32);
                    let low = (at as usize).min(last);
                    (low, (low + 1).min(last), at - low as f32)
                })
                .collect::<Vec<_>>()
        });
        let [cx, cy, _] = self.count;
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let mut out = Vec::with_capacity(voxels(size));
        for (z0, z1, tz) in &axes[2] {
            for (y0, y1, ty) in &axes[1] {
                let at = |x: usize, y: usize, z: usize| self.cells[(z * cy + y) * cx + x];
                let column = |x: usize| {
                    mix(mix(at(x, *y0, *z0), at(x, *y1, *z0), *ty), mix(at(x, *y0, *z1), at(x, *y1, *z1), *ty), *tz)
                };
                let columns: Vec<f32> = (0..cx).map(column).collect();
                out.extend(axes[0].iter().map(|(x0, x1, tx)| mix(columns[*x0], columns[*x1], *tx)));
            }
        }
        out
    }
}

/// Pearson's; 0 where one of the two is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len()).max(1) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let (mut sab, mut saa, mut sbb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        sab += (x - ma) * (y - mb);
        saa += (x - ma).powi(2);
        sbb += (y - mb).powi(2);
    }
    let norm = (saa * sbb).sqrt();
    if norm > 0.0 { sab / norm } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::scored::tests::Linear;
    use super::*;

    /// With a cell a voxel the masks are independent, so the expectation is `w (x - b) (1 - p)`.
    #[test]
    fn a_linear_scores_weights_are_found() {
        let mut score = Linear::new([4, 4, 4], |n| (n % 7) as f32 - 3.0, |n| 1.0 + (n % 2) as f32);
        score.background[0] = 0.25;
        let p = Rise { cells: 4, masks: 20_000, probability: 0.5, seed: 3 };
        let found = rise(&score, &p, &Control::new()).unwrap();
        let own = score.contributions();
        let worst = found.map.iter().zip(&own).map(|(a, b)| (a / 0.5 - b).abs()).fold(0.0, f32::max);
        // Standard error of a voxel: about the spread of the other 63, over sqrt(20000).
        assert!(worst < 0.6, "{worst}");
        let curve: Vec<(usize, f64)> = serde_json::from_value(found.parameters["convergence"].clone()).unwrap();
        assert_eq!(curve.len(), 4);
        assert!(curve[3].1 > 0.95 && curve[3].1 > curve[0].1, "{curve:?}");
        assert!(found.notes.is_empty());
    }

    #[test]
    fn large_cells_still_find_the_place_and_few_masks_say_so() {
        let inside = |n: usize| n % 16 < 6 && n / 16 % 16 < 6 && n / 256 < 6;
        let score = Linear::new([16; 3], |n| f32::from(u8::from(inside(n))), |_| 1.0);
        let found = rise(&score, &Rise { masks: 300, ..Rise::default() }, &Control::new()).unwrap();
        let best = (0..4096).max_by(|a, b| found.map[*a].total_cmp(&found.map[*b])).unwrap();
        assert!(inside(best));
        let few = rise(&score, &Rise { masks: 4, ..Rise::default() }, &Control::new()).unwrap();
        assert_eq!(few.notes.len(), 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_map() {
        let score = Linear::new([5, 6, 7], |n| n as f32, |_| 1.0);
        let run = |seed| rise(&score, &Rise { masks: 10, seed, ..Rise::default() }, &Control::new()).unwrap().map;
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn masks_are_even_over_the_image() {
        let p = Rise::default();
        let mut rng = seeded(1, 1);
        let size = [20, 1, 13];
        let mut sum = vec![0.0; voxels(size)];
        for _ in 0..2000 {
            let mask = Mask::draw(size, &p, &mut rng).values(size);
            assert!(mask.iter().all(|m| (0.0..=1.0).contains(m)));
            sum.iter_mut().zip(&mask).for_each(|(s, m)| *s += m / 2000.0);
        }
        assert!(sum.iter().all(|m| (m - 0.5).abs() < 0.06), "{sum:?}");
    }
}
