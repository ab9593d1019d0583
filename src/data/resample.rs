//! Resampling of images by area: each output pixel is the mean of the input over its rectangle. It is exact for any
//! ratio, up or down, and keeps the image's mean level.

use crate::error::{Error, Result};

/// The largest height or width of resampled images, in pixels.
pub const MAX_RESOLUTION: usize = 1024;
/// The largest height or width of images that are resampled, in pixels: that of JPEG files.
pub const MAX_SOURCE: usize = 65_535;

/// The weights of one resampling, computed once and used for any number of images of that size.
pub struct Resampler {
    rows: AxisWeights,
    columns: AxisWeights,
}

/// The weights of one axis: every output position is a weighted sum of `taps` neighbouring input positions.
struct AxisWeights {
    input: usize,
    taps: usize,
    /// For each output position, the first input position.
    first: Vec<usize>,
    /// `[output, taps]`
    weights: Vec<f32>,
}

impl AxisWeights {
    fn new(input: usize, output: usize) -> AxisWeights {
        let start = |o: usize| o * input / output;
        let end = |o: usize| ((o + 1) * input).div_ceil(output);
        let taps = (0..output).map(|o| end(o) - start(o)).max().unwrap_or(0);
        let first: Vec<usize> = (0..output).map(|o| start(o).min(input - taps)).collect();
        // In units of 1 / (input · output) of the side, an input pixel is `output` long and an output pixel `input`
        // long, so every overlap is a whole number and every weight a single exact division.
        let weight = |o: usize, i: usize| {
            let (start, end) = ((i * output).max(o * input), ((i + 1) * output).min((o + 1) * input));
            end.saturating_sub(start) as f32 / input as f32
        };
        let weights = (0..output).flat_map(|o| (0..taps).map(move |tap| (o, tap)));
        let weights = weights.map(|(o, tap)| weight(o, first[o] + tap)).collect();
        AxisWeights { input, taps, first, weights }
    }

    fn output(&self) -> usize {
        self.first.len()
    }

