// max_forward:      y = max x over the window            average_forward:  y = Σ x / n over the window
// max_gradient:     dx = Σ dy over the windows of which x is the first maximum
// max_gradient_apart: the same for windows that do not overlap
// average_gradient: dx = Σ dy / n over the windows that cover x
//
// Images are [batch, height, width, channels]. A window consists of those of its kernel_h × kernel_w elements that
// are inside the image; n is their number. "First" is in row-major order. An invocation computes four neighbouring
// channels: of one pixel of y (forward), of one pixel of x, whose windows it visits in order (gradients), or of all
// pixels of one window (max_gradient_apart). So no two invocations write to one place. VECTOR means that the number
// of channels is a multiple of four.

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

// Forward: x and y. Gradient of the average: dy and dx.
@group(0) @binding(0) var<storage, read> x: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Element1>>;

// Gradient of the maximum: dy is bound as x; these are x and y.
@group(0) @binding(1) var<storage, read> input: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> largest: array<vec4<Element2>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<Element3>>;

// Four channels from element i on. Nothing is read beyond the last channel of the last pixel.
fn x_quad(i: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(x[i / 4u]); }
    var quad: vec4<f32>;
    for (var j = 0u; j < 4u; j++) { quad[j] = f32(x[(i + j) / 4u][(i + j) % 4u]); }
    return quad;
}

fn input_quad(i: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(input[i / 4u]); }
    var quad: vec4<f32>;
    for (var j = 0u; j < 4u; j++) { quad[j] = f32(input[(i + j) / 4u][(i + j) % 4u]); }
    return quad;
}

fn largest_quad(i: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(largest[i / 4u]); }
    var quad: vec4<f32>;
    for (var j = 0u; j < 4u; j++) { quad[j] = f32(largest[(i + j) / 4u][(i + j) % 4u]); }
    return quad;
}

// Stores the channels of the vector that exist.
fn store_y(i: u32, channel: u32, quad: vec4<f32>) {
    if VECTOR == 1u {
        y[i / 4u] = vec4<Element1>(quad);
        return;
    }
    for (var j = 0u; j < 4u && channel + j < p.channels; j++) {
        y[(i + j) / 4u][(i + j) % 4u] = Element1(quad[j]);
    }
}

fn store_dx(i: u32, channel: u32, quad: vec4<f32>) {
    if VECTOR == 1u {
        dx[i / 4u] = vec4<Element3>(quad);
        return;
    }
    for (var j = 0u; j < 4u && channel + j < p.channels; j++) {
        dx[(i + j) / 4u][(i + j) % 4u] = Element3(quad[j]);
    }
}

// The first position of window `o` inside the image, and the position after its last, along an axis.
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

// The first window that covers position `i`, and the window after the last, along an axis.
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

// The number of vectors of four channels in a pixel. The last one may extend beyond the channels.
fn quads() -> u32 {
    return (p.channels + 3u) / 4u;
}

fn place(i: u32, height: u32, width: u32) -> Place {
    let pixel = i / quads();
    let row = pixel / width;
    return Place(row / height, row % height, pixel % width, i % quads() * 4u);
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
    if i >= p.batch * p.out_height * p.out_width * quads() { return; }
    let to = place(i, p.out_height, p.out_width);
    let rows = rows_of(to.row);
    let columns = columns_of(to.column);
    var best = x_quad(at(to, rows.x, columns.x));
    for (var row = rows.x; row < rows.y; row++) {
        for (var column = columns.x; column < columns.y; column++) {
            let value = x_quad(at(to, row, column));
            best = select(best, value, (value > best) | !(value == value));
        }
    }
    store_y(out_at(to, to.row, to.column), to.channel, best);
}

