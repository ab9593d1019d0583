//! Operators that arrange elements anew.

use crate::call::{Call, from_end};
use allometry::{Result, Shape, Tensor};

pub fn expand(call: &Call) -> Result<Tensor> {
    let (extents, _) = call.indices(1).expect("a shape");
    let extents: Vec<usize> = extents.iter().map(|&extent| extent as usize).collect();
    let wide = call.x(0).shape().broadcast(&Shape::new(&extents)?).expect("shapes that broadcast");
    call.x(0).broadcast_to(wide)
}

pub fn flatten(call: &Call) -> Result<Tensor> {
    let shape = call.x(0).shape();
    let axis = from_end(call.integer("axis", 1), shape.rank());
    let rows = shape[..axis].iter().product();
    call.x(0).reshape([rows, shape.elements() / rows])
}

pub fn reshape(call: &Call) -> Result<Tensor> {
    let shape = call.x(0).shape();
    let mut extents = call.list("shape", 1).expect("a shape");
    for (axis, extent) in extents.iter_mut().enumerate() {
        if *extent == 0 && call.integer("allowzero", 0) == 0 {
            *extent = shape[axis] as i64;
        }
    }
    let known: i64 = extents.iter().filter(|&&extent| extent > 0).product();
    let extent = |&extent: &i64| match extent {
        -1 => shape.elements() / known as usize,
        extent => extent as usize,
    };
    call.x(0).reshape(Shape::new(&extents.iter().map(extent).collect::<Vec<_>>())?)
}

pub fn slice(call: &Call) -> Result<Tensor> {
    let mut x = call.x(0).clone();
    let starts = call.list("starts", 1).expect("starts");
    let ends = call.list("ends", 2).expect("ends");
    let axes = call.axes(3, x.shape().rank()).unwrap_or_else(|| (0..starts.len()).collect());
    for ((axis, start), end) in axes.into_iter().zip(starts).zip(ends) {
        let extent = x.shape()[axis] as i64;
        let place = |at: i64| (if at < 0 { at + extent } else { at }).clamp(0, extent) as usize;
        x = x.slice(axis, place(start)..place(end))?;
    }
    Ok(x)
}

/// Into the sizes that attribute or input give, or into equal parts of which the last may be smaller.
pub fn split(call: &Call) -> Result<Vec<Tensor>> {
    let x = call.x(0);
    let axis = call.axis(0);
    let (extent, count) = (x.shape()[axis], call.node.outputs.len());
    let equal = || vec![extent.div_ceil(count) as i64; count];
    let mut start = 0;
    let part = |size: i64| {
        let range = start..(start + size as usize).min(extent);
        start = range.end;
        x.slice(axis, range)
    };
    call.list("split", 1).unwrap_or_else(equal).into_iter().map(part).collect()
}

pub fn squeeze(call: &Call) -> Result<Tensor> {
    let shape = call.x(0).shape();
    let axes = call.axes(1, shape.rank()).unwrap_or_else(|| (0..shape.rank()).collect());
    let kept = (0..shape.rank()).filter(|axis| !axes.contains(axis) || shape[*axis] != 1);
    call.x(0).reshape(Shape::new(&kept.map(|axis| shape[axis]).collect::<Vec<_>>())?)
}

pub fn unsqueeze(call: &Call) -> Result<Tensor> {
    let shape = call.x(0).shape();
    let rank = shape.rank() + call.list("axes", 1).expect("axes").len();
    let axes = call.axes(1, rank).expect("axes");
    let mut old = shape.iter();
    let extents: Vec<usize> = (0..rank)
        .map(|axis| if axes.contains(&axis) { 1 } else { *old.next().expect("an axis for each extent") })
        .collect();
    call.x(0).reshape(Shape::new(&extents)?)
}

pub fn transpose(call: &Call) -> Result<Tensor> {
    let reversed = || (0..call.x(0).shape().rank()).rev().collect();
    call.x(0).permute(&call.sizes("perm").unwrap_or_else(reversed))
}
