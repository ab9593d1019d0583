// Counter-based random numbers: four 32-bit words from four 32-bit counters (pcg4d; M. Jarzynski and M. Olano, Hash
// Functions for GPU Rendering, Journal of Computer Graphics Techniques 9(3), 2020). src/ops/dropout.rs computes the
// same words.

fn random(counter: vec4<u32>) -> vec4<u32> {
    var v = counter * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}
