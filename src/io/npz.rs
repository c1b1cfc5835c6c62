//! numpy's archives of arrays (`.npz`).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::archive::Archive;
use super::errors::IoError;

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each axis, the slowest first.
    pub shape: Vec<usize>,
    /// Its numbers in C order.
    pub values: Vec<f64>,
}

/// No array of a guard is larger.
const LARGEST: u64 = 1 << 30;

/// Reads every array of 32- or 64-bit floats, by name.
///
/// # Errors
/// When the file cannot be read, or an array is of another type or in Fortran order.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, IoError> {
    let archive = Archive::open(path).map_err(|e| IoError::system(path, e))?;
    let mut arrays = BTreeMap::new();
    for member in archive.members() {
        let Some(name) = npyz::npz::array_name_from_file_name(&member.name) else { continue };
        let bytes = archive.read(member.index, LARGEST).map_err(|e| IoError::system(path, e))?;
        let array = array(&bytes).map_err(|e| IoError::Format {
            path: path.to_owned(),
            expected: format!("`{name}` to be an array of float32 or float64 in C order"),
            found: e.to_string(),
            remedy: "save it with numpy.savez".to_owned(),
        })?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

fn array(bytes: &[u8]) -> io::Result<Array> {
    let file = npyz::NpyFile::new(bytes)?;
    let shape = file.shape().iter().map(|n| usize::try_from(*n).map_err(io::Error::other)).collect::<Result<_, _>>()?;
    if file.order() != npyz::Order::C && file.shape().len() > 1 {
        return Err(io::Error::other("an array in Fortran order"));
    }
    let values = match file.try_data::<f64>() {
        Ok(data) => data.collect::<Result<Vec<f64>, _>>()?,
        Err(file) => {
            let wrong = |f: npyz::NpyFile<_>| io::Error::other(format!("the type {}", f.dtype().descr()));
            let data = file.try_data::<f32>().map_err(wrong)?;
            data.map(|x| x.map(f64::from)).collect::<Result<_, _>>()?
        }
    };
    Ok(Array { shape, values })
}
