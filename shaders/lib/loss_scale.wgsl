// Indices in the state of the loss scale, as in src/optim/loss_scale/kernels.rs.

const SCALE: u32 = 0u;
// Finite steps since the scale changed.
const GOOD: u32 = 1u;
const SKIPPED: u32 = 2u;
// 1 / scale of the gradients of this step; 0 if the step is skipped.
const UNSCALE: u32 = 3u;
// The number of updates t; then 1 - β₁ᵗ and 1 - β₂ᵗ.
const UPDATES: u32 = 4u;
const WEIGHT1: u32 = 5u;
const WEIGHT2: u32 = 6u;
