// max_forward:      y = max x over the window            average_forward:  y = Σ x / n over the window
// max_gradient:     dx = Σ dy over the windows of which x is the first maximum
// average_gradient: dx = Σ dy / n over the windows that cover x
//
// Images are [batch, height, width, channels]. A window is what of kernel_h × kernel_w elements lies inside the
// image, n their number; "first" means in row-major order. Forward an invocation computes one element of y, for
// the gradient one element of x, whose windows it visits in order: no two invocations write to one place.

struct Params {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    out_height: u32,
    out_width: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_h: u32,
    pad_w: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@group(0) @binding(0) var<storage, read> dy: array<Element0>;
@group(0) @binding(1) var<storage, read_write> dx_of_average: array<Element1>;

@group(0) @binding(1) var<storage, read> input: array<Element1>;
@group(0) @binding(2) var<storage, read> largest: array<Element2>;
@group(0) @binding(3) var<storage, read_write> dx: array<Element3>;

// First and one past the last position of the image in window `o`, along an axis.
fn inside(o: u32, stride: u32, kernel: u32, pad: u32, extent: u32) -> vec2<u32> {
    let start = o * stride;
    return vec2(max(start, pad) - pad, min(start + kernel - pad, extent));
}

fn rows_of(o: u32) -> vec2<u32> {
    return inside(o, p.stride_h, p.kernel_h, p.pad_h, p.height);
}

fn columns_of(o: u32) -> vec2<u32> {
    return inside(o, p.stride_w, p.kernel_w, p.pad_w, p.width);
}

// First and one past the last window that covers position `i` along an axis.
fn windows_of(i: u32, pad: u32, kernel: u32, stride: u32, count: u32) -> vec2<u32> {
    let last = (i + pad) / stride;
    let beyond = max(i + pad + 1u, kernel) - kernel;
    return vec2((beyond + stride - 1u) / stride, min(last + 1u, count));
}

struct Place {
    image: u32,
    row: u32,
    column: u32,
    channel: u32,
}

fn place(i: u32, height: u32, width: u32) -> Place {
    let pixel = i / p.channels;
    return Place(pixel / width / height, pixel / width % height, pixel % width, i % p.channels);
}

fn at(to: Place, row: u32, column: u32) -> u32 {
    return ((to.image * p.height + row) * p.width + column) * p.channels + to.channel;
}

fn out_at(to: Place, row: u32, column: u32) -> u32 {
    return ((to.image * p.out_height + row) * p.out_width + column) * p.channels + to.channel;
}

@compute @workgroup_size(256)
fn max_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
               @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.out_height * p.out_width * p.channels { return; }
    let to = place(i, p.out_height, p.out_width);
    let rows = rows_of(to.row);
    let columns = columns_of(to.column);
    var best = f32(x[at(to, rows.x, columns.x)]);
    for (var row = rows.x; row < rows.y; row++) {
        for (var column = columns.x; column < columns.y; column++) {
            let value = f32(x[at(to, row, column)]);
            best = select(best, value, value > best || value != value);
        }
    }
    y[i] = Element1(best);
}

@compute @workgroup_size(256)
fn average_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.out_height * p.out_width * p.channels { return; }
    let to = place(i, p.out_height, p.out_width);
    let rows = rows_of(to.row);
    let columns = columns_of(to.column);
    var sum = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
        for (var column = columns.x; column < columns.y; column++) {
            sum += f32(x[at(to, row, column)]);
        }
    }
    y[i] = Element1(sum / f32((rows.y - rows.x) * (columns.y - columns.x)));
}

// Whether an element of the window before (row, column) is as large as the maximum.
fn found_before(to: Place, rows: vec2<u32>, columns: vec2<u32>, best: f32) -> bool {
    for (var row = rows.x; row <= to.row; row++) {
        let end = select(columns.y, to.column, row == to.row);
        for (var column = columns.x; column < end; column++) {
            if f32(input[at(to, row, column)]) == best { return true; }
        }
    }
    return false;
}

@compute @workgroup_size(256)
fn max_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.height * p.width * p.channels { return; }
    let to = place(i, p.height, p.width);
    let window_rows = windows_of(to.row, p.pad_h, p.kernel_h, p.stride_h, p.out_height);
    let window_columns = windows_of(to.column, p.pad_w, p.kernel_w, p.stride_w, p.out_width);
    let value = f32(input[i]);
    var sum = 0.0;
    for (var row = window_rows.x; row < window_rows.y; row++) {
        for (var column = window_columns.x; column < window_columns.y; column++) {
            let o = out_at(to, row, column);
            let best = f32(largest[o]);
            if value == best && !found_before(to, rows_of(row), columns_of(column), best) {
                sum += f32(dy[o]);
            }
        }
    }
    dx[i] = Element3(sum);
}

@compute @workgroup_size(256)
fn average_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.height * p.width * p.channels { return; }
    let to = place(i, p.height, p.width);
    let window_rows = windows_of(to.row, p.pad_h, p.kernel_h, p.stride_h, p.out_height);
    let window_columns = windows_of(to.column, p.pad_w, p.kernel_w, p.stride_w, p.out_width);
    var sum = 0.0;
    for (var row = window_rows.x; row < window_rows.y; row++) {
        let rows = rows_of(row);
        for (var column = window_columns.x; column < window_columns.y; column++) {
            let columns = columns_of(column);
            let n = (rows.y - rows.x) * (columns.y - columns.x);
            sum += f32(dy[out_at(to, row, column)]) / f32(n);
        }
    }
    dx_of_average[i] = Element1(sum);
}
