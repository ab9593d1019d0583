// C = A·B      A: m × k, B: k × n, C: m × n, row-major
//
// The first three steps of a ladder of matrix products; the next steps are the tiles of lib/. Each step adds one
// idea. These kernels are for reading and timing; matmul.wgsl is the kernel that ops use.
//
// A product of two n × n matrices has n³ multiplications. If nothing is reused, each operand is read n times. Each
// step reuses more: `naive` nothing, `workgroup_tile` from workgroup memory, `register_tile` from registers. The next
// step is lib/tile.wgsl: it moves vectors of four numbers and loads the next slab while it computes, first with a
// tile of 64 × 64, then with one of 128 × 128.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

// An element of A; zero outside.
fn a_at(m: u32, k: u32) -> f32 {
    if m >= p.m || k >= p.k { return 0.0; }
    return a[m * p.k + k];
}

fn b_at(k: u32, n: u32) -> f32 {
    if k >= p.k || n >= p.n { return 0.0; }
    return b[k * p.n + n];
}

fn put(m: u32, n: u32, value: f32) {
    if m < p.m && n < p.n { c[m * p.n + n] = value; }
}

// Step 1. An invocation computes one element and reads a whole row of A and a whole column of B. Neighbouring
// invocations read the same row of A and neighbouring elements of B, so the loads of a workgroup are contiguous.
@compute @workgroup_size(256)
fn naive(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let tile = group_index(group, groups);
    let columns = (p.n + 15u) / 16u;
    let m = tile / columns * 16u + lane / 16u;
    let n = tile % columns * 16u + lane % 16u;
    var sum = 0.0;
    for (var k = 0u; k < p.k; k++) {
        sum = fma(a_at(m, k), b_at(k, n), sum);
    }
    put(m, n, sum);
}

// Step 2. A workgroup computes a tile of 16 × 16. It copies slabs of 16 along k into workgroup memory, where 16
// invocations read each value.
var<workgroup> small_a: array<f32, 256>;
var<workgroup> small_b: array<f32, 256>;

@compute @workgroup_size(256)
fn workgroup_tile(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                  @builtin(local_invocation_index) lane: u32) {
    let tile = group_index(group, groups);
    let columns = (p.n + 15u) / 16u;
    // The host splits the number of workgroups into two dimensions, so there may be more than needed.
    if tile >= (p.m + 15u) / 16u * columns { return; }
    let y = lane / 16u;
    let x = lane % 16u;
    let m = tile / columns * 16u + y;
    let n = tile % columns * 16u + x;
    var sum = 0.0;
    for (var k = 0u; k < p.k; k += 16u) {
        small_a[lane] = a_at(m, k + x);
        small_b[lane] = b_at(k + y, n);
        workgroupBarrier();
        for (var s = 0u; s < 16u; s++) {
            sum = fma(small_a[y * 16u + s], small_b[s * 16u + x], sum);
        }
        workgroupBarrier();
    }
    put(m, n, sum);
}

// Step 3. Step 2 loads two values from workgroup memory for each multiply-add. Here an invocation computes 4 × 4
// elements in registers: eight loads serve sixteen multiply-adds. The workgroup's tile is 64 × 64. The rows and
// columns of an invocation are 16 apart, so that neighbouring invocations access neighbouring elements.
var<workgroup> slab_a: array<f32, 1024>;
var<workgroup> slab_b: array<f32, 1024>;

@compute @workgroup_size(256)
fn register_tile(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let tile = group_index(group, groups);
    let columns = (p.n + 63u) / 64u;
    if tile >= (p.m + 63u) / 64u * columns { return; }
    let y = lane / 16u;
    let x = lane % 16u;
    let m = tile / columns * 64u;
    let n = tile % columns * 64u;
    var sum: array<array<f32, 4>, 4>;
    for (var k = 0u; k < p.k; k += 16u) {
        for (var i = 0u; i < 4u; i++) {
            slab_a[x * 64u + i * 16u + y] = a_at(m + i * 16u + y, k + x);
            slab_b[y * 64u + i * 16u + x] = b_at(k + y, n + i * 16u + x);
        }
        workgroupBarrier();
        for (var s = 0u; s < 16u; s++) {
            var row: array<f32, 4>;
            for (var j = 0u; j < 4u; j++) {
                row[j] = slab_b[s * 64u + j * 16u + x];
            }
            for (var i = 0u; i < 4u; i++) {
                let value = slab_a[s * 64u + i * 16u + y];
                for (var j = 0u; j < 4u; j++) {
                    sum[i][j] = fma(value, row[j], sum[i][j]);
                }
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            put(m + i * 16u + y, n + j * 16u + x, sum[i][j]);
        }
    }
}
