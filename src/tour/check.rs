//! What a tour must keep to, beyond its keys: every name is given once and before it is used.

use std::collections::BTreeMap;

use super::format::{IMAGE, Measure, Run, Show, Step, Tour, What, Work};
use crate::inference::manifest::nearest;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Lesion,
    Run,
    Map,
}

type Given<'a> = BTreeMap<&'a str, Kind>;

/// The first thing that is wrong, for the person.
///
/// # Errors
/// That sentence.
pub fn check(tour: &Tour) -> Result<(), String> {
    if tour.schema != 1 {
        return Err(format!("schema is {}, but this program knows 1", tour.schema));
    }
    plain("name", &tour.name)?;
    if tour.steps.is_empty() {
        return Err("a tour has at least one [[steps]]".into());
    }
    positive("minutes", tour.minutes)?;
    for (what, text) in [("title", &tour.title), ("for_whom", &tour.for_whom)] {
        filled(what, text)?;
    }
    steps(tour, |_| true)?;
    // Each step that may be left out must not be missed by those that stay.
    for needed in tour.steps.iter().flat_map(|step| &step.needs) {
        filled("needs", needed)?;
        steps(tour, |step| !step.needs.contains(needed)).map_err(|why| {
            format!(
                "{why}. It was given by a step that is left out without `{needed}`; add needs = [\"{needed}\"] here too"
            )
        })?;
    }
    Ok(())
}

/// The steps that stay, one after the other.
fn steps(tour: &Tour, stays: impl Fn(&Step) -> bool) -> Result<(), String> {
    let mut given = Given::from([(IMAGE, Kind::Image)]);
    for (n, step) in tour.steps.iter().enumerate().filter(|(_, step)| stays(step)) {
        check_step(step, &mut given).map_err(|why| format!("step {} ({}): {why}", n + 1, step.title))?;
    }
    Ok(())
}

fn check_step<'a>(step: &'a Step, given: &mut Given<'a>) -> Result<(), String> {
    filled("title", &step.title)?;
    filled("text", &step.text)?;
    for work in &step.work {
        check_work(work, given)?;
    }
    check_show(&step.show, given)
}

fn check_work<'a>(work: &'a Work, given: &mut Given<'a>) -> Result<(), String> {
    let (name, kind) = match work {
        Work::Lesion(l) => {
            known(&l.of, given)?;
            positive("radius_mm", l.radius_mm)?;
            within("contrast", l.contrast, -1.0, 10.0)?;
            within("ragged", l.ragged, 0.0, 1.0)?;
            within("border_mm", l.border_mm, 0.0, 100.0)?;
            point("at_mm", l.at_mm)?;
            if l.contrast == 0.0 {
                return Err("a lesion of contrast 0 is none".into());
            }
            (&l.name, Kind::Lesion)
        }
        Work::Noise(n) => {
            known(&n.of, given)?;
            positive("fraction", n.fraction)?;
            within("fraction", n.fraction, 0.0, 10.0)?;
            (&n.name, Kind::Image)
        }
        Work::Shrink(s) => {
            known(&s.of, given)?;
            if !(2..=16).contains(&s.factor) {
                return Err(format!("factor is {}; 2 to 16 are possible", s.factor));
            }
            (&s.name, Kind::Image)
        }
        Work::Difference(d) => {
            [&d.of, &d.minus].into_iter().try_for_each(|name| known(name, given))?;
            (&d.name, Kind::Map)
        }
        Work::Run(r) => {
            check_run(r, given)?;
            (&r.name, Kind::Run)
        }
        Work::Explain(e) => {
            of_run(&e.run, given)?;
            if e.masks == 0 || e.box_voxels == 0 || e.close_boxes == 0 || e.diffusion_steps == Some(0) {
                return Err("masks, box_voxels, close_boxes and diffusion_steps are 1 or more".into());
            }
            if let Some(first) = e.first_box_voxels.filter(|first| *first <= e.box_voxels) {
                return Err(format!(
                    "first_box_voxels is {first}; the first boxes are larger than the {} of box_voxels",
                    e.box_voxels
                ));
            }
            (&e.name, Kind::Map)
        }
        Work::Measure(m) => return check_measure(m, given),
    };
    plain("name", name)?;
    match given.insert(name, kind) {
        None => Ok(()),
        Some(_) => Err(format!("the name `{name}` is given twice")),
    }
}

