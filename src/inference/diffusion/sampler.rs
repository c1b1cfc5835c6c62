//! One step from a timestep to the next one of the list: DDPM, DDIM and rectified flow.
//!
//! With ᾱ the share of the signal (`schedule`), every sampler here is linear in the image, the network's output, the
//! predicted clean image and noise, so a step is a handful of factors that are worked out once:
//! `x' = a clip(x0) + b x + c output + σ z`, with `x0 = d x + e output`.
//!
//! - DDPM (Ho 2020, arXiv 2006.11239, formula 7), respaced for fewer steps than the training's (Nichol 2021, arXiv
//!   2102.09672, formula 19): `α = ᾱ_t / ᾱ_next`, `β = 1 - α`; the variance is the smaller one, no noise at the end
//! - DDIM (Song 2020, arXiv 2010.02502, formulas 12 and 16)
//! - Rectified flow (Liu 2022, arXiv 2209.03003), velocity `v = x0 - z` as MONAI's `RFlowScheduler` has it
//!
//! A step goes to the next timestep of the list, and from the last one to ᾱ = 1 (MANIFEST.md).

use rayon::prelude::*;

use super::{schedule, timesteps};
use crate::inference::manifest::schema::{Diffusion, Prediction, Scheduler};

/// Numbers that no diffusion can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("diffusion.{key}: {problem}")]
pub struct DiffusionError {
    /// The manifest's key.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
}

/// MONAI's least variance of a step.
const LEAST_VARIANCE: f64 = 1e-20;

/// Values that one thread works on at a time.
const CHUNK: usize = 1 << 14;

/// The steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    timesteps: Vec<f64>,
    steps: Vec<Step>,
}

/// The factors of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    /// `x0 = clean[0] x + clean[1] output`.
    clean: [f64; 2],
    clip: bool,
    /// What the next image takes of the (clipped) clean one, of the present one, of the output, of new noise.
    of_clean: f64,
    of_image: f64,
    of_output: f64,
    of_noise: f64,
    /// What an image noised to this timestep takes of the clean one and of noise.
    forward: [f64; 2],
}

impl Sampler {
    /// Works out every step of a manifest's `[diffusion]`.
    ///
    /// # Errors
    /// Numbers that cannot be; the key is named.
    pub fn new(d: &Diffusion) -> Result<Self, DiffusionError> {
        check(d)?;
        if d.scheduler == Scheduler::Rflow {
            let timesteps = timesteps::visited_by_flow(d.steps, d.train_steps);
            let time = |k: usize| timesteps.get(k).map_or(0.0, |t| t / d.train_steps as f64);
            let steps = (0..timesteps.len()).map(|k| flow(time(k), time(k + 1))).collect();
            return Ok(Self { timesteps, steps });
        }
        let left = schedule::cumulated_alphas(&schedule::betas(d.schedule, d.beta, d.train_steps));
        let visited = timesteps::visited(d.timestep_spacing, d.steps, d.train_steps);
        let signal = |k: usize| visited.get(k).and_then(|t| left.get(*t)).copied().unwrap_or(1.0);
        let steps = (0..visited.len())
            .map(|k| match d.scheduler {
                Scheduler::Ddpm => ancestral(d, signal(k), signal(k + 1), k + 1 == visited.len()),
                _ => implicit(d, signal(k), signal(k + 1)),
            })
            .collect();
        Ok(Self { timesteps: visited.into_iter().map(|t| t as f64).collect(), steps })
    }

    /// What is fed to the network at each step, from the noisiest on.
    #[must_use]
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// Where a run begins that does not start from pure noise: the first step whose timestep is not beyond `timestep`.
    #[must_use]
    pub fn first_at(&self, timestep: f64) -> usize {
        self.timesteps.iter().position(|t| *t <= timestep).unwrap_or(self.timesteps.len().saturating_sub(1))
    }

    /// Whether step `k` draws noise.
    #[must_use]
    pub fn draws_noise(&self, k: usize) -> bool {
        self.steps.get(k).is_some_and(|s| s.of_noise > 0.0)
    }

