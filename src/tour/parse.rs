//! Text to a checked [`Tour`]: errors name the line and the nearest known key, as manifests do.

use super::check;
use super::format::Tour;
use crate::inference::manifest::{ParseError, explained};

/// Reads and checks the text of a tour.
///
/// # Errors
/// When it is no TOML, has unknown keys or values, or contradicts itself.
pub fn tour(text: &str) -> Result<Tour, ParseError> {
    let tour: Tour = toml::from_str(text).map_err(|e| explained(text, &e))?;
    check::check(&tour).map_err(|message| ParseError { line: None, message })?;
    Ok(tour)
}