fn check_run(r: &Run, given: &Given) -> Result<(), String> {
    filled("model", &r.model)?;
    if r.on.is_some() && !r.inputs.is_empty() {
        return Err(format!("the run `{}` has both `on` and `inputs`; one of them says it all", r.name));
    }
    if r.samples == Some(0) {
        return Err("samples is 0".into());
    }
    r.on.iter().chain(r.inputs.values()).try_for_each(|name| known(name, given))
}

fn check_measure(m: &Measure, given: &Given) -> Result<(), String> {
    if m.what == What::Guard {
        of_run(&m.of, given)?;
    } else {
        known(&m.of, given)?;
    }
    match (&m.truth, m.what.needs_truth()) {
        (None, true) => return Err(format!("{} needs a `truth`", m.what.title())),
        (Some(_), false) => return Err(format!("{} is held against no `truth`", m.what.title())),
        _ => {}
    }
    m.truth.iter().chain(&m.within).try_for_each(|name| known(name, given))
}

fn check_show(show: &Show, given: &Given) -> Result<(), String> {
    known(&show.base, given)?;
    if show.planes.is_empty() {
        return Err("show.planes is empty".into());
    }
    if show.at.is_some() && show.at_mm.is_some() {
        return Err("show has both `at` and `at_mm`; one of them says it all".into());
    }
    show.at.iter().try_for_each(|name| known(name, given))?;
    show.at_mm.iter().try_for_each(|at| point("show.at_mm", *at))?;
    show.window.iter().try_for_each(|[_, width]| positive("the width of show.window", *width))?;
    for layer in &show.layers {
        known(&layer.of, given)?;
        if let Some(opacity) = layer.opacity {
            within("opacity", f64::from(opacity), 0.01, 1.0)?;
        }
        if let Some([low, high]) =
            layer.range.filter(|[low, high]| low >= high || !low.is_finite() || !high.is_finite())
        {
            return Err(format!("range is [{low}, {high}]; the first must be the lower one"));
        }
    }
    Ok(())
}

/// `NAME` or `NAME/PART`, given before.
fn known(reference: &str, given: &Given) -> Result<(), String> {
    let (name, part) = reference.split_once('/').map_or((reference, None), |(name, part)| (name, Some(part)));
    let Some(kind) = given.get(name) else { return Err(unknown(name, given)) };
    match (kind, part) {
        (Kind::Lesion, Some(part)) if part != "truth" => {
            Err(format!("`{reference}`: a lesion has `{name}/truth` and no other part"))
        }
        (Kind::Image | Kind::Map, Some(_)) => Err(format!("`{reference}`: `{name}` has no parts")),
        _ => Ok(()),
    }
}

fn of_run(name: &str, given: &Given) -> Result<(), String> {
    match given.get(name) {
        Some(Kind::Run) => Ok(()),
        Some(_) => Err(format!("`{name}` is no run")),
        None => Err(unknown(name, given)),
    }
}

fn unknown(name: &str, given: &Given) -> String {
    let names: Vec<&str> = given.keys().copied().collect();
    let near = nearest(name, &names).unwrap_or(IMAGE);
    format!("nothing before is called `{name}`; the nearest name is `{near}`")
}

fn plain(what: &str, name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(format!("{what} is `{name}`; expected up to 64 lower-case letters, digits, hyphens and underscores"))
}

fn filled(what: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err(format!("{what} is empty")) } else { Ok(()) }
}

fn positive(what: &str, x: f64) -> Result<(), String> {
    if x > 0.0 && x.is_finite() { Ok(()) } else { Err(format!("{what} is {x}; expected a number above 0")) }
}

fn within(what: &str, x: f64, low: f64, high: f64) -> Result<(), String> {
    if (low..=high).contains(&x) { Ok(()) } else { Err(format!("{what} is {x}; expected {low} to {high}")) }
}

fn point(what: &str, at: [f64; 3]) -> Result<(), String> {
    if at.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(format!("{what} is not three numbers")) }
}

