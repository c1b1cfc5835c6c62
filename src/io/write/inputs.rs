//! What is read must not be written over: [`refuse_input`].

use std::path::Path;

use crate::io::IoError;

/// Refuses to write `out` where it is one of `inputs`, or a file inside an input that is a folder, however the paths are
/// spelt and whatever links lead there.
///
/// # Errors
/// When it is.
pub fn refuse_input<'a>(out: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), IoError> {
    // What is not there yet can be no input, and overwrites nothing.
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    let is_it = |input: &&Path| input.canonicalize().is_ok_and(|input| place.starts_with(input));
    let Some(input) = inputs.into_iter().find(is_it) else { return Ok(()) };
    let found = if out == input { "one of them".to_owned() } else { input.display().to_string() };
    Err(IoError::format(out, "an output that is none of the inputs", format!("{found}; give another name")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_refused_under_any_name_and_what_is_not_there_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("series")).unwrap();
        for name in ["a.nii", "b.nii", "series/000.dcm"] {
            std::fs::write(at(name), "x").unwrap();
        }
        let (a, series) = (at("a.nii"), at("series"));
        let inputs = || [a.as_path(), series.as_path()];
        let refused = refuse_input(&at("series/../a.nii"), inputs()).unwrap_err().to_string();
        assert!(refused.contains("series/../a.nii") && refused.contains("give another name"), "{refused}");
        assert!(refuse_input(&at("a.nii"), inputs()).is_err());
        assert!(refuse_input(&at("series/000.dcm"), inputs()).is_err());
        for free in ["b.nii", "new.nii", "series/new.dcm"] {
            refuse_input(&at(free), inputs()).unwrap();
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a.nii"), at("link.nii")).unwrap();
            assert!(refuse_input(&at("link.nii"), inputs()).is_err());
        }
    }
}