    /// Takes step `k` in place: `x` at `timesteps()[k]` becomes the image at the next one. `noise` gives standard normal
    /// numbers, one a value in the order of `x`, and is called only where the step draws noise. A step beyond the last
    /// one changes nothing.
    pub fn step(&self, k: usize, model_output: &[f32], x: &mut [f32], mut noise: impl FnMut() -> f32) {
        debug_assert_eq!(model_output.len(), x.len());
        let Some(step) = self.steps.get(k) else { return };
        if step.of_noise > 0.0 {
            for (x, output) in x.iter_mut().zip(model_output) {
                *x = (step.mean(*x, *output) + step.of_noise * f64::from(noise())) as f32;
            }
        } else {
            x.par_chunks_mut(CHUNK).zip(model_output.par_chunks(CHUNK)).for_each(|(x, output)| {
                for (x, output) in x.iter_mut().zip(output) {
                    *x = step.mean(*x, *output) as f32;
                }
            });
        }
    }

    /// The clean image that the network's output at step `k` stands for, clipped where the manifest says so.
    #[must_use]
    pub fn clean(&self, k: usize, model_output: &[f32], x: &[f32]) -> Vec<f32> {
        let Some(step) = self.steps.get(k) else { return x.to_vec() };
        x.par_iter().zip(model_output).map(|(x, output)| step.clean(*x, *output) as f32).collect()
    }

    /// The way forward, `q(x_t | x0)`: a clean image noised to `timesteps()[k]`; beyond the last step it stays clean.
    #[must_use]
    pub fn add_noise(&self, x0: &[f32], noise: &[f32], k: usize) -> Vec<f32> {
        let [signal, spread] = self.steps.get(k).map_or([1.0, 0.0], |s| s.forward);
        x0.par_iter().zip(noise).map(|(x, z)| (signal * f64::from(*x) + spread * f64::from(*z)) as f32).collect()
    }
}

impl Step {
    fn clean(&self, x: f32, output: f32) -> f64 {
        let clean = self.clean[0] * f64::from(x) + self.clean[1] * f64::from(output);
        if self.clip { clean.clamp(-1.0, 1.0) } else { clean }
    }

    fn mean(&self, x: f32, output: f32) -> f64 {
        self.of_clean * self.clean(x, output) + self.of_image * f64::from(x) + self.of_output * f64::from(output)
    }
}

fn check(d: &Diffusion) -> Result<(), DiffusionError> {
    let bad = |key, problem: String| Err(DiffusionError { key, problem });
    if d.train_steps == 0 || d.train_steps > 1_000_000 {
        return bad("train_steps", format!("must be from 1 to 1000000, not {}", d.train_steps));
    }
    if d.steps == 0 || d.steps > d.train_steps {
        return bad("steps", format!("must be from 1 to train_steps ({}), not {}", d.train_steps, d.steps));
    }
    let [first, last] = d.beta;
    if !(first > 0.0 && first <= last && last < 1.0) {
        return bad("beta", format!("must rise between 0 and 1, not {:?}", d.beta));
    }
    if !(0.0..=1.0).contains(&d.eta) {
        return bad("eta", format!("must be from 0 to 1, not {}", d.eta));
    }
    if d.scheduler == Scheduler::Rflow && d.prediction == Prediction::Sample {
        return bad("prediction", "a rectified flow predicts the velocity, not the clean image".into());
    }
    Ok(())
}

/// `[x0 of x, x0 of output]` and `[epsilon of x, epsilon of output]` for the signal's share ᾱ.
fn predicted(prediction: Prediction, signal: f64) -> ([f64; 2], [f64; 2]) {
    let (s, n) = (signal.sqrt(), (1.0 - signal).sqrt());
    match prediction {
        Prediction::Epsilon => ([1.0 / s, -n / s], [0.0, 1.0]),
        Prediction::Sample => ([0.0, 1.0], [1.0 / n, -s / n]),
        Prediction::V => ([s, -n], [n, s]),
    }
}

fn ancestral(d: &Diffusion, signal: f64, next: f64, last: bool) -> Step {
    let (clean, _) = predicted(d.prediction, signal);
    let alpha = signal / next;
    let beta = 1.0 - alpha;
    let variance = ((1.0 - next) / (1.0 - signal) * beta).max(LEAST_VARIANCE);
    Step {
        clean,
        clip: d.clip_sample,
        of_clean: next.sqrt() * beta / (1.0 - signal),
        of_image: alpha.sqrt() * (1.0 - next) / (1.0 - signal),
        of_output: 0.0,
        of_noise: if last { 0.0 } else { variance.sqrt() },
        forward: [signal.sqrt(), (1.0 - signal).sqrt()],
    }
}

