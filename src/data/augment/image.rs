//! The random changes of one image: rows of pixels of channels, from 0 to 1.

use super::Augment;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Times that a rectangle of a random shape is drawn before the whole image is taken.
const TRIES: usize = 10;
/// The extremes of the ratio of its sides.
const RATIO: f64 = 4.0 / 3.0;
/// Weights of red, green and blue in grey (ITU-R BT.601), as Pillow has them.
const GREY: [f32; 3] = [0.299, 0.587, 0.114];

/// `[height, width, channels]`
pub type Shape = [usize; 3];

/// The generator of a sample: its numbers follow from the seed, the epoch and the index alone.
pub fn generator(seed: u64, epoch: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, number) in key.chunks_exact_mut(8).zip([seed, epoch, index, u64::from_le_bytes(*b"augment_")])
    {
        part.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

impl Augment {
    /// Changes an image in place, except for cutout and mixup.
    pub fn change(&self, shape: Shape, image: &mut [f32], random: &mut ChaCha8Rng) {
        let mut spare = Vec::new();
        let mut apply = |image: &mut [f32], change: &dyn Fn(&[f32], &mut [f32])| {
            spare.clear();
            spare.extend_from_slice(image);
            change(&spare, image);
        };
        if self.resized_crop > 0.0 {
            let window = window(shape, self.resized_crop, random);
            apply(image, &|from, to| resize_window(shape, from, window, to));
        }
        if self.crop > 0 {
            let mut shift = || random.random_range(0..=2 * self.crop) as isize - self.crop as isize;
            let [down, right] = [shift(), shift()];
            apply(image, &|from, to| shifted(shape, from, [down, right], to));
        }
        if self.flip && random.random::<bool>() {
            flip(shape, image);
        }
        if self.rotate > 0.0 {
            let degrees = random.random_range(-self.rotate..=self.rotate);
            apply(image, &|from, to| rotated(shape, from, degrees, to));
        }
        let mut factor = |strength: f64| random.random_range(1.0 - strength..=1.0 + strength) as f32;
        if self.brightness > 0.0 {
            let factor = factor(self.brightness);
            image.iter_mut().for_each(|value| *value = (*value * factor).clamp(0.0, 1.0));
        }
        if self.contrast > 0.0 {
            change_contrast(shape, image, factor(self.contrast));
        }
    }

    /// Sets a square around a random pixel to zero, as far as it lies inside the image.
    pub fn cut_out(&self, shape: Shape, image: &mut [f32], random: &mut ChaCha8Rng) {
        if self.cutout == 0 {
            return;
        }
        let [height, width, channels] = shape;
        let [top, left] = [height, width].map(|size| random.random_range(0..size));
        let range = |centre: usize, size: usize| {
            let start = centre as isize - (self.cutout / 2) as isize;
            let end = start + self.cutout as isize;
            start.max(0) as usize..(end.max(0) as usize).min(size)
        };
        let columns = range(left, width);
        for row in image
            .chunks_exact_mut(width * channels)
            .take(range(top, height).end)
            .skip(range(top, height).start)
        {
            row[columns.start * channels..columns.end * channels].fill(0.0);
        }
    }
}

/// Moves an image: pixel (y, x) is that at (y + down, x + right) before; black comes in from outside.
fn shifted([height, width, channels]: Shape, from: &[f32], [down, right]: [isize; 2], to: &mut [f32]) {
    to.fill(0.0);
    for y in 0..height {
        let Some(source) = y.checked_add_signed(down).filter(|&source| source < height) else { continue };
        let first = (-right).clamp(0, width as isize) as usize;
        let last = (width as isize - right).clamp(0, width as isize) as usize;
        if first >= last {
            continue;
        }
        let start = (source * width) as isize + first as isize + right;
        let count = (last - first) * channels;
        to[(y * width + first) * channels..][..count]
            .copy_from_slice(&from[start as usize * channels..][..count]);
    }
}

/// Mirrors an image from left to right.
fn flip([_, width, channels]: Shape, image: &mut [f32]) {
    for row in image.chunks_exact_mut(width * channels) {
        for x in 0..width / 2 {
            for channel in 0..channels {
                row.swap(x * channels + channel, (width - 1 - x) * channels + channel);
            }
        }
    }
}

/// Rotates an image counter-clockwise around its centre, between pixels by bilinear interpolation; black comes in from
/// outside.
fn rotated([height, width, channels]: Shape, from: &[f32], degrees: f64, to: &mut [f32]) {
    let (sine, cosine) = (degrees.to_radians().sin() as f32, degrees.to_radians().cos() as f32);
    let centre = [height, width].map(|size| (size as f32 - 1.0) / 2.0);
    for y in 0..height {
        for x in 0..width {
            let (down, right) = (y as f32 - centre[0], x as f32 - centre[1]);
            let source = [centre[0] + right * sine + down * cosine, centre[1] + right * cosine - down * sine];
            let pixel = &mut to[(y * width + x) * channels..][..channels];
            pixel.fill(0.0);
            let [row, column] = source.map(f32::floor);
            let [below, beside] = [source[0] - row, source[1] - column];
            for (row, weight) in [(row, 1.0 - below), (row + 1.0, below)] {
                for (column, weight) in [(column, weight * (1.0 - beside)), (column + 1.0, weight * beside)] {
                    let inside = row >= 0.0 && column >= 0.0 && row < height as f32 && column < width as f32;
                    if inside && weight > 0.0 {
                        let source = &from[(row as usize * width + column as usize) * channels..][..channels];
                        pixel.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * value);
                    }
                }
            }
        }
    }
}

