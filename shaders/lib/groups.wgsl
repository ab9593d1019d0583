// The channels of one of the groups. A group reads no channels of others. The number of groups is a scalar, so that one
// pipeline serves all of them; GROUPED is 0 where there is one group, which then costs nothing.

fn groups() -> u32 {
    return select(1u, p.groups, GROUPED == 1u);
}

fn inputs() -> u32 {
    return p.ci / groups();
}

fn outputs() -> u32 {
    return p.co / groups();
}