#[cfg(test)]
mod tests {
    use crate::tour::parse;

    const HEAD: &str = "schema = 1\nname = \"a\"\ntitle = \"A\"\nminutes = 1\nfor_whom = \"All\"\n[[steps]]\n\
                        title = \"One\"\ntext = \"Look\"\n";

    fn wrong(rest: &str) -> String {
        parse::tour(&format!("{HEAD}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_and_values_name_the_nearest_known_one_and_the_line() {
        assert_eq!(wrong("beleive = \"x\"\n"), "line 9: unknown key `beleive`; the nearest known key is `believe`");
        let said = wrong("[[steps.work]]\ndo = \"leson\"\n");
        assert_eq!(said, "line 10: unknown value `leson`; the nearest known value is `lesion`");
        let said = wrong("[[steps.work]]\ndo = \"shrink\"\nname = \"b\"\nfacter = 2\n");
        assert_eq!(said, "line 12: unknown key `facter`; the nearest known key is `factor`");
    }

    #[test]
    fn a_value_of_another_type_names_line_key_and_what_is_expected() {
        let lesion =
            "[[steps.work]]\ndo = \"lesion\"\nname = \"l\"\nat_mm = [0, 0, 0]\nradius_mm = 4\ncontrast = 0.4\n";
        let said = wrong(&lesion.replace("radius_mm = 4", "radius_mm = \"four\""));
        assert_eq!(said, "line 13: `steps.work.radius_mm`: expected a number, found \"four\"");
        // A good piece of work before the wrong one, of the same keys.
        let two = format!("{lesion}{}", lesion.replace("\"l\"", "[1]"));
        assert_eq!(wrong(&two), "line 17: `steps.work.name`: expected a text in quotation marks, found a list");
        assert!(wrong(&lesion.replace("contrast = 0.4\n", "")).ends_with("the key `contrast` is missing"));
        let said = wrong("show.at_mm = \"middle\"\n");
        assert_eq!(said, "line 9: `steps.show.at_mm`: expected a list of length 3, found \"middle\"");
        let head = HEAD.replace("minutes = 1", "minutes = \"one\"");
        let said = parse::tour(&head).unwrap_err().to_string();
        assert_eq!(said, "line 4: `minutes`: expected a number, found \"one\"");
    }

    #[test]
    fn names_are_given_once_and_before_they_are_used() {
        let said = wrong("show.base = \"imag\"\n");
        assert_eq!(said, "step 1 (One): nothing before is called `imag`; the nearest name is `image`");
        let shrink = "[[steps.work]]\ndo = \"shrink\"\nname = \"b\"\nfactor = 2\n";
        assert!(wrong(&format!("{shrink}{shrink}")).contains("given twice"));
        let measure = "[[steps.work]]\ndo = \"measure\"\nwhat = \"psnr\"\nof = \"image\"\n";
        assert_eq!(wrong(measure), "step 1 (One): PSNR needs a `truth`");
        assert!(wrong("show.base = \"image/truth\"\n").contains("has no parts"));
        let difference = "[[steps.work]]\ndo = \"difference\"\nname = \"d\"\nof = \"image\"\nminus = \"imag\"\n";
        assert!(wrong(difference).ends_with("nothing before is called `imag`; the nearest name is `image`"));
    }

    #[test]
    fn numbers_are_held_to_their_ranges() {
        let lesion =
            "[[steps.work]]\ndo = \"lesion\"\nname = \"l\"\nat_mm = [0, 0, 0]\nradius_mm = -1\ncontrast = 0.4\n";
        assert!(wrong(lesion).contains("radius_mm is -1; expected a number above 0"), "{}", wrong(lesion));
        let explain = "[[steps.work]]\ndo = \"run\"\nname = \"r\"\nmodel = \"m\"\n[[steps.work]]\ndo = \"explain\"\nname = \"e\"\n\
                       run = \"r\"\nmethod = \"occlusion\"\nbox_voxels = 16\nfirst_box_voxels = 16\n";
        assert!(wrong(explain).contains("first_box_voxels is 16"), "{}", wrong(explain));
        assert!(parse::tour(HEAD).is_ok());
    }
}
