//! The families of curves that an average is over.

use super::cells::Cells;
use super::direction::Direction;
use super::line::LineMember;
use super::mixture::Mixture;
use super::powers::Powers;
use super::trend::Trend;

/// A family of curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A constant and a power of each size.
    Floor,
    /// A line in the logarithms that bends and whose slope varies randomly.
    Trend,
    /// The line through the two largest sizes, in the logarithms.
    Line,
}

impl Member {
    /// Every member.
    pub const ALL: [Member; 3] = [Member::Floor, Member::Trend, Member::Line];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Member::Floor => "floor",
            Member::Trend => "trend",
            Member::Line => "line",
        }
    }

    /// The prior weight. On recorded sweeps of two sizes, the formulas that fit the smaller runs best predict the
    /// larger ones worst.
    pub(super) fn prior(self) -> f64 {
        if self == Member::Trend { 4.0 } else { 1.0 }
    }

    /// Fits the member; `None` if it does not suit the cells.
    pub(super) fn fit(self, cells: &Cells, direction: Direction) -> Option<MemberFit> {
        match self {
            Member::Floor => Powers::fit(cells, direction).map(MemberFit::Powers),
            Member::Trend => Trend::fit(cells, direction).map(MemberFit::Trend),
            Member::Line => LineMember::fit(cells).map(MemberFit::Line),
        }
    }
}

/// A fitted member.
#[derive(Debug, Clone)]
pub(super) enum MemberFit {
    Powers(Powers),
    Trend(Trend),
    Line(LineMember),
}

impl MemberFit {
    /// The distribution of ln y of one more run at the logarithms of sizes.
    pub fn at(&self, x: [f64; 2]) -> Mixture {
        match self {
            MemberFit::Powers(powers) => powers.at(x),
            MemberFit::Trend(trend) => trend.at(x),
            MemberFit::Line(line) => line.at(x),
        }
    }
}
