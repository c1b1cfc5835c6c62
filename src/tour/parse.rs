//! Text to a checked [`Tour`]: errors name the line and the nearest known key, as manifests do.

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::check;
use super::format::{Difference, Explain, Lesion, Measure, Noise, Run, Shrink, Tour};
use crate::inference::manifest::{ParseError, explained};

/// Reads and checks the text of a tour.
///
/// # Errors
/// When it is no TOML, has unknown keys or values, or contradicts itself.
pub fn tour(text: &str) -> Result<Tour, ParseError> {
    let tour: Tour = toml::from_str(text).map_err(|e| {
        let placed = DeTable::parse(text).ok().and_then(|tour| in_work(tour.get_ref(), e.message()));
        explained(text, placed.as_ref().unwrap_or(&e))
    })?;
    check::check(&tour).map_err(|message| ParseError { line: None, message })?;
    Ok(tour)
}

/// The same error with its place, where it is one of a step's work: serde keeps a table aside until it knows what `do` says, and
/// with it loses where each value stood.
fn in_work(tour: &DeTable<'_>, message: &str) -> Option<Error> {
    let mut all =
        parts(tour, "steps").filter_map(|step| step.get_ref().as_table()).flat_map(|step| parts(step, "work"));
    all.find_map(|work| error_of(work.clone()).filter(|error| error.message() == message))
}

/// The entries of a list.
fn parts<'a, 'i>(of: &'a DeTable<'i>, key: &str) -> impl Iterator<Item = &'a Spanned<DeValue<'i>>> {
    let found = of.iter().find(|(name, _)| name.get_ref() == key).and_then(|(_, list)| list.get_ref().as_array());
    found.into_iter().flat_map(|list| list.iter())
}

/// What is wrong with one piece of work, read as what its `do` says.
fn error_of(work: Spanned<DeValue<'_>>) -> Option<Error> {
    let place = work.span();
    let DeValue::Table(table) = work.into_inner() else { return None };
    let (named, rest): (Vec<_>, Vec<_>) = table.into_iter().partition(|(key, _)| key.get_ref() == "do");
    let (_, what) = named.into_iter().next()?;
    let rest = DeValue::Table(rest.into_iter().collect());
    let rest = ValueDeserializer::from(Spanned::new(place, rest));
    match what.get_ref().as_str()? {
        "lesion" => Lesion::deserialize(rest).err(),
        "noise" => Noise::deserialize(rest).err(),
        "shrink" => Shrink::deserialize(rest).err(),
        "difference" => Difference::deserialize(rest).err(),
        "run" => Run::deserialize(rest).err(),
        "explain" => Explain::deserialize(rest).err(),
        "measure" => Measure::deserialize(rest).err(),
        _ => None,
    }
}
