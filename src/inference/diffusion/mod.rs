//! The mathematics of diffusion models, without a network: how noise grows, which timesteps are visited, one step back.
//!
//! - [`schedule`]: betas and what of the signal is left at each timestep
//! - [`timesteps`]: which of them a short run visits
//! - [`sampler`]: [`Sampler`]: one step from a timestep to the next, and the way forward for methods that start midway
//! - [`noise`]: [`Noise`]: seeded normal numbers, the same on every machine
//!
//! ```
//! use veritome::inference::diffusion::{Noise, Purpose, Sampler};
//! # fn network(_: &[f32], _: f64) -> Vec<f32> { vec![0.0; 8] }
//! # let table = "scheduler = \"ddim\"\nsteps = 25\nsample_tensor = \"x\"\ntimestep_tensor = \"t\"";
//! # let diffusion: veritome::inference::manifest::schema::Diffusion = toml::from_str(table).unwrap();
//! let sampler = Sampler::new(&diffusion)?;
//! let mut x = Noise::new(7, 0, Purpose::Start).take(8);
//! let mut noise = Noise::new(7, 0, Purpose::Steps);
//! for (k, t) in sampler.timesteps().iter().enumerate() {
//!     let output = network(&x, *t);
//!     sampler.step(k, &output, &mut x, || noise.draw());
//! }
//! # Ok::<(), veritome::inference::diffusion::DiffusionError>(())
//! ```

pub mod noise;
pub mod sampler;
pub mod schedule;
pub mod timesteps;

pub use noise::{Noise, Purpose};
pub use sampler::{DiffusionError, Sampler};