fn implicit(d: &Diffusion, signal: f64, next: f64) -> Step {
    let (clean, epsilon) = predicted(d.prediction, signal);
    let sigma = d.eta * ((1.0 - next) / (1.0 - signal) * (1.0 - signal / next)).sqrt();
    // The clipping of x0 leaves epsilon as it is, as in MONAI.
    let direction = (1.0 - next - sigma * sigma).max(0.0).sqrt();
    Step {
        clean,
        clip: d.clip_sample,
        of_clean: next.sqrt(),
        of_image: direction * epsilon[0],
        of_output: direction * epsilon[1],
        of_noise: sigma,
        forward: [signal.sqrt(), (1.0 - signal).sqrt()],
    }
}

/// Times from 0 (clean) to 1 (noise).
fn flow(time: f64, next: f64) -> Step {
    Step {
        clean: [1.0, time],
        clip: false,
        of_clean: 0.0,
        of_image: 1.0,
        of_output: time - next,
        of_noise: 0.0,
        forward: [1.0 - time, time],
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::{Noise, Purpose};
    use super::*;
    use crate::inference::manifest::schema::Schedule;

    fn diffusion(scheduler: Scheduler, steps: usize) -> Diffusion {
        let table = "scheduler = \"ddim\"\nsteps = 1\nsample_tensor = \"x\"\ntimestep_tensor = \"t\"";
        Diffusion { scheduler, steps, clip_sample: false, ..toml::from_str(table).unwrap() }
    }

    fn parse<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> T {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// Expected: MONAI's `DDPMScheduler`, `DDIMScheduler` and `RFlowScheduler` in double precision
    /// (`tests/expected/make_schedulers.py`).
    #[test]
    fn single_steps_equal_monais() {
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/expected/schedulers.json")).unwrap();
        let [x, output, z]: [Vec<f32>; 3] = ["x", "output", "noise"].map(|key| parse(&expected[key]));
        let cases = expected["steps"].as_array().unwrap();
        assert!(cases.len() > 200);
        for case in cases {
            let d = Diffusion {
                schedule: parse(&case["schedule"]),
                beta: parse(&case["beta"]),
                prediction: parse(&case["prediction"]),
                clip_sample: parse(&case["clip_sample"]),
                eta: parse(&case["eta"]),
                ..diffusion(parse(&case["scheduler"]), parse(&case["steps"]))
            };
            let sampler = Sampler::new(&d).unwrap();
            let t: f64 = parse(&case["t"]);
            let k = sampler.timesteps().iter().position(|s| (s - t).abs() < 1e-9).unwrap();
            let mut found = x.clone();
            let mut noise = z.iter();
            sampler.step(k, &output, &mut found, || *noise.next().unwrap());
            let results = [
                ("previous", found),
                ("clean", sampler.clean(k, &output, &x)),
                ("noised", sampler.add_noise(&x, &z, k)),
            ];
            for (what, found) in results {
                let expected: Vec<f64> = parse(&case[what]);
                for (a, b) in found.iter().zip(&expected) {
                    assert!((f64::from(*a) - b).abs() <= 2e-6 * b.abs().max(1.0), "{what}: {a} {b} {case}");
                }
            }
        }
    }

    const MEAN: f64 = 0.4;
    const SPREAD: f64 = 0.25;
    const VOXELS: usize = 40_000;

    /// The best possible network for data that are normal with `MEAN` and `SPREAD`: what it predicts from `x`, where
    /// `x = a x0 + b z`.
    fn denoiser(a: f64, b: f64, x: f64) -> [f64; 2] {
        let excess = (x - a * MEAN) / (a * a * SPREAD * SPREAD + b * b);
        [MEAN + a * SPREAD * SPREAD * excess, b * excess]
    }

    /// Mean and standard deviation of samples that start from noise.
    fn sampled(d: &Diffusion) -> [f64; 2] {
        let sampler = Sampler::new(d).unwrap();
        let mut x = Noise::new(11, 0, Purpose::Start).take(VOXELS);
        let mut noise = Noise::new(11, 0, Purpose::Steps);
        for k in 0..sampler.timesteps().len() {
            let [a, b] = sampler.steps[k].forward;
            let output: Vec<f32> = x
                .iter()
                .map(|x| {
                    let [clean, z] = denoiser(a, b, f64::from(*x));
                    let out = match (d.scheduler, d.prediction) {
                        (Scheduler::Rflow, _) => clean - z,
                        (_, Prediction::Epsilon) => z,
                        (_, Prediction::Sample) => clean,
                        (_, Prediction::V) => a * z - b * clean,
                    };
                    out as f32
                })
                .collect();
            sampler.step(k, &output, &mut x, || noise.draw());
        }
        let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / x.len() as f64;
        [mean, variance.sqrt()]
    }

    /// Expected: `tests/expected/make_schedulers.py` follows mean and spread through MONAI's steps (through Bayes' rule for
    /// the respaced ones) exactly; so they differ by sampling error alone, and from the data's by what coarse steps lose.
    #[test]
    fn samples_of_the_perfect_denoiser_have_the_datas_mean_and_spread() {
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/expected/schedulers.json")).unwrap();
        assert_eq!(parse::<[f64; 2]>(&expected["data"]), [MEAN, SPREAD]);
        for case in expected["chains"].as_array().unwrap() {
            let scheduler = parse(&case["scheduler"]);
            for prediction in [Prediction::Epsilon, Prediction::V, Prediction::Sample] {
                if scheduler == Scheduler::Rflow && prediction == Prediction::Sample {
                    continue;
                }
                let d = Diffusion {
                    prediction,
                    eta: parse(&case["eta"]),
                    timestep_spacing: parse(&case["spacing"]),
                    ..diffusion(scheduler, parse(&case["steps"]))
                };
                let [mean, spread] = sampled(&d);
                let [right_mean, right_spread]: [f64; 2] = [parse(&case["mean"]), parse(&case["std"])];
                let n = VOXELS as f64;
                let what = format!("{prediction:?} {case}: {mean} {spread}");
                assert!((mean - right_mean).abs() < 4.0 * SPREAD / n.sqrt(), "{what}");
                assert!((spread / right_spread - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{what}");
                assert!((mean - MEAN).abs() < 0.01 && (spread / SPREAD - 1.0).abs() < 0.12, "{what}");
            }
        }
    }

    #[test]
    fn all_steps_are_finite_on_every_schedule_and_end_clean() {
        for schedule in [Schedule::Linear, Schedule::ScaledLinear, Schedule::Sigmoid, Schedule::Cosine] {
            for scheduler in [Scheduler::Ddpm, Scheduler::Ddim, Scheduler::Rflow] {
                for steps in [1, 7, 30, 1000] {
                    let sampler = Sampler::new(&Diffusion { schedule, ..diffusion(scheduler, steps) }).unwrap();
                    assert_eq!(sampler.timesteps().len(), steps);
                    let last = steps - 1;
                    assert!(!sampler.draws_noise(last));
                    // The last step gives the predicted clean image itself.
                    let (x, output) = ([0.3_f32, -0.8], [0.1_f32, 0.2]);
                    let mut ended = x;
                    sampler.step(last, &output, &mut ended, || f32::NAN);
                    for (a, b) in ended.iter().zip(sampler.clean(last, &output, &x)) {
                        assert!(a.is_finite() && (a - b).abs() < 1e-4, "{schedule:?} {scheduler:?} {steps}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_run_may_begin_midway() {
        let sampler = Sampler::new(&diffusion(Scheduler::Ddim, 50)).unwrap();
        assert_eq!(sampler.timesteps()[sampler.first_at(250.0)], 240.0);
        assert_eq!(sampler.first_at(2000.0), 0);
        assert_eq!(sampler.first_at(-1.0), 49);
    }

    #[test]
    fn numbers_that_cannot_be_are_refused_by_their_key() {
        let good = diffusion(Scheduler::Ddim, 50);
        let key = |d: Diffusion| Sampler::new(&d).unwrap_err().key;
        assert_eq!(key(Diffusion { steps: 0, ..good.clone() }), "steps");
        assert_eq!(key(Diffusion { steps: 1001, ..good.clone() }), "steps");
        assert_eq!(key(Diffusion { beta: [0.02, 0.01], ..good.clone() }), "beta");
        assert_eq!(key(Diffusion { beta: [0.0, f64::NAN], ..good.clone() }), "beta");
        assert_eq!(key(Diffusion { eta: -1.0, ..good.clone() }), "eta");
        let flow = Diffusion { scheduler: Scheduler::Rflow, prediction: Prediction::Sample, ..good };
        assert_eq!(key(flow), "prediction");
    }
}
