use std::sync::Arc;

use super::question::{Choosable, Kind, Place, Question};
use crate::app::library::SeriesId;
use crate::app::results::tests::{made, volume};
use crate::jobs::Control;
use crate::render::scene::Content;
use crate::volume::{Geometry, Label, Labelmap, Provenance, Space};

fn image(overlay: Option<u64>, value: impl Fn(usize) -> f32) -> Choosable {
    let provenance = if overlay.is_some() { made() } else { Provenance::acquired(vec![]) };
    Choosable {
        place: Place { series: SeriesId(0), overlay },
        name: overlay.map_or_else(|| "t1".to_owned(), |n| format!("made {n}")),
        content: Content::Image(Arc::new(volume("image", value, provenance))),
    }
}

fn lesion(overlay: u64) -> Choosable {
    let map = Labelmap {
        voxels: Arc::new((0..64_u16).map(|n| u16::from(n >= 32)).collect()),
        geometry: Geometry::unplaced([4, 4, 4]).unwrap(),
        space: Space::Patient { frame_of_reference: None },
        labels: vec![Label::new(1, "Lesion", [255, 0, 0])],
        provenance: Provenance::acquired(vec![]),
        name: "lesion".into(),
    };
    Choosable {
        place: Place { series: SeriesId(0), overlay: Some(overlay) },
        name: "lesion".into(),
        content: Content::Labels(Arc::new(map)),
    }
}

fn question(reference: Choosable, test: Choosable) -> Question {
    Question { reference, test, mask: None, range: None, tolerance_mm: 1.0, label: None, resample: false }
}

#[test]
fn what_is_measured_follows_from_what_is_chosen() {
    let (t1, made) = (image(None, |n| n as f32), image(Some(1), |n| n as f32));
    assert_eq!(question(t1.clone(), made.clone()).kind(), Ok(Kind::Images));
    assert_eq!(question(lesion(2), lesion(3)).kind(), Ok(Kind::Labels));
    assert_eq!(question(lesion(2), made.clone()).kind(), Ok(Kind::Scores));
    assert!(question(made, lesion(2)).kind().unwrap_err().contains("choose the label map as the reference"));
    assert!(question(t1.clone(), t1).kind().is_err());
}

#[test]
fn an_answer_belongs_to_its_voxels_and_its_options() {
    let asked = question(lesion(2), image(Some(1), |n| n as f32));
    assert!(asked.is_same(&asked.clone()));
    // Which labels are on show changes no voxel.
    let mut hidden = asked.clone();
    if let Content::Labels(map) = &mut hidden.reference.content {
        Arc::make_mut(map).labels[0].visible = false;
    }
    assert!(asked.is_same(&hidden));
    // The same layer with other voxels is another question.
    assert!(!asked.is_same(&question(lesion(2), image(Some(1), |n| n as f32))));
    assert!(!asked.is_same(&Question { label: Some(1), ..asked.clone() }));
}

#[test]
fn a_map_that_rises_over_the_lesion_finds_it() {
    let answered = question(lesion(2), image(Some(1), |n| n as f32)).answer(&Control::new()).unwrap();
    let value = |measure: &str| answered.sheet.rows.iter().find(|r| r.measure == measure).unwrap().value.clone();
    assert_eq!((value("AUC"), value("AUPRC"), value("Best Dice")), (Ok(1.0), Ok(1.0), Ok(1.0)));
    assert_eq!(value("Threshold of the best Dice"), Ok(32.0));
    assert_eq!((answered.sheet.reference.as_str(), answered.sheet.test.as_str()), ("lesion", "made 1"));
    let cancelled = Control::new();
    cancelled.cancel();
    assert!(question(image(None, |n| n as f32), image(Some(1), |n| n as f32)).answer(&cancelled).is_err());
}
