//! Traits of many images as columns of numbers, checked.

use super::arms::{Arm, Arms};
use super::catalogue::{TRAITS, TraitKind};
use super::errors::LeakError;
use super::features::ImageTraits;

/// What the name of a column ends in that says of which images a trait is known.
pub const KNOWN: &str = " known";

/// One trait of every image.
#[derive(Debug, Clone, PartialEq)]
pub struct TraitColumn {
    /// Its name.
    pub name: String,
    /// Its value for each image; none where it is not known.
    pub values: Vec<Option<f64>>,
}

/// Columns that differ between images, every value known.
///
/// A trait that is unknown of some images becomes two columns: whether it is known (1 or 0), and its value, with the mean
/// of the known ones in the gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct TraitTable {
    arms: Arms,
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
    constant: Vec<String>,
}

impl TraitTable {
    /// Checks columns, one value an image, in the order of the arms.
    ///
    /// # Errors
    /// When a column is too short or too long, or a value is NaN or infinite.
    pub fn new(columns: &[TraitColumn], arms: Arms) -> Result<Self, LeakError> {
        let mut table = Self { arms, names: Vec::new(), columns: Vec::new(), constant: Vec::new() };
        for column in columns {
            let (expected, found) = (table.arms.arms().len(), column.values.len());
            if expected != found {
                return Err(LeakError::Length { what: column.name.clone(), expected, found });
            }
            let bad = column.values.iter().enumerate().find(|(_, v)| v.is_some_and(|v| !v.is_finite()));
            if let Some((image, Some(found))) = bad.map(|(image, v)| (image, *v)) {
                return Err(LeakError::NotFinite { name: column.name.clone(), image, found });
            }
            let known: Vec<f64> = column.values.iter().flatten().copied().collect();
            // From the first, so that equal values have exactly that mean.
            let first = known.first().copied().unwrap_or(0.0);
            let mean = first + known.iter().map(|v| v - first).sum::<f64>() / known.len().max(1) as f64;
            let is_known = column.values.iter().map(|v| f64::from(u8::from(v.is_some()))).collect();
            if !known.is_empty() && known.len() < expected {
                table.add(format!("{}{KNOWN}", column.name), is_known);
            }
            table.add(column.name.clone(), column.values.iter().map(|v| v.unwrap_or(mean)).collect());
        }
        Ok(table)
    }

    /// The traits of one kind.
    ///
    /// # Errors
    /// When there is not one arm an image, or a trait is NaN or infinite.
    pub fn of_images(images: &[ImageTraits], kind: TraitKind, arms: Arms) -> Result<Self, LeakError> {
        let column = |one: &super::catalogue::Trait| TraitColumn {
            name: one.name.into(),
            values: images.iter().map(|image| (one.of)(image)).collect(),
        };
        let columns: Vec<TraitColumn> = TRAITS.iter().filter(|one| one.kind == kind).map(column).collect();
        Self::new(&columns, arms)
    }

    fn add(&mut self, name: String, values: Vec<f64>) {
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            self.constant.push(name);
        } else {
            self.names.push(name);
            self.columns.push(values);
        }
    }

    /// Arms and patients.
    #[must_use]
    pub fn arms(&self) -> &Arms {
        &self.arms
    }

    /// Names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns, a value an image.
    #[must_use]
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// Traits that are the same in all images, or known of none, and so tell nothing.
    #[must_use]
    pub fn constant(&self) -> &[String] {
        &self.constant
    }

    /// The values of a column in one arm.
    pub(super) fn in_arm(&self, column: &[f64], arm: Arm) -> Vec<f64> {
        column.iter().zip(self.arms.arms()).filter(|(_, a)| **a == arm).map(|(v, _)| *v).collect()
    }
}
