//! Conversion of operands that are stored in another type than their kernel's reference computes in.

use super::buffer::Line;
use super::cpu::threads::on_every_core;
use super::kernel::{DType, Element};
use super::operand::Operand;
use super::real::Real;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Elements that a thread converts at a time.
const PIECE: usize = 1 << 15;

/// The elements of a float operand, converted to `T`. `None` if they are stored as `T`, or are no floats.
pub(super) fn load<T: Real + Element>(operand: &Operand, lines: &[Line]) -> Option<Vec<T>> {
    if operand.dtype == T::DTYPE || !operand.dtype.is_float() {
        return None;
    }
    let mut values = vec![T::ZERO; operand.len];
    match (operand.dtype, T::DTYPE) {
        (DType::F16, DType::F32) => {
            let singles: &mut [f32] = bytemuck::cast_slice_mut(&mut values);
            each_piece(elements::<f16>(operand, lines), singles, |from, to| from.convert_to_f32_slice(to));
        }
        (DType::F16, _) => {
            each_element(elements(operand, lines), &mut values, |v: f16| T::of(v.to_f64()));
        }
        _ => each_element(elements(operand, lines), &mut values, |v: f32| T::of(v.into())),
    }
    Some(values)
}

/// Writes the values that [`load`] returned back to the operand, rounded to nearest.
pub(super) fn store<T: Real + Element>(values: &[T], operand: &Operand, lines: &mut [Line]) {
    match (operand.dtype, T::DTYPE) {
        (DType::F16, DType::F32) => {
            let halves = elements_mut::<f16>(operand, lines);
            each_piece(bytemuck::cast_slice(values), halves, |from, to| to.convert_from_f32_slice(from));
        }
        (DType::F16, _) => {
            each_element(values, elements_mut(operand, lines), |v| f16::from_f64(v.to_f64()));
        }
        _ => each_element(values, elements_mut(operand, lines), |v| v.to_f64() as f32),
    }
}

/// The operand's elements in a buffer.
pub(super) fn elements<'a, E: Element>(operand: &Operand, lines: &'a [Line]) -> &'a [E] {
    &bytemuck::cast_slice(lines)[operand.offset..operand.offset + operand.len]
}

/// The operand's elements in a buffer, to be written.
pub(super) fn elements_mut<'a, E: Element>(operand: &Operand, lines: &'a mut [Line]) -> &'a mut [E] {
    &mut bytemuck::cast_slice_mut(lines)[operand.offset..operand.offset + operand.len]
}

fn each_piece<A: Sync, B: Send>(from: &[A], to: &mut [B], convert: impl Fn(&[A], &mut [B]) + Sync) {
    if to.len() <= PIECE {
        return convert(from, to);
    }
    let pieces = from.chunks(PIECE).zip(to.chunks_mut(PIECE));
    on_every_core(pieces.collect(), 1, &|(from, to)| convert(from, to));
}

fn each_element<A: Copy + Sync, B: Send>(from: &[A], to: &mut [B], convert: impl Fn(A) -> B + Sync) {
    each_piece(from, to, |from, to| to.iter_mut().zip(from).for_each(|(to, &from)| *to = convert(from)));
}
