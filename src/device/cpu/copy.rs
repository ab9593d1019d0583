//! Copies between layouts.

use super::parallel_rows;
use crate::shape::place;

/// The layout of one side of a copy.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Elements between neighbours along each axis.
    pub strides: &'a [u32],
    /// The element at index 0 of all axes.
    pub offset: u32,
}

/// Calls `put` with each element of `y` and the element of `x` at the same index of `extents`. Runs on every core if
/// the elements of `y` are contiguous.
pub fn each<E: Copy + Send + Sync>(
    extents: &[u32],
    (x, from): (&[E], Side),
    (y, to): (&mut [E], Side),
    put: impl Fn(&mut E, E) + Sync,
) {
    let Some((&length, outer)) = extents.split_last() else {
        return put(&mut y[to.offset as usize], x[from.offset as usize]);
    };
    let length = length as usize;
    let (x_step, y_step) = (from.strides[outer.len()] as usize, to.strides[outer.len()] as usize);
    let rows = outer.iter().map(|&extent| extent as usize).product::<usize>();
    let mut dense = 1;
    let packed = extents.iter().zip(to.strides).rev().all(|(&extent, &stride)| {
        let expected = dense;
        dense *= extent;
        stride == expected
    });
    if !packed {
        // The written elements are no contiguous slice, so threads can't split it.
        for row in 0..rows {
            let (at_x, at_y) =
                (place(row, outer, from.strides, from.offset), place(row, outer, to.strides, to.offset));
            for i in 0..length {
                put(&mut y[at_y + i * y_step], x[at_x + i * x_step]);
            }
        }
        return;
    }
    let y = &mut y[to.offset as usize..][..rows * length];
    let put_row = |row: &mut [E], first: usize| {
        if x_step == 1 {
            row.iter_mut().zip(&x[first..]).for_each(|(y, &x)| put(y, x));
        } else {
            row.iter_mut().enumerate().for_each(|(i, y)| put(y, x[first + i * x_step]));
        }
    };
    if rows == 1 {
        parallel_rows(y, 1, 1, |first, run| put_row(run, from.offset as usize + first * x_step));
    } else {
        parallel_rows(y, length, length, |first, run| {
            for (i, row) in run.chunks_exact_mut(length).enumerate() {
                put_row(row, place(first + i, outer, from.strides, from.offset));
            }
        });
    }
}
