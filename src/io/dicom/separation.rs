//! Splits a series into what can be one volume, or one volume a time point: by shape, orientation, kind and time.
//! Nothing is merged silently and nothing is dropped.

use std::sync::Arc;

use super::stacking::{Slice, by_position};
use crate::error::{Warning, WarningCode};

/// Slices that make one volume, or several at the same positions.
#[derive(Debug)]
pub(crate) struct Part {
    /// One list of slices a time point, sorted by position; all of one length.
    pub(crate) time_points: Vec<Vec<Slice>>,
    /// What tells this part from the others of its series; empty if it is the only one.
    pub(crate) label: String,
    pub(crate) warnings: Vec<Warning>,
    /// Why it is a stack and no volume, if it is.
    pub(crate) stack_reason: Option<String>,
}

/// More orientations than this, with few slices each, are a turning stack.
const ORIENTATIONS_LIMIT: usize = 8;

/// Splits the frames of one series.
pub(crate) fn separate(slices: Vec<Slice>) -> Vec<Part> {
    let by_shape = cluster(slices, same_shape);
    let sizes = cluster(by_shape.iter().filter_map(|g| g.first().cloned()).collect(), |a, b| {
        (a.file.format.rows, a.file.format.columns) == (b.file.format.rows, b.file.format.columns)
    });
    let mixed_size = (sizes.len() > 1).then(|| {
        let list: Vec<String> = sizes
            .iter()
            .filter_map(|g| g.first())
            .map(|s| format!("{} x {}", s.file.format.columns, s.file.format.rows))
            .collect();
        Warning::new(
            WarningCode::MixedSize,
            format!("The series holds images of several sizes ({}) and was split", list.join(", ")),
        )
    });
    let mut parts = Vec::new();
    for group in by_shape {
        let label = if sizes.len() > 1 {
            group.first().map(|s| format!("{} x {}", s.file.format.columns, s.file.format.rows)).unwrap_or_default()
        } else {
            String::new()
        };
        let from = parts.len();
        if group.first().is_some_and(|s| s.place().is_some()) {
            parts.extend(by_orientation(group));
        } else {
            parts.push(flat_stack(group));
        }
        for part in &mut parts[from..] {
            part.warnings.extend(mixed_size.clone());
            join_label(&mut part.label, &label);
        }
    }
    parts
}

fn join_label(label: &mut String, more: &str) {
    if !more.is_empty() {
        if !label.is_empty() {
            label.push_str(", ");
        }
        label.push_str(more);
    }
}

/// Puts each slice into the first group whose first member it matches.
fn cluster(slices: Vec<Slice>, same: impl Fn(&Slice, &Slice) -> bool) -> Vec<Vec<Slice>> {
    let mut groups: Vec<Vec<Slice>> = Vec::new();
    for slice in slices {
        // The latest group first: neighbours in a series mostly belong together.
        match groups.iter_mut().rev().find(|g| g.first().is_some_and(|first| same(first, &slice))) {
            Some(group) => group.push(slice),
            None => groups.push(vec![slice]),
        }
    }
    groups
}

fn same_shape(a: &Slice, b: &Slice) -> bool {
    let (fa, fb) = (&a.file.format, &b.file.format);
    if (fa.rows, fa.columns, fa.is_colour()) != (fb.rows, fb.columns, fb.is_colour()) {
        return false;
    }
    match (a.place(), b.place()) {
        (Some(pa), Some(pb)) => {
            let near = |x: f64, y: f64| (x - y).abs() <= 1e-3 * x.abs().max(y.abs());
            near(pa.spacing[0], pb.spacing[0])
                && near(pa.spacing[1], pb.spacing[1])
                && a.file.frame_of_reference == b.file.frame_of_reference
        }
        // Each cine run is a stack of its own.
        (None, None) => Arc::ptr_eq(&a.file, &b.file) || (fa.frames == 1 && fb.frames == 1),
        _ => false,
    }
}

