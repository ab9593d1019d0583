//! Operators that arrange elements anew.

use crate::call::{Call, from_end};
use allometry::ops::PadMode;
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
    let equal = || -> Vec<usize> {
        let size = extent.div_ceil(count);
        (0..count).map(|part| size.min(extent - part * size)).collect()
    };
    let given = call.list("split", 1).map(|sizes| sizes.into_iter().map(|size| size as usize).collect());
    let sizes: Vec<usize> = given.unwrap_or_else(equal);
    x.split(axis, &sizes)
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

/// Indices below 0 count from the end.
fn indices(call: &Call, at: usize, extent: usize) -> Result<Tensor> {
    let (values, shape) = call.indices(at).expect("indices");
    let values: Vec<u32> = values.iter().map(|&index| from_end(index, extent) as u32).collect();
    Tensor::new(call.x(if at == 0 { 2 } else { 0 }).device(), &values, Shape::new(shape)?)
}

pub fn gather(call: &Call) -> Result<Tensor> {
    let axis = call.axis(0);
    call.x(0).gather(axis, &indices(call, 1, call.x(0).shape()[axis])?)
}

/// Input 2 holds the values for cold and hot; the new axis is the last unless `axis` says otherwise.
pub fn one_hot(call: &Call) -> Result<Tensor> {
    let values = call.x(2);
    let depth = match call.indices(1) {
        Some((depth, _)) => depth[0] as usize,
        None => call.x(1).item()? as usize,
    };
    let (cold, hot) = (values.slice(0, 0..1)?, values.slice(0, 1..2)?);
    let rows = indices(call, 0, depth)?.one_hot(depth, values.dtype())?;
    let rows = rows.mul(&hot.sub(&cold)?)?.add(&cold)?;
    let rank = rows.shape().rank();
    let mut axes: Vec<usize> = (0..rank - 1).collect();
    axes.insert(from_end(call.integer("axis", -1), rank), rank - 1);
    rows.permute(&axes)
}

pub fn pad(call: &Call) -> Result<Tensor> {
    let x = call.x(0);
    let rank = x.shape().rank();
    let given = call.list("pads", 1).expect("pads");
    let axes = match call.indices(3) {
        Some((axes, _)) => axes.iter().map(|&axis| from_end(axis, rank)).collect(),
        None => (0..rank).collect::<Vec<_>>(),
    };
    let mut pads = vec![[0, 0]; rank];
    for (i, &axis) in axes.iter().enumerate() {
        pads[axis] = [given[i] as usize, given[i + axes.len()] as usize];
    }
    let mode = match call.text("mode", "constant") {
        "reflect" => PadMode::Reflect,
        _ => PadMode::Constant(match call.optional(2) {
            Some(value) => value.item()? as f32,
            None => call.float("value", 0.0) as f32,
        }),
    };
    x.pad(&pads, mode)
}
