//! Writes every kernel as SPIR-V into a folder, with a list of them in `kernels.jsonl`: what a Vulkan driver gets.
//! `scripts/shader-stats` compiles them for GPUs that aren't there.
//!
//! ```sh
//! cargo run --example translate_kernels -- FOLDER
//! ```

use allometry::bench::shaders::{Shader, shaders};
use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("the argument is a folder to write to")?);
    std::fs::create_dir_all(&folder)?;
    let mut list = String::new();
    for (i, Shader { work, translation }) in shaders()?.iter().enumerate() {
        let file = format!("{i}.spv");
        let bytes: Vec<u8> = translation.spirv.iter().flat_map(|word| word.to_le_bytes()).collect();
        std::fs::write(folder.join(&file), bytes)?;
        let line = serde_json::json!({
            "file": file,
            "kernel": translation.kernel,
            "entry": translation.entry,
            "work": work,
            "operands": translation.operands,
        });
        writeln!(list, "{line}")?;
    }
    std::fs::write(folder.join("kernels.jsonl"), list)?;
    Ok(())
}