fn by_orientation(group: Vec<Slice>) -> Vec<Part> {
    let total = group.len();
    let groups = cluster(group, |a, b| match (a.place(), b.place()) {
        (Some(a), Some(b)) => a.row.abs_diff_eq(b.row, 2e-3) && a.column.abs_diff_eq(b.column, 2e-3),
        _ => false,
    });
    if groups.len() > ORIENTATIONS_LIMIT && groups.len() * 2 > total {
        let mut part = flat_stack(groups.into_iter().flatten().collect());
        part.stack_reason = Some("the orientation changes from slice to slice".to_owned());
        part.warnings.push(Warning::new(
            WarningCode::MixedOrientation,
            "The orientation changes from slice to slice; the series is shown as a stack",
        ));
        return vec![part];
    }
    let several = groups.len() > 1;
    let count = groups.len();
    let mut parts = Vec::new();
    for group in groups {
        let label = if several { group.first().map(plane_name).unwrap_or_default() } else { String::new() };
        for mut part in by_time(group, 0) {
            if several {
                part.warnings.push(Warning::new(
                    WarningCode::MixedOrientation,
                    format!("The series holds {count} orientations and was split; this is the {label} part"),
                ));
            }
            join_label(&mut part.label, &label);
            parts.push(part);
        }
    }
    parts
}

/// The plane that a slice lies nearest to.
fn plane_name(slice: &Slice) -> String {
    let normal = slice.place().map(super::frame::Place::normal).unwrap_or_default().abs();
    let name = if normal.z >= normal.x && normal.z >= normal.y {
        "axial"
    } else if normal.y >= normal.x {
        "coronal"
    } else {
        "sagittal"
    };
    let oblique = normal.max_element() < 0.9962; // 5 degrees
    if oblique { format!("oblique {name}") } else { name.to_owned() }
}

/// Images without a place: in the order of their numbers.
fn flat_stack(mut slices: Vec<Slice>) -> Part {
    slices.sort_by(|a, b| {
        let key = |s: &Slice| (s.info().traits.instance, s.frame);
        let time = |s: &Slice| s.info().traits.acquisition_time.or(s.info().traits.content_time).unwrap_or(0.0);
        (key(a).0.cmp(&key(b).0))
            .then(time(a).total_cmp(&time(b)))
            .then_with(|| a.file.source.path().cmp(b.file.source.path()))
            .then(a.frame.cmp(&b.frame))
    });
    let reason = slices.iter().find_map(|s| s.file.no_place.clone());
    Part { time_points: vec![slices], label: String::new(), warnings: Vec::new(), stack_reason: reason }
}

type Key = Vec<f64>;
type KeyOf = fn(&Slice) -> Option<Key>;

/// What may tell time points apart, the most telling first, with its name for the person.
const TIME_KEYS: [(&str, KeyOf); 9] = [
    ("temporal position", |s| Some(vec![s.info().traits.temporal?])),
    ("dimension index", |s| {
        let d = &s.info().traits.dimensions;
        (!d.is_empty()).then(|| d.iter().map(|x| *x as f64).collect())
    }),
    ("diffusion weighting", |s| {
        let (b, g) = s.info().traits.diffusion?;
        Some(vec![b, g[0], g[1], g[2]])
    }),
    ("trigger time", |s| Some(vec![s.info().traits.trigger?])),
    ("acquisition number", |s| Some(vec![s.info().traits.acquisition?])),
    ("frame reference time", |s| Some(vec![s.info().traits.reference_time?])),
    ("acquisition time", |s| Some(vec![s.info().traits.acquisition_time?])),
    ("content time", |s| Some(vec![s.info().traits.content_time?])),
    ("acquisition and trigger", |s| {
        let t = &s.info().traits;
        Some(vec![t.acquisition.unwrap_or(0.0), t.trigger.unwrap_or(0.0), t.diffusion.map_or(0.0, |d| d.0)])
    }),
];

