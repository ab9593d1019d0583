//! Models and data sets that a test can afford, as files.

use crate::process::text;
use std::fs;
use std::path::Path;

/// A convolutional model that a test can afford, as a TOML file.
pub fn small_convnet(place: &Path) -> String {
    let path = place.join("small.toml");
    let toml = r#"
        name = "small"
        head = "global_average"
        input = { image = { resolution = 8, channels = 1 } }
        output = { classes = 10 }
        stages = [
            { block = "conv", width = 8 },
            { block = "conv", width = 16, stride = 2 },
        ]
    "#;
    fs::write(&path, toml).unwrap();
    text(&path).to_string()
}

/// A dense model that a test can afford: its sweep is over quickly, but not at once.
pub fn small_mlp(place: &Path) -> String {
    let path = place.join("small-mlp.toml");
    let toml = r#"
        name = "small-mlp"
        dropout = 0.1
        input = { image = { resolution = 8, channels = 1 } }
        output = { classes = 10 }
        stages = [{ block = "dense", width = 16, depth = 2 }]
    "#;
    fs::write(&path, toml).unwrap();
    text(&path).to_string()
}

/// A data set in MNIST's files: 8 × 8 images with one bright row each, whose number is the label.
pub fn small_mnist(place: &Path) {
    let idx = |extents: &[u32], values: &[u8]| {
        let mut file = vec![0, 0, 8, extents.len() as u8];
        extents.iter().for_each(|extent| file.extend(extent.to_be_bytes()));
        file.extend(values);
        file
    };
    for (part, count) in [("train", 64u32), ("t10k", 24)] {
        let labels: Vec<u8> = (0..count).map(|i| (i % 8) as u8).collect();
        let pixels: Vec<u8> = labels
            .iter()
            .flat_map(|&label| (0..64u8).map(move |pixel| if pixel / 8 == label { 255 } else { pixel }))
            .collect();
        fs::write(place.join(format!("{part}-images-idx3-ubyte")), idx(&[count, 8, 8], &pixels)).unwrap();
        fs::write(place.join(format!("{part}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }
}

/// A table whose last column is a sum of the others, and whose first is another one.
pub fn small_csv(place: &Path) -> String {
    let path = place.join("table.csv");
    let mut table = "difference,a,b,c,sum\n".to_string();
    for row in 0..80 {
        let [a, b, c] = [7, 11, 13].map(|step| ((row * step) % 17) as f64 / 17.0 - 0.5);
        table += &format!("{},{a},{b},{c},{}\n", a - b, a + b + c);
    }
    fs::write(&path, table).unwrap();
    text(&path).to_string()
}
