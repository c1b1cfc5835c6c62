//! Against SimpleITK and numpy: `tests/expected/make_measure.py`, whose image is made here again.

use glam::{DMat4, DVec3, DVec4};
use serde_json::Value;

use super::*;
use crate::volume::{Geometry, PatientPoint, Provenance, Space, Volume};

const CLOSE: f64 = 1e-9;

fn expected() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/measure/expected.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn point(value: &Value) -> PatientPoint {
    PatientPoint(DVec3::from_slice(&numbers(value)))
}

fn list<'a>(all: &'a Value, name: &str) -> &'a Vec<Value> {
    all[name].as_array().unwrap()
}

fn geometry(all: &Value) -> Geometry {
    let (d, spacing) = (numbers(&all["direction"]), numbers(&all["spacing"]));
    let column = |a: usize| DVec3::new(d[a], d[3 + a], d[6 + a]) * spacing[a];
    let origin = DVec3::from_slice(&numbers(&all["origin"]));
    let [x, y, z] = [0, 1, 2].map(|a| column(a).extend(0.0));
    let size = numbers(&all["size"]);
    Geometry::new(
        [size[0], size[1], size[2]].map(|n| n as usize),
        DMat4::from_cols(x, y, z, DVec4::from((origin, 1.0))),
    )
    .unwrap()
}

fn image(all: &Value) -> Volume {
    let geometry = geometry(all);
    let [nx, ny, nz] = geometry.size();
    let value = |n: usize| {
        let (x, y, z) = (n % nx, n / nx % ny, n / (nx * ny));
        (x * 13 + y * 7 + z * 29) as i16 % 97 - 40
    };
    let voxels: Vec<i16> = (0..nx * ny * nz).map(value).collect();
    Volume::new("grid", voxels.into(), geometry, Provenance::acquired(vec![])).unwrap()
}

fn patient() -> Ruler {
    Ruler::of(&Space::Patient { frame_of_reference: None })
}

fn drawn(kind: Kind, points: Vec<PatientPoint>, right: DVec3, down: DVec3) -> Measurement {
    Measurement { kind, points, right, down }
}

#[test]
fn lengths_and_angles_are_those_of_simpleitk() {
    let all = expected();
    for case in list(&all, "lengths") {
        let length = drawn(Kind::Length, vec![point(&case["a"]), point(&case["b"])], DVec3::X, DVec3::Y);
        let Some(Reading::Length { length, unit }) = length.reading(None, &patient()) else { panic!("no length") };
        assert!((length - case["mm"].as_f64().unwrap()).abs() < CLOSE && unit == "mm");
    }
    for case in list(&all, "angles") {
        let points = case["points"].as_array().unwrap().iter().map(point).collect();
        let angle = drawn(Kind::Angle, points, DVec3::X, DVec3::Y);
        let Some(Reading::Angle { degrees }) = angle.reading(None, &patient()) else { panic!("no angle") };
        // The arc cosine of the reference loses digits near 180 degrees.
        assert!((degrees - case["degrees"].as_f64().unwrap()).abs() < 1e-5, "{degrees}");
    }
}

#[test]
fn regions_are_those_of_simpleitk() {
    let all = expected();
    let volume = image(&all);
    let [x, y, _] = volume.geometry.directions();
    for case in list(&all, "regions") {
        let number = |name: &str| case[name].as_f64().unwrap();
        let interpolated = case["interpolated"].as_bool().unwrap();
        let (right, down) = if interpolated { (DVec3::X, DVec3::Y) } else { (x, y) };
        let kind = if case["outline"] == "ellipse" { Kind::Ellipse } else { Kind::Rectangle };
        let region = drawn(kind, vec![point(&case["a"]), point(&case["b"])], right, down);
        let reading = region.reading(Some(&volume), &patient()).unwrap();
        let Reading::Region { area, values: Ok(values), .. } = &reading else { panic!("{reading:?}") };
        assert!((area - number("area")).abs() < 1e-6, "{area} and {}", number("area"));
        assert_eq!((values.n, values.interpolated), (case["n"].as_u64().unwrap(), interpolated), "{case}");
        for (found, name) in
            [(values.mean, "mean"), (values.sd.unwrap(), "sd"), (values.min, "min"), (values.max, "max")]
        {
            assert!((found - number(name)).abs() < 1e-6, "{name}: {found} and {}", number(name));
        }
        assert_eq!(reading.details().last().unwrap().contains("interpolated"), interpolated);
    }
}

#[test]
fn a_stack_without_millimetres_is_measured_in_pixels_and_says_why() {
    let stack = |spacing| Space::Stack { reason: "a picture".into(), pixel_spacing_mm: spacing };
    let ends = vec![PatientPoint::new(0.0, 0.0, 2.0), PatientPoint::new(3.0, 4.0, 2.0)];
    let length = drawn(Kind::Length, ends, DVec3::X, DVec3::Y);
    let pixels = Ruler::of(&stack(None));
    assert_eq!(length.reading(None, &pixels).unwrap().headline(), "5.0 px");
    assert!(pixels.pixels_because().unwrap().contains("a picture"));
    let oblong = Ruler::of(&stack(Some([2.0, 0.5])));
    let Some(Reading::Length { length, .. }) = length.reading(None, &oblong) else { panic!("no length") };
    assert!((length - 40.0_f64.sqrt()).abs() < CLOSE && oblong.pixels_because().is_none());
}

#[test]
fn what_lies_outside_or_in_colour_has_no_values_and_says_why() {
    let all = expected();
    let volume = image(&all);
    let [x, y, _] = volume.geometry.directions();
    let far = |d: f64| PatientPoint(volume.geometry.to_patient(crate::volume::VoxelPoint::new(d, d, 3.0)).0);
    let region = |a, b| drawn(Kind::Rectangle, vec![a, b], x, y);
    let outside = region(far(400.0), far(420.0)).reading(Some(&volume), &patient()).unwrap();
    assert_eq!(outside.headline(), "no voxel lies inside");
    // A region that is flat or between the middles of voxels holds none.
    assert_eq!(
        region(far(3.0), far(3.0)).reading(Some(&volume), &patient()).unwrap().headline(),
        "no voxel lies inside"
    );
    let rgb = crate::volume::Voxels::Rgb8(vec![[1, 2, 3]; 16].into());
    let colour = Volume::new("c", rgb, Geometry::unplaced([4, 4, 1]).unwrap(), Provenance::acquired(vec![])).unwrap();
    let all_of_it = drawn(
        Kind::Rectangle,
        vec![PatientPoint::new(0.0, 0.0, 0.0), PatientPoint::new(3.0, 3.0, 0.0)],
        DVec3::X,
        DVec3::Y,
    );
    assert_eq!(all_of_it.reading(Some(&colour), &patient()).unwrap().headline(), "colours have no single value");
}

#[test]
fn a_measurement_lies_on_its_own_slice_alone() {
    let ends = vec![PatientPoint::new(0.0, 0.0, 5.0), PatientPoint::new(3.0, 4.0, 5.0)];
    let length = drawn(Kind::Length, ends, DVec3::X, DVec3::Y);
    let at = |z: f64| PatientPoint::new(50.0, -3.0, z);
    assert!(length.lies_on(DVec3::Z, at(5.4), 0.5) && length.lies_on(-DVec3::Z, at(4.6), 0.5));
    assert!(!length.lies_on(DVec3::Z, at(6.0), 0.5) && !length.lies_on(DVec3::Y, at(5.0), 0.5));
}