/// Splits slices of one orientation where several lie at one position.
fn by_time(slices: Vec<Slice>, depth: usize) -> Vec<Part> {
    let Some(normal) = slices.first().and_then(|s| s.place()).map(super::frame::Place::normal) else {
        return vec![flat_stack(slices)];
    };
    let positions = by_position(&slices, normal);
    let most = positions.iter().map(Vec::len).max().unwrap_or(0);
    if most <= 1 {
        return vec![volume(positions.into_iter().flatten().collect())];
    }
    if depth < 4 {
        for split in [by_side, by_kind, by_echo] {
            let groups = split(&slices);
            let fewer = |g: &Vec<Slice>| by_position(g, normal).iter().map(Vec::len).max().unwrap_or(0) < most;
            if groups.len() > 1 && groups.iter().all(|(_, g)| fewer(g)) {
                return groups
                    .into_iter()
                    .flat_map(|(label, group)| {
                        let mut parts = by_time(group, depth + 1);
                        parts.iter_mut().for_each(|p| join_label(&mut p.label, &label));
                        parts
                    })
                    .collect();
            }
        }
    }
    let mut best: Option<(&str, Vec<Vec<Slice>>)> = None;
    for (name, key) in TIME_KEYS {
        let Some(groups) = partition(&slices, key) else { continue };
        if groups.len() < 2 {
            continue;
        }
        let single = groups.iter().all(|g| by_position(g, normal).iter().all(|p| p.len() == 1));
        if !single {
            continue;
        }
        if groups.iter().all(|g| g.len() == positions.len()) {
            return vec![series_in_time(groups, normal, name)];
        }
        if best.is_none() && groups.iter().any(|g| g.len() == positions.len()) {
            best = Some((name, groups));
        }
    }
    let even = positions.iter().all(|p| p.len() == most);
    match best {
        Some((name, groups)) if !even => incomplete_in_time(groups, positions.len(), normal, name),
        _ => by_rank(positions, even, most),
    }
}

/// Groups of slices with one key, in the order of the keys; `None` if one has no key.
fn partition(slices: &[Slice], key: KeyOf) -> Option<Vec<Vec<Slice>>> {
    let mut keyed: Vec<(Key, Slice)> = slices.iter().map(|s| Some((key(s)?, s.clone()))).collect::<Option<_>>()?;
    let order = |a: &Key, b: &Key| {
        a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
    };
    keyed.sort_by(|a, b| order(&a.0, &b.0));
    let mut groups: Vec<(Key, Vec<Slice>)> = Vec::new();
    for (key, slice) in keyed {
        match groups.last_mut() {
            Some((last, group)) if order(last, &key).is_eq() => group.push(slice),
            _ => groups.push((key, vec![slice])),
        }
    }
    Some(groups.into_iter().map(|(_, group)| group).collect())
}

fn volume(slices: Vec<Slice>) -> Part {
    Part { time_points: vec![slices], label: String::new(), warnings: Vec::new(), stack_reason: None }
}

fn series_in_time(groups: Vec<Vec<Slice>>, normal: glam::DVec3, name: &str) -> Part {
    let mut time_points: Vec<Vec<Slice>> =
        groups.iter().map(|g| by_position(g, normal).into_iter().flatten().collect()).collect();
    if name == "diffusion weighting" {
        // Directions have no order of their own: that of the acquisition.
        time_points.sort_by_key(|g: &Vec<Slice>| g.iter().map(|s| (s.info().traits.instance, s.frame)).min());
    }
    let warning = Warning::new(
        WarningCode::TimePoints,
        format!("The series holds {} volumes at the same positions, told apart by their {name}", time_points.len()),
    );
    Part { time_points, label: String::new(), warnings: vec![warning], stack_reason: None }
}

/// Whole volumes are the time points; what is left of a broken-off one is listed apart.
fn incomplete_in_time(groups: Vec<Vec<Slice>>, whole: usize, normal: glam::DVec3, name: &str) -> Vec<Part> {
    let (complete, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| g.len() == whole);
    let extra: usize = rest.iter().map(Vec::len).sum();
    let warning = Warning::new(
        WarningCode::DuplicatePositions,
        format!(
            "{extra} further images of the series lie at positions of this volume (another {name}); they are listed apart"
        ),
    );
    let mut main = if complete.len() > 1 {
        series_in_time(complete, normal, name)
    } else {
        volume(complete.iter().flat_map(|g| by_position(g, normal).into_iter().flatten()).collect())
    };
    main.warnings.push(warning.clone());
    let mut parts = vec![main];
    for (at, group) in rest.into_iter().enumerate() {
        let mut part = volume(by_position(&group, normal).into_iter().flatten().collect());
        part.label = format!("incomplete {}", at + 1);
        part.warnings.push(Warning::new(
            WarningCode::DuplicatePositions,
            format!("These images lie at positions of another volume of the series and differ in their {name}"),
        ));
        parts.push(part);
    }
    parts
}

