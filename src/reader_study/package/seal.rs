//! The sealed truth: an `age` file that only the study's owner can open.
//!
//! Format: <https://age-encryption.org/v1>, one X25519 recipient. Any `age` program opens it with the key file.

use std::io::Write;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};

use super::PackageError;

/// The owner's key. Its text is the secret; it is never shown or logged.
pub struct OwnerKey(Identity);

impl std::fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OwnerKey").field(&self.recipient()).finish()
    }
}

impl OwnerKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self(Identity::generate())
    }

    /// Reads a key file as `age-keygen` and [`OwnerKey::save`] write it: comments and one line `AGE-SECRET-KEY-1…`.
    ///
    /// # Errors
    /// When the file cannot be read or holds no such key.
    pub fn read(path: &Path) -> Result<Self, PackageError> {
        let text = std::fs::read_to_string(path).map_err(|e| PackageError::system(path, e))?;
        let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#')).unwrap_or_default();
        line.parse().map(Self).map_err(|why: &str| PackageError::NoKey { path: path.to_owned(), why: why.to_owned() })
    }

    /// Writes the key into a new file that only its owner may read.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), PackageError> {
        let failed = |e| PackageError::system(path, e);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        let text = format!(
            "# Key of a Veritome reader study: keep it, and give it to no reader\n# public key: {}\n{}\n",
            self.recipient(),
            self.0.to_string().expose_secret()
        );
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }

    /// The public half, `age1…`, with which truth can be sealed but not opened.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }
}

/// A seed from the operating system's randomness, at most 2^53 - 1: the key that it comes from is thrown away.
#[must_use]
pub fn random_seed() -> u64 {
    let digest = super::checksums::sha256(OwnerKey::generate().recipient().as_bytes());
    u64::from_str_radix(digest.get(..13).unwrap_or("1"), 16).unwrap_or(1)
}

/// Encrypts to the public half of a key.
///
/// # Errors
/// When `recipient` is no `age1…` key.
pub fn seal(recipient: &str, plain: &[u8]) -> Result<Vec<u8>, PackageError> {
    let recipient: Recipient = recipient
        .trim()
        .parse()
        .map_err(|why: &str| PackageError::NoRecipient { text: recipient.to_owned(), why: why.to_owned() })?;
    age::encrypt(&recipient, plain).map_err(|e| PackageError::Seal { why: e.to_string() })
}

/// Decrypts what [`seal`] made; `path` is where `sealed` was read, for the error.
///
/// # Errors
/// When the key is another one's or the file was altered.
pub fn unseal(key: &OwnerKey, sealed: &[u8], path: &Path) -> Result<Vec<u8>, PackageError> {
    age::decrypt(&key.0, sealed).map_err(|e| match e {
        age::DecryptError::NoMatchingKeys => PackageError::WrongKey { path: path.to_owned(), key: key.recipient() },
        other => PackageError::Altered { path: PathBuf::from(path), why: other.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_opens_what_was_sealed_and_nobody_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.key");
        let key = OwnerKey::generate();
        key.save(&path).unwrap();
        assert!(key.save(&path).is_err(), "a key is never overwritten");
        let sealed = seal(&key.recipient(), b"c01 is synthetic").unwrap();
        assert!(!sealed.windows(9).any(|w| w == b"synthetic"));
        let at = Path::new("truth.age");
        assert_eq!(unseal(&OwnerKey::read(&path).unwrap(), &sealed, at).unwrap(), b"c01 is synthetic");
        assert!(matches!(unseal(&OwnerKey::generate(), &sealed, at), Err(PackageError::WrongKey { .. })));
        let mut altered = sealed.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(matches!(unseal(&key, &altered, at), Err(PackageError::Altered { .. })));
        assert!(matches!(unseal(&key, &sealed[..20], at), Err(PackageError::Altered { .. })));
        assert!(!format!("{key:?}").contains("SECRET"));
    }

    #[test]
    fn a_file_without_a_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "hello").unwrap();
        let error = OwnerKey::read(&path).unwrap_err().to_string();
        assert!(error.contains("notes.txt") && error.contains("AGE-SECRET-KEY-1"), "{error}");
        assert!(seal("age1nonsense", b"").unwrap_err().to_string().contains("age1nonsense"));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_key_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.key");
        OwnerKey::generate().save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
