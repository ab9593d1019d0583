//! Loops over elements, compiled for the widest vectors of the processor. The computation is a closure, which the
//! compiler inlines into each version of the loop. It is passed by value: the call through a reference to a closure is
//! a function of its own, and it was not inlined where that was compiled apart from the loop (Adam then took most of
//! the time of a dense network). Elements are independent of each other, so their order does not matter.

use super::on_every_core;
use multiversion::multiversion;

/// Elements that a thread updates at a time.
const PIECE: usize = 1 << 14;

/// `run[i] = f(x[i·step])`. Neighbours (step 1) have a loop of their own, which the compiler vectorises.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn map<T: Copy>(run: &mut [T], x: &[T], step: usize, f: impl Fn(T) -> T) {
    if step == 1 {
        run.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x));
    } else {
        run.iter_mut().enumerate().for_each(|(i, y)| *y = f(x[i * step]));
    }
}

/// `run[i] = f(run[i])`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn map_in_place<T: Copy>(run: &mut [T], f: impl Fn(T) -> T) {
    run.iter_mut().for_each(|y| *y = f(*y));
}

/// `run[i] = f(a[i·a_step], b[i·b_step])`. Neighbours (step 1) and single numbers (step 0) have loops of their own.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn zip<T: Copy>(
    run: &mut [T],
    (a, a_step): (&[T], usize),
    (b, b_step): (&[T], usize),
    f: impl Fn(T, T) -> T,
) {
    match (a_step, b_step) {
        (1, 1) => run.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f(a, b)),
        (1, 0) => run.iter_mut().zip(a).for_each(|(y, &a)| *y = f(a, b[0])),
        (0, 1) => run.iter_mut().zip(b).for_each(|(y, &b)| *y = f(a[0], b)),
        _ => run.iter_mut().enumerate().for_each(|(i, y)| *y = f(a[i * a_step], b[i * b_step])),
    }
}

/// `run[i] = f(run[i], s[i])`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn zip_in_place<T: Copy>(run: &mut [T], s: &[T], f: impl Fn(T, T) -> T) {
    run.iter_mut().zip(s).for_each(|(y, &s)| *y = f(*y, s));
}

/// Adds `bias` to each row of `rows`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn add_to_rows(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(z, &b)| *z += b);
    }
}

/// `[a[i], b[i]] = f([a[i], b[i]], g[i])`, on every core.
pub fn update_two<T: Copy + Send + Sync>(
    a: &mut [T],
    b: &mut [T],
    g: &[T],
    f: impl Fn([T; 2], T) -> [T; 2] + Copy + Sync,
) {
    let pieces = a.chunks_mut(PIECE).zip(b.chunks_mut(PIECE)).zip(g.chunks(PIECE));
    on_every_core(pieces.collect(), 1, &|((a, b), g)| update_two_piece(a, b, g, f));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn update_two_piece<T: Copy>(a: &mut [T], b: &mut [T], g: &[T], f: impl Fn([T; 2], T) -> [T; 2]) {
    for ((a, b), &g) in a.iter_mut().zip(b).zip(g) {
        [*a, *b] = f([*a, *b], g);
    }
}

/// `[a[i], b[i], c[i]] = f([a[i], b[i], c[i]], g[i])`, on every core.
pub fn update_three<T: Copy + Send + Sync>(
    a: &mut [T],
    b: &mut [T],
    c: &mut [T],
    g: &[T],
    f: impl Fn([T; 3], T) -> [T; 3] + Copy + Sync,
) {
    let two = b.chunks_mut(PIECE).zip(c.chunks_mut(PIECE));
    let pieces = a.chunks_mut(PIECE).zip(g.chunks(PIECE)).zip(two);
    on_every_core(pieces.collect(), 1, &|((a, g), (b, c))| update_three_piece(a, b, c, g, f));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn update_three_piece<T: Copy>(
    a: &mut [T],
    b: &mut [T],
    c: &mut [T],
    g: &[T],
    f: impl Fn([T; 3], T) -> [T; 3],
) {
    for (((a, &g), b), c) in a.iter_mut().zip(g).zip(b).zip(c) {
        [*a, *b, *c] = f([*a, *b, *c], g);
    }
}