/// A random rectangle of at least this part of the area: top, left, height, width.
fn window([height, width, _]: Shape, least: f64, random: &mut ChaCha8Rng) -> [usize; 4] {
    let area = (height * width) as f64;
    for _ in 0..TRIES {
        let area = area * random.random_range(least..=1.0);
        let ratio = random.random_range(-RATIO.ln()..=RATIO.ln()).exp();
        let [rows, columns] =
            [(area / ratio).sqrt(), (area * ratio).sqrt()].map(|size| size.round() as usize);
        if (1..=height).contains(&rows) && (1..=width).contains(&columns) {
            let top = random.random_range(0..=height - rows);
            let left = random.random_range(0..=width - columns);
            return [top, left, rows, columns];
        }
    }
    [0, 0, height, width]
}

/// Resizes a rectangle to the whole image, by bilinear interpolation between the centres of pixels.
fn resize_window([height, width, channels]: Shape, from: &[f32], window: [usize; 4], to: &mut [f32]) {
    let [top, left, rows, columns] = window;
    // For each place: the two source places, and the weight of the second.
    let places = |size: usize, start: usize, count: usize| -> Vec<(usize, usize, f32)> {
        let last = count as f32 - 1.0;
        let source =
            |place: usize| ((place as f32 + 0.5) * count as f32 / size as f32 - 0.5).clamp(0.0, last);
        let pair = |source: f32| {
            let first = source as usize;
            (start + first, start + (first + 1).min(count - 1), source - first as f32)
        };
        (0..size).map(|place| pair(source(place))).collect()
    };
    let (vertical, horizontal) = (places(height, top, rows), places(width, left, columns));
    for (row, &(upper, lower, below)) in to.chunks_exact_mut(width * channels).zip(&vertical) {
        for (pixel, &(before, after, beside)) in row.chunks_exact_mut(channels).zip(&horizontal) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let at = |row: usize, column: usize| from[(row * width + column) * channels + channel];
                let mix = |a: f32, b: f32, weight: f32| a + (b - a) * weight;
                let line = |row: usize| mix(at(row, before), at(row, after), beside);
                *value = mix(line(upper), line(lower), below);
            }
        }
    }
}

/// Multiplies the distance of each value from the image's mean in grey.
fn change_contrast(shape: Shape, image: &mut [f32], factor: f32) {
    let mean = mean_grey(shape, image);
    image.iter_mut().for_each(|value| *value = (mean + (*value - mean) * factor).clamp(0.0, 1.0));
}

