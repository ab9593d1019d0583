//! Fuzzes the reader `archive` of `tests/readers`.

#![no_main]

#[path = "../../tests/readers/mod.rs"]
mod readers;

#[global_allocator]
static GUARD: readers::Guard = readers::Guard;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    readers::run("archive", bytes);
});
