//! The fuzz targets, which the ordinary test run replays seeds through as well: see `tests/fuzz_seeds.rs`.

#[path = "../../tests/fuzz_targets/mod.rs"]
mod targets;

pub use targets::*;
