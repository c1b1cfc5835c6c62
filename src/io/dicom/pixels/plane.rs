//! One decoded frame in its own number type, and the way into a volume of another.

use bytemuck::Pod;

use crate::volume::{Rescale, VoxelType};

/// The pixels of one frame, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plane {
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Rgb(Vec<[u8; 3]>),
}

/// A voxel type that planes can be written into.
pub(crate) trait Target: Pod + Send + Sync {
    const TYPE: VoxelType;
    fn of_integer(value: i64) -> Self;
    fn of_real(value: f64) -> Self;
}

macro_rules! target {
    ($($t:ty => $n:ident),*) => {
        $(impl Target for $t {
            const TYPE: VoxelType = VoxelType::$n;
            #[allow(clippy::cast_lossless)]
            fn of_integer(value: i64) -> Self { value as $t }
            #[allow(clippy::cast_lossless)]
            fn of_real(value: f64) -> Self { value as $t }
        })*
    };
}
target!(u8 => U8, i16 => I16, u16 => U16, i32 => I32, f32 => F32, f64 => F64);

impl Target for [u8; 3] {
    const TYPE: VoxelType = VoxelType::Rgb8;
    fn of_integer(value: i64) -> Self {
        [value as u8; 3]
    }
    fn of_real(value: f64) -> Self {
        [value as u8; 3]
    }
}

/// How stored values become real ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ToReal {
    pub(crate) rescale: Rescale,
    /// Stored values, both ends included, that stand for no pixel: they become NaN, since no real value is free for them.
    pub(crate) padding: Option<[f64; 2]>,
}

impl ToReal {
    fn apply(self, stored: f64) -> f64 {
        let is_padding = self.padding.is_some_and(|[low, high]| (low..=high).contains(&stored));
        if is_padding { f64::NAN } else { self.rescale.apply(stored) }
    }
}

impl Plane {
    /// Writes the pixels into a slice of a volume, in stored values, or as real values where `real` is given. What
    /// does not fit the slice is left out.
    pub(crate) fn write_into<T: Target>(&self, out: &mut [T], real: Option<ToReal>) {
        fn numbers<S: Copy, T>(from: &[S], out: &mut [T], convert: impl Fn(S) -> T) {
            for (to, from) in out.iter_mut().zip(from) {
                *to = convert(*from);
            }
        }
        if let Some(to) = real {
            let real = |x: f64| T::of_real(to.apply(x));
            match self {
                Self::U8(v) => numbers(v, out, |x| real(f64::from(x))),
                Self::I16(v) => numbers(v, out, |x| real(f64::from(x))),
                Self::U16(v) => numbers(v, out, |x| real(f64::from(x))),
                Self::I32(v) => numbers(v, out, |x| real(f64::from(x))),
                Self::U32(v) => numbers(v, out, |x| real(f64::from(x))),
                Self::F32(v) => numbers(v, out, |x| real(f64::from(x))),
                Self::F64(v) => numbers(v, out, real),
                Self::Rgb(_) => {}
            }
            return;
        }
        match (self, T::TYPE) {
            (Self::U8(v), VoxelType::U8) => same(v, out),
            (Self::I16(v), VoxelType::I16) => same(v, out),
            (Self::U16(v), VoxelType::U16) => same(v, out),
            (Self::I32(v), VoxelType::I32) => same(v, out),
            // Kept bit by bit; the loader widens the volume if one of them does not fit.
            (Self::U32(v), VoxelType::I32) => same(v, out),
            (Self::F32(v), VoxelType::F32) => same(v, out),
            (Self::F64(v), VoxelType::F64) => same(v, out),
            (Self::Rgb(v), VoxelType::Rgb8) => same(v, out),
            (Self::U8(v), _) => numbers(v, out, |x| T::of_integer(i64::from(x))),
            (Self::I16(v), _) => numbers(v, out, |x| T::of_integer(i64::from(x))),
            (Self::U16(v), _) => numbers(v, out, |x| T::of_integer(i64::from(x))),
            (Self::I32(v), _) => numbers(v, out, |x| T::of_integer(i64::from(x))),
            (Self::U32(v), _) => numbers(v, out, |x| T::of_integer(i64::from(x))),
            (Self::F32(v), _) => numbers(v, out, |x| T::of_real(f64::from(x))),
            (Self::F64(v), _) => numbers(v, out, T::of_real),
            (Self::Rgb(_), _) => {}
        }
    }

    /// The stored integer at an index; floats are cut.
    pub(crate) fn integers(&self) -> Box<dyn Iterator<Item = i64> + '_> {
        match self {
            Self::U8(v) => Box::new(v.iter().map(|x| i64::from(*x))),
            Self::I16(v) => Box::new(v.iter().map(|x| i64::from(*x))),
            Self::U16(v) => Box::new(v.iter().map(|x| i64::from(*x))),
            Self::I32(v) => Box::new(v.iter().map(|x| i64::from(*x))),
            Self::U32(v) => Box::new(v.iter().map(|x| i64::from(*x))),
            Self::F32(v) => Box::new(v.iter().map(|x| *x as i64)),
            Self::F64(v) => Box::new(v.iter().map(|x| *x as i64)),
            Self::Rgb(_) => Box::new(std::iter::empty()),
        }
    }
}

fn same<S: Pod, T: Target>(from: &[S], out: &mut [T]) {
    let from: &[T] = bytemuck::cast_slice(from);
    let n = from.len().min(out.len());
    out[..n].copy_from_slice(&from[..n]);
}
