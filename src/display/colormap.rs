//! Colour maps by name, as 256 colours (from the `colorgrad` crate, plus the field's own `grey`, `hot` and `red`).

use colorgrad::Gradient;
use serde::{Deserialize, Serialize};

/// A colour map that a layer can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the map of its name")]
pub enum ColorMap {
    #[default]
    Grey,
    Viridis,
    Cividis,
    Magma,
    Inferno,
    Plasma,
    Turbo,
    Hot,
    Red,
    Green,
    Blue,
    RdBu,
    Spectral,
}

impl ColorMap {
    /// All, in the order of the menu: colour-blind-safe ones first.
    pub const ALL: [Self; 13] = [
        Self::Grey,
        Self::Viridis,
        Self::Cividis,
        Self::Magma,
        Self::Inferno,
        Self::Plasma,
        Self::Turbo,
        Self::Hot,
        Self::Red,
        Self::Green,
        Self::Blue,
        Self::RdBu,
        Self::Spectral,
    ];

    /// What the menu says and the command line takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Viridis => "viridis",
            Self::Cividis => "cividis",
            Self::Magma => "magma",
            Self::Inferno => "inferno",
            Self::Plasma => "plasma",
            Self::Turbo => "turbo",
            Self::Hot => "hot",
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::RdBu => "rdbu",
            Self::Spectral => "spectral",
        }
    }

    /// The map of that name; `gray` is `grey`, case does not matter.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase().replace("gray", "grey");
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// 256 sRGB colours from the lowest level to the highest.
    #[must_use]
    pub fn table(self) -> [[u8; 3]; 256] {
        use colorgrad::preset;
        let of = |g: &dyn Fn(f32) -> [u8; 4]| {
            std::array::from_fn(|i| {
                let [r, g, b, _] = g(i as f32 / 255.0);
                [r, g, b]
            })
        };
        let ramp = |c: [f32; 3]| std::array::from_fn(|i| c.map(|x| (x * i as f32).round() as u8));
        match self {
            Self::Grey => ramp([1.0; 3]),
            Self::Red => ramp([1.0, 0.25, 0.2]),
            Self::Green => ramp([0.25, 0.9, 0.35]),
            Self::Blue => ramp([0.3, 0.55, 1.0]),
            Self::Hot => std::array::from_fn(|i| {
                let t = i as f32 / 255.0 * 3.0;
                [t, t - 1.0, t - 2.0].map(|x| (x.clamp(0.0, 1.0) * 255.0).round() as u8)
            }),
            Self::Viridis => of(&|t| preset::viridis().at(t).to_rgba8()),
            Self::Cividis => of(&|t| preset::cividis().at(t).to_rgba8()),
            Self::Magma => of(&|t| preset::magma().at(t).to_rgba8()),
            Self::Inferno => of(&|t| preset::inferno().at(t).to_rgba8()),
            Self::Plasma => of(&|t| preset::plasma().at(t).to_rgba8()),
            Self::Turbo => of(&|t| preset::turbo().at(t).to_rgba8()),
            Self::RdBu => of(&|t| preset::rd_bu().at(1.0 - t).to_rgba8()),
            Self::Spectral => of(&|t| preset::spectral().at(1.0 - t).to_rgba8()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_is_found_by_its_name_and_viridis_is_the_published_one() {
        for map in ColorMap::ALL {
            assert_eq!(ColorMap::by_name(map.name()), Some(map));
        }
        // matplotlib: viridis(0.0) = (68, 1, 84), viridis(1.0) = (253, 231, 37).
        let t = ColorMap::Viridis.table();
        assert!(t[0].iter().zip([68, 1, 84]).all(|(a, b)| a.abs_diff(b) <= 2), "{:?}", t[0]);
        assert!(t[255].iter().zip([253, 231, 37]).all(|(a, b)| a.abs_diff(b) <= 2), "{:?}", t[255]);
    }
}
