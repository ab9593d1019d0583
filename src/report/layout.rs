//! Sizes and positions in a plot, in pixels.

/// The width of a plot; the page shows it at about half that size.
pub(super) const WIDTH: u32 = 880;
/// The height of the chart above the legend.
pub(super) const CHART_HEIGHT: u32 = 590;
/// The distance from the chart's lower edge to the middle of the legend's first row.
pub(super) const LEGEND_TOP: u32 = 28;
/// The height of a row of the legend.
pub(super) const LEGEND_ROW: u32 = 34;
/// The height of ticks and title below the chart.
pub(super) const AXIS_BELOW: u32 = 74;
/// The width of tick labels on the left.
pub(super) const LABELS_LEFT: u32 = 118;
/// The height of the heading.
pub(super) const HEADING: u32 = 66;
/// The right margin.
pub(super) const RIGHT: u32 = 30;
/// The radius around a mark in which the pointer finds it.
pub(super) const REACH: u32 = 15;

/// The middle of a row of the legend, counted from 0.
pub(super) fn legend_row(row: usize) -> i32 {
    (CHART_HEIGHT + LEGEND_TOP + LEGEND_ROW * row as u32) as i32
}
