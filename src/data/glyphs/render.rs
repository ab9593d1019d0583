//! From a drawing to pixels: `tiny-skia` computes how much of each pixel a polygon covers, and each layer is blended
//! into the image by that coverage.

use super::outline::Point;
use super::scene::{GRAIN, Scene};
use crate::data::resample::Resampler;
use crate::error::{Error, Result};
use tiny_skia::{FillRule, Mask, Path, PathBuilder, Transform};

/// Renders scenes as square images of one size.
pub(super) struct Renderer {
    side: usize,
    grain: Resampler,
}

impl Renderer {
    /// For images of `side` × `side` pixels.
    pub(super) fn new(side: usize) -> Result<Renderer> {
        Ok(Renderer { side, grain: Resampler::new([GRAIN, GRAIN], [side, side])? })
    }

    /// Writes side × side levels in 0..1.
    pub(super) fn render(&self, scene: &Scene, image: &mut [f32]) -> Result<()> {
        let step = 1.0 / self.side as f32;
        let mut grain = vec![0.0; image.len()];
        self.grain.apply(&scene.grain, &mut grain)?;

        let [level, across, down] = scene.paper;
        for (y, row) in image.chunks_exact_mut(self.side).enumerate() {
            let left = level + down * ((y as f32 + 0.5) * step - 0.5) - across * 0.5;
            row.iter_mut().enumerate().for_each(|(x, v)| *v = left + across * (x as f32 + 0.5) * step);
        }

        let side = self.side as u32;
        let mut mask = Mask::new(side, side)
            .ok_or_else(|| Error::argument("glyphs", "resolution", side, "larger than 0"))?;
        for layer in &scene.layers {
            let Some(path) = path(&layer.contours, self.side as f32) else { continue };
            mask.clear();
            mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
            for (v, &coverage) in image.iter_mut().zip(mask.data()) {
                *v += (layer.level - *v) * (f32::from(coverage) / 255.0);
            }
        }

        image.iter_mut().zip(&grain).for_each(|(v, grain)| *v = (*v + grain).clamp(0.0, 1.0));
        Ok(())
    }
}

/// The polygons as one path in pixels; `None` if nothing is left to draw.
fn path(contours: &[Vec<Point>], side: f32) -> Option<Path> {
    let points = contours.iter().map(|c| c.len() + 1).sum();
    let mut builder = PathBuilder::with_capacity(points, points);
    for contour in contours {
        for (i, p) in contour.iter().enumerate() {
            let (x, y) = (p[0] * side, p[1] * side);
            if i == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        builder.close();
    }
    builder.finish()
}
