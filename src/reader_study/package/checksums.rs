//! `SHA256SUMS`: what every file of a package has to be, as `sha256sum -c` reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::PackageError;

/// Name of the file in the package.
pub const FILE: &str = "SHA256SUMS";

/// Hexadecimal SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hexadecimal SHA-256 of a file, read piece by piece.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, PackageError> {
    let failed = |e| PackageError::system(path, e);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        let got = file.read(&mut piece).map_err(failed)?;
        if got == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&piece[..got]);
    }
}

/// The checksums of a package: relative path, with `/`, to hexadecimal SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checksums(BTreeMap<String, String>);

impl Checksums {
    /// Takes a file in.
    pub fn insert(&mut self, relative: impl Into<String>, sha256: String) {
        self.0.insert(relative.into(), sha256);
    }

    /// Of paths and their checksums.
    #[must_use]
    pub fn new(files: BTreeMap<String, String>) -> Self {
        Self(files)
    }

    /// Paths and their checksums.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.iter().fold(String::new(), |text, (path, sum)| text + sum + "  " + path + "\n")
    }

    /// Reads a package's list.
    ///
    /// # Errors
    /// When it is missing or a line is no checksum.
    pub fn read(package: &Path) -> Result<Self, PackageError> {
        let path = package.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| PackageError::system(&path, e))?;
        let mut sums = Self::default();
        for (n, line) in text.lines().enumerate() {
            let parts = line
                .split_once("  ")
                .filter(|(sum, name)| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()) && is_inside(name));
            let (sum, name) = parts.ok_or_else(|| PackageError::Altered {
                path: path.clone(),
                why: format!("line {} is no checksum of a file of the package", n + 1),
            })?;
            sums.insert(name, sum.to_ascii_lowercase());
        }
        Ok(sums)
    }

    /// Whether a file is listed.
    #[must_use]
    pub fn contains(&self, relative: &str) -> bool {
        self.0.contains_key(relative)
    }

    /// Checks one file; `list` names where the checksum stands.
    ///
    /// # Errors
    /// When it is not listed, missing or not as it was.
    pub fn check(&self, package: &Path, relative: &str, list: &str) -> Result<(), PackageError> {
        let path = package.join(relative);
        let Some(expected) = self.0.get(relative) else {
            return Err(PackageError::Altered { path, why: format!("it is not in {list}") });
        };
        let found = sha256_of_file(&path)?;
        if found == *expected {
            return Ok(());
        }
        let short = |sum: &str| sum.get(..12).unwrap_or(sum).to_owned();
        Err(PackageError::Altered {
            path,
            why: format!("its checksum begins with {}, in {list} with {}", short(&found), short(expected)),
        })
    }

    /// Checks every file that is listed; gives all that is wrong.
    #[must_use]
    pub fn check_all(&self, package: &Path, list: &str) -> Vec<PackageError> {
        self.0.keys().filter_map(|name| self.check(package, name, list).err()).collect()
    }
}

/// Whether a relative path stays inside its folder.
fn is_inside(relative: &str) -> bool {
    let path = Path::new(relative);
    !relative.is_empty() && path.components().all(|c| matches!(c, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_a_missing_and_an_unlisted_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "abc").unwrap();
        std::fs::write(at("b"), "def").unwrap();
        let mut sums = Checksums::default();
        for name in ["a", "b"] {
            sums.insert(name, sha256_of_file(&at(name)).unwrap());
        }
        // FIPS 180-4's own example.
        assert!(sums.to_text().starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"));
        std::fs::write(at(FILE), sums.to_text()).unwrap();
        let sums = Checksums::read(folder.path()).unwrap();
        assert!(sums.check_all(folder.path(), FILE).is_empty());
        std::fs::write(at("a"), "abd").unwrap();
        std::fs::remove_file(at("b")).unwrap();
        let wrong = sums.check_all(folder.path(), FILE);
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].to_string().contains("ba7816bf8f01"), "{}", wrong[0]);
        assert!(sums.check(folder.path(), "c", FILE).is_err());
    }

    #[test]
    fn a_list_that_points_outside_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["../x", "/etc/passwd", ""] {
            std::fs::write(folder.path().join(FILE), format!("{}  {name}\n", "0".repeat(64))).unwrap();
            assert!(Checksums::read(folder.path()).unwrap_err().to_string().contains("line 1"));
        }
    }
}
