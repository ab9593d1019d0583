//! The colours of page and plots, light and dark.
//!
//! `plotters` writes colours as hexadecimal attributes. Each colour of the palette gets a CSS class beside its
//! attribute, so that the same drawing follows the reader's light or dark scheme, and a viewer without CSS still shows
//! the light one.

use plotters::style::{BLACK, RGBColor};

/// Name, light colour, dark colour. The light colours are distinct, because they identify the classes.
const PALETTE: [(&str, RGBColor, RGBColor); 8] = [
    ("surface", RGBColor(255, 255, 255), RGBColor(24, 28, 36)),
    ("ink", RGBColor(28, 36, 48), RGBColor(230, 233, 239)),
    ("muted", RGBColor(94, 104, 120), RGBColor(152, 162, 179)),
    ("grid", RGBColor(227, 231, 237), RGBColor(46, 53, 65)),
    ("depth", RGBColor(31, 98, 209), RGBColor(110, 168, 254)),
    ("width", RGBColor(203, 75, 18), RGBColor(255, 150, 72)),
    ("resolution", RGBColor(12, 128, 92), RGBColor(72, 203, 152)),
    ("compound", RGBColor(142, 52, 190), RGBColor(205, 148, 245)),
];

/// The light colour of a name.
pub(super) fn colour(name: &str) -> RGBColor {
    PALETTE.iter().find(|(known, _, _)| *known == name).map_or(BLACK, |(_, light, _)| *light)
}

fn hexadecimal(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// The palette as CSS: variables on `selector`, light and dark, and the classes of plots.
pub(super) fn palette(selector: &str) -> String {
    let variables = |pick: &dyn Fn(&(&str, RGBColor, RGBColor)) -> RGBColor| -> String {
        PALETTE.iter().map(|entry| format!("--{}:{};", entry.0, hexadecimal(pick(entry)))).collect()
    };
    let classes: String = PALETTE
        .iter()
        .map(|(name, _, _)| format!(".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}"))
        .collect();
    format!(
        "{selector}{{{}}}\n@media (prefers-color-scheme:dark){{{selector}{{{}}}}}\n{classes}\n",
        variables(&|entry| entry.1),
        variables(&|entry| entry.2)
    )
}

/// Adds a class to every colour of the palette in a drawing.
pub(super) fn classify(mut drawing: String) -> String {
    for (name, light, _) in PALETTE {
        for (attribute, class) in [("fill", "f"), ("stroke", "s")] {
            let plain = format!("{attribute}=\"{}\"", hexadecimal(light));
            drawing = drawing.replace(&plain, &format!("class=\"{class}-{name}\" {plain}"));
        }
    }
    drawing
}