/// The first at each position, the second, and so on.
fn by_rank(mut positions: Vec<Vec<Slice>>, even: bool, most: usize) -> Vec<Part> {
    for members in &mut positions {
        members.sort_by(|a, b| {
            let key = |s: &Slice| {
                let t = &s.info().traits;
                [t.temporal, t.acquisition_time, t.trigger, t.reference_time, t.content_time].map(|x| x.unwrap_or(0.0))
            };
            key(a)
                .iter()
                .zip(key(b))
                .map(|(x, y)| x.total_cmp(&y))
                .find(|o| o.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
                .then(a.info().traits.instance.cmp(&b.info().traits.instance))
                .then(a.frame.cmp(&b.frame))
        });
    }
    let rank = |k: usize| -> Vec<Slice> { positions.iter().filter_map(|p| p.get(k).cloned()).collect() };
    if even {
        let told_apart = positions.iter().all(|p| {
            p.windows(2).all(|w| {
                let bare = |s: &Slice| {
                    let mut t = s.info().traits.clone();
                    t.instance = 0;
                    t
                };
                bare(&w[0]) != bare(&w[1])
            })
        });
        let mut part = volume(Vec::new());
        part.time_points = (0..most).map(rank).collect();
        let by = if told_apart { "told apart by their times" } else { "in the order of their numbers" };
        part.warnings.push(Warning::new(
            WarningCode::TimePoints,
            format!("The series holds {most} volumes at the same positions, {by}"),
        ));
        if !told_apart {
            part.warnings.push(Warning::new(
                WarningCode::DuplicatePositions,
                format!("Every position holds {most} images, and no attribute says what tells them apart"),
            ));
        }
        return vec![part];
    }
    let extra: Vec<Slice> = positions.iter().flat_map(|p| p.iter().skip(1).cloned()).collect();
    let mut main = volume(rank(0));
    main.warnings.push(Warning::new(
        WarningCode::DuplicatePositions,
        format!("{} images lie at positions that others hold already; they are listed apart", extra.len()),
    ));
    let mut rest = flat_stack(extra);
    rest.label = "duplicates".to_owned();
    rest.stack_reason = Some("its images lie at positions that others of the series hold already".to_owned());
    rest.warnings.push(Warning::new(
        WarningCode::DuplicatePositions,
        "These images lie at positions that others of the series hold already",
    ));
    vec![main, rest]
}

type Labelled = Vec<(String, Vec<Slice>)>;

/// Left and right of one examination: stacks side by side.
fn by_side(slices: &[Slice]) -> Labelled {
    let sideways = |s: &Slice| s.place().map(|p| p.position.reject_from_normalized(p.normal())).unwrap_or_default();
    let groups = cluster(slices.to_vec(), |a, b| sideways(a).distance(sideways(b)) < 1.0);
    // A tilted stack drifts; only a few distinct places are sides.
    if groups.len() > 4 {
        return Vec::new();
    }
    groups.into_iter().enumerate().map(|(n, g)| (format!("stack {}", n + 1), g)).collect()
}

fn by_kind(slices: &[Slice]) -> Labelled {
    labelled(cluster(slices.to_vec(), |a, b| a.info().traits.kind == b.info().traits.kind), |s| {
        s.info().traits.kind.replace('\\', " ")
    })
}

fn by_echo(slices: &[Slice]) -> Labelled {
    let mut groups = labelled(cluster(slices.to_vec(), |a, b| a.info().traits.echo == b.info().traits.echo), |s| {
        s.info().traits.echo.map_or_else(|| "no echo time".to_owned(), |e| format!("echo {e} ms"))
    });
    groups.sort_by(|a, b| {
        let echo = |g: &Vec<Slice>| g.first().and_then(|s| s.info().traits.echo).unwrap_or(0.0);
        echo(&a.1).total_cmp(&echo(&b.1))
    });
    groups
}

fn labelled(groups: Vec<Vec<Slice>>, name: impl Fn(&Slice) -> String) -> Labelled {
    groups.into_iter().map(|g| (g.first().map(&name).unwrap_or_default(), g)).collect()
}
