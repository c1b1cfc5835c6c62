//! A small study whose words would tell the truth if they reached a reader.

use std::path::{Path, PathBuf};

use glam::{DMat4, DVec3};
use veritome::io::write;
use veritome::volume::{Derivation, Geometry, Provenance, Volume};

/// Words of the plan and of its files that no reader may find.
pub const TELLTALE: [&str; 7] =
    ["REALARM", "FAKEARM", "CaseSecret", "PatientSecret", "GeneratorSecret", "Doe^Jane", "truthful"];

/// A ball of its own radius in every case; the synthetic one is marked as such in its file.
fn image(case: usize, synthetic: bool) -> Volume {
    let n = 24;
    let mut voxels = vec![0_i16; n * n * n];
    for (i, v) in voxels.iter_mut().enumerate() {
        let p = [i % n, i / n % n, i / (n * n)].map(|x| x as f64 - 11.5);
        let r = p.iter().map(|x| x * x).sum::<f64>().sqrt();
        let tissue = if r < 4.0 + case as f64 * 0.5 { 900 } else { 300 };
        *v = if r < 10.0 { tissue + i16::from(synthetic) * ((i * 7919) % 13) as i16 } else { 0 };
    }
    let matrix = DMat4::from_translation(DVec3::splat(-34.5)) * DMat4::from_scale(DVec3::splat(3.0));
    let real = Provenance::acquired(vec!["Doe^Jane 1.2.3".into()]);
    let by = Derivation { model: Some("GeneratorSecret".into()), generates_pixels: true, ..Derivation::default() };
    let provenance = if synthetic { Provenance::derived(&[&real], by) } else { real };
    let geometry = Geometry::new([n; 3], matrix).unwrap();
    Volume::new(format!("CaseSecret{case}"), voxels.into(), geometry, provenance).unwrap()
}

/// Writes the images and the plan; `head` are its lines before readers and cases. Gives the plan's path.
pub fn plan(folder: &Path, head: &str, cases: usize, training: usize) -> PathBuf {
    let mut text = format!(
        "{head}\n[[reader]]\nid = \"R1\"\n[[reader]]\nid = \"R2\"\n\n[[modality]]\nname = \"REALARM\"\nsynthetic = false\n\
         [[modality]]\nname = \"FAKEARM\"\nsynthetic = true\nmodel = \"GeneratorSecret 1\"\n"
    );
    for (arm, synthetic) in [("real", false), ("fake", true)] {
        std::fs::create_dir_all(folder.join(arm)).unwrap();
        for case in 0..cases + training {
            write::write(&[image(case, synthetic)], &folder.join(format!("{arm}/truthful{case}.nii.gz"))).unwrap();
        }
    }
    for case in 0..cases + training {
        text += &format!(
            "\n[[case]]\nid = \"CaseSecret{case}\"\ntruth = {}\npatient = \"PatientSecret{case}\"\ntraining = {}\n\
             images = {{ REALARM = \"real/truthful{case}.nii.gz\", FAKEARM = \"fake/truthful{case}.nii.gz\" }}\n",
            case % 2,
            case >= cases,
        );
    }
    let path = folder.join("plan.toml");
    std::fs::write(&path, text).unwrap();
    path
}
