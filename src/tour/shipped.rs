//! The tours in the binary, and tours from files.

use std::path::{Path, PathBuf};

use super::errors::TourError;
use super::format::Tour;
use super::parse;
use crate::inference::manifest::nearest;

/// A tour in the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its title, as the file has it.
    pub title: &'static str,
    text: &'static str,
}

impl Shipped {
    /// Reads it.
    ///
    /// # Errors
    /// Only when the file in the repository is wrong, which a test denies.
    pub fn tour(&self) -> Result<Tour, TourError> {
        parse::tour(self.text).map_err(|error| TourError::Wrong { path: PathBuf::from(self.name), error })
    }

    /// The file, for a teacher to begin with.
    #[must_use]
    pub fn text(&self) -> &'static str {
        self.text
    }
}

/// All of them, the demo first.
pub const ALL: [Shipped; 2] = [
    Shipped { name: "demo", title: "The whole story on one head", text: include_str!("../../tours/demo.toml") },
    Shipped {
        name: "how-synthesis-invents",
        title: "How synthesis invents",
        text: include_str!("../../tours/how-synthesis-invents.toml"),
    },
];

/// The name of the demo's tour.
pub const DEMO: &str = "demo";

/// No tour is larger.
const LARGEST: u64 = 1 << 20;

/// A tour by name, or from a file.
///
/// # Errors
/// When there is none, or its file is not right.
pub fn find(name_or_path: &str) -> Result<Tour, TourError> {
    if let Some(shipped) = ALL.iter().find(|s| s.name == name_or_path) {
        return shipped.tour();
    }
    let path = Path::new(name_or_path);
    if path.exists() || path.extension().is_some() {
        return open(path);
    }
    let near = nearest(name_or_path, &ALL.map(|s| s.name)).unwrap_or(DEMO).to_owned();
    Err(TourError::NotFound { name: name_or_path.to_owned(), near })
}

/// A tour from a file; what it names lies beside it.
///
/// # Errors
/// When it cannot be read or is no tour.
pub fn open(path: &Path) -> Result<Tour, TourError> {
    let file = |source| TourError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(file)?.len() > LARGEST {
        return Err(TourError::TooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(file)?;
    let mut tour = parse::tour(&text).map_err(|error| TourError::Wrong { path: path.to_owned(), error })?;
    tour.folder = path.parent().map(Path::to_owned);
    Ok(tour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_tour_is_right_and_called_as_the_list_says() {
        for shipped in ALL {
            let tour = shipped.tour().unwrap();
            assert_eq!((tour.name.as_str(), tour.title.as_str()), (shipped.name, shipped.title));
            for step in &tour.steps {
                assert!(step.do_not_believe.is_some(), "{}: {} says what not to believe", shipped.name, step.title);
            }
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest() {
        let said = find("demmo").unwrap_err().to_string();
        assert!(said.contains("`demmo` (the nearest is `demo`)"), "{said}");
    }
}
