//! Shape classes. Each class of problems has its own fastest variant of a kernel.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The shape class of a matrix product: the numbers of rows and columns of its results. (A convolution is a matrix
/// product too.) The number of terms per sum and the order of the operands' elements are not part of it: they change
/// the time of every variant alike (measured from 10 to 1,024 terms, with either operand transposed). Very long sums
/// of few results are split into pieces first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Class {
    /// The number of rows.
    pub rows: Band,
    /// The number of columns.
    pub columns: Band,
    /// The number of tiles. It differs only for results with more than 64 rows or columns and more than 16 in the
    /// other direction.
    pub tiles: Tiles,
}

/// Whether a result has enough tiles to use all cores of a GPU, and of which size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tiles {
    /// Fewer than 96 of 64 × 64.
    Few,
    /// At least 96 of 64 × 64.
    Enough,
    /// At least 96 of 128 × 128, of a result with more than 64 rows and columns.
    Many,
}

impl Tiles {
    /// GPUs have up to about 150 cores, and larger tiles compute more at a time. On a GPU with 132 cores, 64 tiles of
    /// 128 × 128 took 1.5 times as long as 256 tiles of 64 × 64.
    const ENOUGH: u64 = 96;

    fn suffix(self) -> &'static str {
        match self {
            Tiles::Few => ", few tiles",
            Tiles::Enough => "",
            Tiles::Many => ", many tiles",
        }
    }
}

/// A range of numbers of rows or columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Band {
    /// At most 8.
    UpTo8,
    /// 9 to 16.
    UpTo16,
    /// 17 to 32.
    UpTo32,
    /// 33 to 64.
    UpTo64,
    /// More than 64.
    Above64,
}

impl Band {
    const ALL: [Band; 5] = [Band::UpTo8, Band::UpTo16, Band::UpTo32, Band::UpTo64, Band::Above64];

    fn of(extent: u64) -> Band {
        match extent {
            0..=8 => Band::UpTo8,
            9..=16 => Band::UpTo16,
            17..=32 => Band::UpTo32,
            33..=64 => Band::UpTo64,
            _ => Band::Above64,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Band::UpTo8 => "<= 8",
            Band::UpTo16 => "<= 16",
            Band::UpTo32 => "<= 32",
            Band::UpTo64 => "<= 64",
            Band::Above64 => "> 64",
        }
    }
}

impl Class {
    /// The class of `results` results of `rows` × `columns` elements each.
    pub fn of(rows: u64, columns: u64, results: u64) -> Class {
        let enough = |side: u64| {
            let tiles = rows.div_ceil(side).saturating_mul(columns.div_ceil(side));
            tiles.saturating_mul(results) >= Tiles::ENOUGH
        };
        let (least, most) = (rows.min(columns), rows.max(columns));
        let tiles = if least > 64 && enough(128) {
            Tiles::Many
        } else if least > 16 && most > 64 && !enough(64) {
            Tiles::Few
        } else {
            Tiles::Enough
        };
        Class { rows: Band::of(rows), columns: Band::of(columns), tiles }
    }

    /// Every class.
    pub fn all() -> impl Iterator<Item = Class> {
        let pairs = Band::ALL.into_iter().flat_map(|rows| Band::ALL.map(|columns| (rows, columns)));
        pairs.flat_map(|(rows, columns)| {
            let (least, most) = (rows.min(columns), rows.max(columns));
            let tiles: &[Tiles] = match (least, most) {
                (Band::Above64, _) => &[Tiles::Few, Tiles::Enough, Tiles::Many],
                (Band::UpTo32 | Band::UpTo64, Band::Above64) => &[Tiles::Few, Tiles::Enough],
                _ => &[Tiles::Enough],
            };
            tiles.iter().map(move |&tiles| Class { rows, columns, tiles })
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "rows {}, columns {}{}", self.rows.name(), self.columns.name(), self.tiles.suffix())
    }
}

impl From<Class> for String {
    fn from(class: Class) -> String {
        class.to_string()
    }
}

impl TryFrom<String> for Class {
    type Error = String;

    fn try_from(text: String) -> Result<Class, String> {
        Class::all().find(|class| class.to_string() == text).ok_or_else(|| format!("unknown class {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_class_that_can_be_read_back() {
        let all: Vec<Class> = Class::all().collect();
        assert_eq!(all.len(), 31);
        let extents = [1, 8, 9, 16, 17, 32, 33, 64, 65, 1023, 1024, 4096, u64::MAX];
        for (rows, columns) in extents.into_iter().flat_map(|rows| extents.map(|columns| (rows, columns))) {
            for results in [1, 3, 100] {
                let class = Class::of(rows, columns, results);
                assert!(all.contains(&class), "{rows} × {columns}: {class}");
                assert_eq!(Class::try_from(class.to_string()), Ok(class));
                // The transposed result has the transposed class.
                let turned = Class { rows: class.columns, columns: class.rows, ..class };
                assert_eq!(Class::of(columns, rows, results), turned);
            }
        }
        assert!(Class::try_from("rows > 16".to_string()).is_err());
    }

    #[test]
    fn bounds_are_where_tiles_end() {
        let name = |rows, columns, results| Class::of(rows, columns, results).to_string();
        assert_eq!(name(8, 9, 1), "rows <= 8, columns <= 16");
        assert_eq!(name(16, 65, 1), "rows <= 16, columns > 64");
        assert_eq!(name(17, 64, 1), "rows <= 32, columns <= 64");
        assert_eq!(name(17, 65, 1), "rows <= 32, columns > 64, few tiles");
        assert_eq!(name(65, 95 * 64, 1), "rows > 64, columns > 64");
        assert_eq!(name(64, 95 * 64, 1), "rows <= 64, columns > 64, few tiles");
        assert_eq!(name(64, 95 * 64 + 1, 1), "rows <= 64, columns > 64");
        assert_eq!(name(512, 512, 1), "rows > 64, columns > 64, few tiles");
        assert_eq!(name(512, 512, 2), "rows > 64, columns > 64");
        assert_eq!(name(1024, 1024, 1), "rows > 64, columns > 64");
        assert_eq!(name(1024, 1536, 1), "rows > 64, columns > 64, many tiles");
    }
}
