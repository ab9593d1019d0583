//! Defaults of the keys of an architecture's TOML, and which values are left out of it.

use crate::nn::Activation;

pub(super) fn one() -> usize {
    1
}

pub(super) fn three() -> usize {
    3
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn relu() -> Activation {
    Activation::Relu
}

pub(super) fn sigmoid() -> Activation {
    Activation::Sigmoid
}

pub(super) fn epsilon() -> f64 {
    1e-5
}

pub(super) fn is_epsilon(value: &f64) -> bool {
    *value == epsilon()
}

pub(super) fn is_one(value: &usize) -> bool {
    *value == 1
}

pub(super) fn is_three(value: &usize) -> bool {
    *value == 3
}

pub(super) fn is_true(value: &bool) -> bool {
    *value
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
