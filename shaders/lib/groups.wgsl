// The channels of one of GROUPS groups. A group reads no channels of others.

fn inputs() -> u32 {
    return p.ci / GROUPS;
}

fn outputs() -> u32 {
    return p.co / GROUPS;
}
