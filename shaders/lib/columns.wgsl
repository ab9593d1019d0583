// Reads a matrix of p.rows rows of p.channels neighbours with workgroups of 256 invocations. The channels are divided
// into blocks of at most 64. A workgroup has one block and a number of consecutive rows, its tile: an invocation has one
// channel of the block and every `lanes`-th row of the tile. Neighbouring invocations read neighbouring elements.

struct Place {
    tile: u32,
    channel: u32,
    // The first row of the tile that this invocation reads, counted from the tile's first.
    row: u32,
    // The distance to the next one, and the number of invocations of one channel.
    lanes: u32,
    // The distance of invocations of one channel.
    columns: u32,
    // The last invocations may have nothing to read.
    inside: bool,
}

fn place(group: u32, lane: u32) -> Place {
    let blocks = (p.channels + 63u) / 64u;
    let columns = (p.channels + blocks - 1u) / blocks;
    let lanes = 256u / columns;
    let row = lane / columns;
    let channel = group % blocks * columns + lane % columns;
    return Place(group / blocks, channel, row, lanes, columns, row < lanes && channel < p.channels);
}