@compute @workgroup_size(256)
fn average_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.out_height * p.out_width * quads() { return; }
    let to = place(i, p.out_height, p.out_width);
    let rows = rows_of(to.row);
    let columns = columns_of(to.column);
    var sum = vec4(0.0);
    for (var row = rows.x; row < rows.y; row++) {
        for (var column = columns.x; column < columns.y; column++) {
            sum += x_quad(at(to, row, column));
        }
    }
    let n = (rows.y - rows.x) * (columns.y - columns.x);
    store_y(out_at(to, to.row, to.column), to.channel, sum / f32(n));
}

// The channels in which an element of the window before (row, column) is as large as the maximum.
fn found_before(to: Place, rows: vec2<u32>, columns: vec2<u32>, best: vec4<f32>) -> vec4<bool> {
    var found = vec4(false);
    for (var row = rows.x; row <= to.row; row++) {
        let end = select(columns.y, to.column, row == to.row);
        for (var column = columns.x; column < end; column++) {
            found = found | (input_quad(at(to, row, column)) == best);
        }
    }
    return found;
}

@compute @workgroup_size(256)
fn max_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.height * p.width * quads() { return; }
    let to = place(i, p.height, p.width);
    let window_rows = windows_of(to.row, p.pad_h, p.kernel_h, p.stride_h, p.out_height);
    let window_columns = windows_of(to.column, p.pad_w, p.kernel_w, p.stride_w, p.out_width);
    let value = input_quad(at(to, to.row, to.column));
    var sum = vec4(0.0);
    for (var row = window_rows.x; row < window_rows.y; row++) {
        for (var column = window_columns.x; column < window_columns.y; column++) {
            let o = out_at(to, row, column);
            let best = largest_quad(o);
            let first = (value == best) & !found_before(to, rows_of(row), columns_of(column), best);
            sum += select(vec4(0.0), x_quad(o), first);
        }
    }
    store_dx(at(to, to.row, to.column), to.channel, sum);
}

// The first position that an invocation writes, and the position after the last, along an axis: from window `o` to
// the next one. The first and the last window extend to the edges of the image.
fn cell(o: u32, stride: u32, pad: u32, count: u32, extent: u32) -> vec2<u32> {
    let start = select(o * stride - pad, 0u, o == 0u);
    return vec2(start, select((o + 1u) * stride - pad, extent, o + 1u == count));
}

@compute @workgroup_size(256)
fn max_gradient_apart(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                      @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.out_height * p.out_width * quads() { return; }
    let to = place(i, p.out_height, p.out_width);
    let rows = rows_of(to.row);
    let columns = columns_of(to.column);
    let all_rows = cell(to.row, p.stride_h, p.pad_h, p.out_height, p.height);
    let all_columns = cell(to.column, p.stride_w, p.pad_w, p.out_width, p.width);
    let o = out_at(to, to.row, to.column);
    let best = largest_quad(o);
    let dy = x_quad(o);
    var found = vec4(false);
    for (var row = all_rows.x; row < all_rows.y; row++) {
        for (var column = all_columns.x; column < all_columns.y; column++) {
            let in_window = row >= rows.x && row < rows.y && column >= columns.x && column < columns.y;
            let here = at(to, row, column);
            let first = (input_quad(here) == best) & !found & vec4(in_window);
            store_dx(here, to.channel, select(vec4(0.0), dy, first));
            found = found | first;
        }
    }
}

@compute @workgroup_size(256)
fn average_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.batch * p.height * p.width * quads() { return; }
    let to = place(i, p.height, p.width);
    let window_rows = windows_of(to.row, p.pad_h, p.kernel_h, p.stride_h, p.out_height);
    let window_columns = windows_of(to.column, p.pad_w, p.kernel_w, p.stride_w, p.out_width);
    var sum = vec4(0.0);
    for (var row = window_rows.x; row < window_rows.y; row++) {
        let rows = rows_of(row);
        for (var column = window_columns.x; column < window_columns.y; column++) {
            let columns = columns_of(column);
            let n = (rows.y - rows.x) * (columns.y - columns.x);
            sum += x_quad(out_at(to, row, column)) / f32(n);
        }
    }
    store_y(at(to, to.row, to.column), to.channel, sum);
}
