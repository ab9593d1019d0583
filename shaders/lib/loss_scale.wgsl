// Where the loss scale's numbers lie; src/optim/loss_scale/kernels.rs has the same list.

const SCALE: u32 = 0u;
// Steps since the scale changed.
const GOOD: u32 = 1u;
const SKIPPED: u32 = 2u;
// 1 / scale of the gradients of this step, 0 if the step is skipped.
const UNSCALE: u32 = 3u;
// Updates so far: t; and 1 - β₁ᵗ, 1 - β₂ᵗ.
const UPDATES: u32 = 4u;
const WEIGHT1: u32 = 5u;
const WEIGHT2: u32 = 6u;