/// The mean of an image in grey.
fn mean_grey([height, width, channels]: Shape, image: &[f32]) -> f32 {
    let grey = |pixel: &[f32]| match channels {
        3 => pixel.iter().zip(GREY).map(|(value, weight)| value * weight).sum::<f32>(),
        _ => pixel.iter().sum::<f32>() / channels as f32,
    };
    image.chunks_exact(channels).map(grey).sum::<f32>() / (height * width) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = [4, 5, 3];

    fn image() -> Vec<f32> {
        (0..60).map(|i| (i * 37 % 61) as f32 / 61.0).collect()
    }

    fn pixel(image: &[f32], y: usize, x: usize) -> &[f32] {
        &image[(y * 5 + x) * 3..][..3]
    }

    #[test]
    fn flipping_twice_is_the_identity_and_once_mirrors_pixels() {
        let mut flipped = image();
        flip(SHAPE, &mut flipped);
        assert_eq!(pixel(&flipped, 1, 0), pixel(&image(), 1, 4));
        assert_eq!(pixel(&flipped, 3, 2), pixel(&image(), 3, 2));
        flip(SHAPE, &mut flipped);
        assert_eq!(flipped, image());
    }

    #[test]
    fn a_crop_shifts_and_fills_with_black() {
        let mut to = vec![f32::NAN; 60];
        for down in -5..=5isize {
            for right in -6..=6isize {
                shifted(SHAPE, &image(), [down, right], &mut to);
                for y in 0..4 {
                    for x in 0..5 {
                        let (row, column) = (y as isize + down, x as isize + right);
                        let inside = (0..4).contains(&row) && (0..5).contains(&column);
                        let original = image();
                        let wanted =
                            if inside { pixel(&original, row as usize, column as usize) } else { &[0.0; 3] };
                        assert_eq!(pixel(&to, y, x), wanted, "{down} {right}: {y} {x}");
                    }
                }
            }
        }
    }

    #[test]
    fn rotations_by_right_angles_move_pixels() {
        let shape = [5, 5, 1];
        let image: Vec<f32> = (0..25).map(|i| i as f32 / 25.0).collect();
        let mut to = vec![0.0; 25];
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a} {b}");
        for (degrees, source) in [(0.0, [1, 3]), (90.0, [3, 3]), (180.0, [3, 1]), (-90.0, [1, 1])] {
            rotated(shape, &image, degrees, &mut to);
            near(to[5 + 3], image[source[0] * 5 + source[1]]);
        }
        rotated(shape, &image, 45.0, &mut to);
        // The corner comes from the middle of the upper side, as far as it lies inside.
        near(to[0], image[2] * (3.0 - 8f32.sqrt()));
        near(to[12], image[12]);
    }

    /// The values of torchvision, which has other weights of grey in the fourth decimal.
    #[test]
    fn rotations_crops_and_contrast_are_those_of_torchvision() {
        #[derive(serde::Deserialize)]
        struct Recorded {
            rotated: Vec<(f64, Vec<f32>)>,
            resized: Vec<([usize; 4], Vec<f32>)>,
            contrast: Vec<(f32, Vec<f32>)>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/augmentations.json");
        let recorded: Recorded = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut to = image();
        let compare = |what: String, found: &[f32], expected: &[f32], bound: f32| {
            let largest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == expected.len() && largest < bound, "{what}: {largest}");
        };
        for (degrees, expected) in &recorded.rotated {
            rotated(SHAPE, &image(), *degrees, &mut to);
            compare(format!("rotated by {degrees}"), &to, expected, 5e-6);
        }
        for (window, expected) in &recorded.resized {
            resize_window(SHAPE, &image(), *window, &mut to);
            compare(format!("{window:?} resized"), &to, expected, 5e-6);
        }
        for (factor, expected) in &recorded.contrast {
            let mut image = image();
            change_contrast(SHAPE, &mut image, *factor);
            compare(format!("contrast of {factor}"), &image, expected, 2e-4);
        }
        let counts = [recorded.rotated.len(), recorded.resized.len(), recorded.contrast.len()];
        assert_eq!(counts, [3, 3, 2]);
    }

    #[test]
    fn a_resized_window_interpolates_and_the_whole_stays() {
        let mut to = vec![0.0; 60];
        resize_window(SHAPE, &image(), [0, 0, 4, 5], &mut to);
        assert!(to.iter().zip(image()).all(|(a, b)| (a - b).abs() < 1e-6));
        // Doubling two pixels: quarters between their centres, and the pixels themselves outside.
        let mut to = [0.0; 4];
        resize_window([1, 4, 1], &[9.0, 0.0, 1.0, 9.0], [0, 1, 1, 2], &mut to);
        assert_eq!(to, [0.0, 0.25, 0.75, 1.0]);
        let mut random = generator(1, 2, 3);
        for _ in 0..200 {
            let [top, left, rows, columns] = window([20, 30, 1], 0.3, &mut random);
            assert!(top + rows <= 20 && left + columns <= 30);
            let area = rows * columns;
            assert!((150..=600).contains(&area), "{rows} × {columns}");
        }
    }

    #[test]
    fn brightness_and_contrast_keep_to_their_range() {
        let mut image = image();
        let augment = Augment { brightness: 0.5, ..Augment::default() };
        let (mut changed, mut random) = (image.clone(), generator(0, 0, 1));
        augment.change(SHAPE, &mut changed, &mut random);
        let factor = changed[1] / image[1];
        assert!((0.5..=1.5).contains(&factor) && factor != 1.0);
        assert!(changed.iter().zip(&image).all(|(a, b)| (a - (b * factor).min(1.0)).abs() < 1e-6));
        // A grey image keeps its mean.
        image = vec![0.4; 60];
        image[..30].fill(0.6);
        let augment = Augment { contrast: 0.5, ..Augment::default() };
        augment.change(SHAPE, &mut image, &mut random);
        assert!((mean_grey(SHAPE, &image) - 0.5).abs() < 1e-6 && image[0] != 0.6);
    }

    #[test]
    fn cutout_clears_one_square() {
        let augment = Augment { cutout: 2, ..Augment::default() };
        let mut sizes = Vec::new();
        for index in 0..100 {
            let mut image = vec![1.0; 60];
            augment.cut_out(SHAPE, &mut image, &mut generator(7, 0, index));
            let cleared = image.iter().filter(|&&value| value == 0.0).count();
            assert!([3, 6, 12].contains(&cleared), "{cleared}");
            sizes.push(cleared);
        }
        assert!(sizes.contains(&12) && sizes.contains(&6));
    }

    #[test]
    fn numbers_follow_from_seed_epoch_and_index() {
        let draw = |seed, epoch, index| generator(seed, epoch, index).random::<u64>();
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        let others = [draw(0, 2, 3), draw(1, 0, 3), draw(1, 2, 0), draw(2, 1, 3)];
        assert!(others.iter().all(|&other| other != draw(1, 2, 3)));
    }
}
