// forward:          y = x inside; around it `value`, or x reflected at its edges (REFLECT: c b | a b c | b a)
// reflect_gradient: dx = Σ dy over the places of y that hold an element of x: its own, and those of its reflections
//
// x has `rank` axes of the extents `inner`, y of the extents `outer`; `before` elements of y precede x along an axis. The
// operand (x, or dy) has strides, the output is row-major; an invocation computes one element. Along an axis the pads are
// smaller than x, so an element has at most three places.

struct Params {
    count: u32,
    rank: u32,
    reflect: u32,
    value: f32,
    offset: u32,
    before: array<u32, 6>,
    inner: array<u32, 6>,
    outer: array<u32, 6>,
    strides: array<u32, 6>,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    var left = i;
    var at = p.offset;
    var inside = true;
    for (var axis = p.rank; axis > 0u; axis--) {
        let extent = i32(p.inner[axis - 1u]);
        var place = i32(left % p.outer[axis - 1u]) - i32(p.before[axis - 1u]);
        left /= p.outer[axis - 1u];
        if p.reflect == 1u {
            place = abs(place);
            place = min(place, 2 * (extent - 1) - place);
        }
        inside = inside && place >= 0 && place < extent;
        at += u32(max(place, 0)) * p.strides[axis - 1u];
    }
    if inside { y[i] = Element1(x[at]); } else { y[i] = Element1(p.value); }
}

// The places of element i along an axis. The first `count` of the three are valid.
struct Places {
    count: u32,
    at: array<u32, 3>,
}

fn places(axis: u32, i: u32) -> Places {
    let own = i + p.before[axis];
    var places = Places(1u, array(own, 0u, 0u));
    let last = p.inner[axis] - 1u;
    // An edge is its own reflection.
    if i > 0u && i <= p.before[axis] {
        places.at[1] = p.before[axis] - i;
        places.count = 2u;
    }
    let after = p.before[axis] + 2u * last - i;
    if i < last && after < p.outer[axis] {
        places.at[places.count] = after;
        places.count += 1u;
    }
    return places;
}

@compute @workgroup_size(256)
fn reflect_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    var all = 1u;
    var sum = 0.0;
    for (var turn = 0u; turn < all; turn++) {
        // `turn` counts the combinations of the axes' places.
        var left = i;
        var choice = turn;
        var at = p.offset;
        var combinations = 1u;
        for (var axis = p.rank; axis > 0u; axis--) {
            let along = places(axis - 1u, left % p.inner[axis - 1u]);
            left /= p.inner[axis - 1u];
            at += along.at[choice % along.count] * p.strides[axis - 1u];
            choice /= along.count;
            combinations *= along.count;
        }
        all = combinations;
        sum += f32(x[at]);
    }
    y[i] = Element1(sum);
}