    /// Resamples `[outer, input, inner]` to `[outer, output, inner]`.
    fn apply(&self, inner: usize, input: &[f32], output: &mut [f32]) {
        let lines = input.chunks_exact(self.input * inner);
        for (input, output) in lines.zip(output.chunks_exact_mut(self.output() * inner)) {
            let spans = self.first.iter().zip(self.weights.chunks_exact(self.taps));
            for ((&first, weights), output) in spans.zip(output.chunks_exact_mut(inner)) {
                let input = &input[first * inner..][..self.taps * inner];
                // The columns of a grey image have no inner dimension.
                if let [sum] = output {
                    *sum = input.iter().zip(weights).map(|(value, weight)| value * weight).sum();
                    continue;
                }
                output.fill(0.0);
                for (tap, weight) in weights.iter().enumerate() {
                    let input = &input[tap * inner..][..inner];
                    output.iter_mut().zip(input).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
    }
}

impl Resampler {
    /// A resampling from images of `from` = `[height, width]` pixels to images of `to` pixels.
    ///
    /// # Errors
    /// A height or width of 0 or above [`MAX_SOURCE`] or [`MAX_RESOLUTION`].
    pub fn new(from: [usize; 2], to: [usize; 2]) -> Result<Resampler> {
        from.into_iter().try_for_each(|size| check_size(size, MAX_SOURCE))?;
        to.into_iter().try_for_each(check_resolution)?;
        let (rows, columns) = (AxisWeights::new(from[0], to[0]), AxisWeights::new(from[1], to[1]));
        Ok(Resampler { rows, columns })
    }

    /// Resamples one image, height × width × channels, from `input` to `output`. The number of channels follows from
    /// the input's length.
    ///
    /// # Errors
    /// Lengths that do not match the sizes.
    pub fn apply(&self, input: &[f32], output: &mut [f32]) -> Result<()> {
        let (rows, columns) = (&self.rows, &self.columns);
        let channels = input.len() / (rows.input * columns.input);
        check_length("input", input.len(), rows.input * columns.input * channels.max(1))?;
        check_length("output", output.len(), rows.output() * columns.output() * channels)?;
        let mut rows_done = vec![0.0; rows.output() * columns.input * channels];
        rows.apply(columns.input * channels, input, &mut rows_done);
        columns.apply(channels, &rows_done, output);
        Ok(())
    }

    /// Resamples one image of bytes, given as its rows, and rounds to the nearest bytes. Each row becomes narrow before
    /// the next is read, so a photograph needs little memory.
    ///
    /// # Errors
    /// Lengths that do not match the sizes.
    pub fn apply_to_bytes<'a>(&self, input: impl Iterator<Item = &'a [u8]>, output: &mut [u8]) -> Result<()> {
        let (rows, columns) = (&self.rows, &self.columns);
        let channels = output.len() / (rows.output() * columns.output());
        check_length("output", output.len(), rows.output() * columns.output() * channels.max(1))?;
        let (mut wide, mut narrow) = (Vec::new(), vec![0.0; rows.input * columns.output() * channels]);
        let mut count = 0;
        for (row, narrow) in input.zip(narrow.chunks_exact_mut(columns.output() * channels)) {
            check_length("row", row.len(), columns.input * channels)?;
            wide.clear();
            wide.extend(row.iter().map(|&byte| f32::from(byte)));
            columns.apply(channels, &wide, narrow);
            count += 1;
        }
        check_length("rows", count, rows.input)?;
        let mut resampled = vec![0.0; output.len()];
        rows.apply(columns.output() * channels, &narrow, &mut resampled);
        output.iter_mut().zip(resampled).for_each(|(byte, value)| *byte = value.round() as u8);
        Ok(())
    }
}

/// Checks a height or width of images.
///
/// # Errors
/// A size of 0 or above [`MAX_RESOLUTION`].
pub fn check_resolution(size: usize) -> Result<()> {
    check_size(size, MAX_RESOLUTION)
}

fn check_size(size: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&size) {
        return Ok(());
    }
    Err(Error::argument("data", "resolution", size, format!("1 to {most} pixels")))
}

fn check_length(argument: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::argument(
        "resample",
        argument,
        format!("{found} values long"),
        format!("{expected} values long"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resample(from: [usize; 2], to: [usize; 2], channels: usize, input: &[f32]) -> Vec<f32> {
        let mut output = vec![f32::NAN; to[0] * to[1] * channels];
        Resampler::new(from, to).unwrap().apply(input, &mut output).unwrap();
        output
    }

    #[test]
    fn halving_takes_means_of_four_and_keeps_channels_apart() {
        let input = [0.0, 10.0, 1.0, 20.0, 2.0, 30.0, 3.0, 40.0, 4.0, 50.0, 5.0, 60.0, 6.0, 70.0, 7.0, 80.0];
        assert_eq!(resample([2, 4], [1, 2], 2, &input), [2.5, 35.0, 4.5, 55.0]);
    }

    #[test]
    fn a_ratio_that_is_not_whole_shares_pixels_by_area() {
        let output = resample([1, 3], [1, 2], 1, &[0.0, 3.0, 9.0]);
        assert!((output[0] - 1.0).abs() < 1e-6 && (output[1] - 7.0).abs() < 1e-6, "{output:?}");
    }

    #[test]
    fn same_size_is_the_identity_and_doubling_repeats() {
        let input = [0.25, 0.5, 0.75, 1.0];
        assert_eq!(resample([2, 2], [2, 2], 1, &input), input);
        let doubled = resample([2, 2], [2, 4], 1, &input);
        assert_eq!(doubled, [0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn every_ratio_keeps_the_mean() {
        for (from, to) in [([105, 105], [28, 28]), ([28, 28], [45, 13]), ([7, 11], [5, 64]), ([3, 5], [1, 1])]
        {
            let input: Vec<f32> = (0..from[0] * from[1]).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
            let output = resample(from, to, 1, &input);
            let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
            assert!((mean(&input) - mean(&output)).abs() < 1e-5, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn bytes_row_by_row_are_the_rounded_values() {
        let pixels: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 89 % 256) as u8).collect();
        let values: Vec<f32> = pixels.iter().map(|&byte| byte.into()).collect();
        let resampler = Resampler::new([7, 5], [3, 4]).unwrap();
        let mut bytes = [0; 3 * 4 * 3];
        resampler.apply_to_bytes(pixels.chunks_exact(5 * 3), &mut bytes).unwrap();
        for (byte, value) in bytes.iter().zip(resample([7, 5], [3, 4], 3, &values)) {
            assert!((f32::from(*byte) - value).abs() <= 0.5001, "{byte} {value}");
        }
        assert!(resampler.apply_to_bytes(pixels.chunks_exact(5 * 3).take(6), &mut bytes).is_err());
        assert!(resampler.apply_to_bytes(pixels.chunks_exact(5), &mut bytes).is_err());
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(Resampler::new([0, 3], [2, 2]).is_err());
        assert!(Resampler::new([3, 3], [2, MAX_RESOLUTION + 1]).is_err());
        assert!(Resampler::new([MAX_SOURCE + 1, 3], [2, 2]).is_err());
        let resampler = Resampler::new([2, 2], [1, 1]).unwrap();
        assert!(resampler.apply(&[0.0; 5], &mut [0.0; 1]).is_err());
        assert!(resampler.apply(&[], &mut [0.0; 1]).is_err());
        assert!(resampler.apply(&[0.0; 4], &mut [0.0; 2]).is_err());
    }
}
