//! One node with its inputs: what the operators' definitions ask of them.

use crate::case::{Node, Value};
use allometry::Tensor;
use serde_json::Value as Json;

pub struct Call<'a> {
    pub node: &'a Node,
    /// None for an optional input that is not there.
    pub inputs: Vec<Option<Value>>,
}

impl Call<'_> {
    /// An input of floats.
    pub fn x(&self, at: usize) -> &Tensor {
        self.optional(at).expect("an input of floats")
    }

    pub fn optional(&self, at: usize) -> Option<&Tensor> {
        match self.inputs.get(at)? {
            Some(Value::Floats(tensor)) => Some(tensor),
            _ => None,
        }
    }

    pub fn all(&self) -> Vec<&Tensor> {
        (0..self.inputs.len()).map(|at| self.x(at)).collect()
    }

    /// Integers and their shape.
    pub fn indices(&self, at: usize) -> Option<(&[i64], &[usize])> {
        match self.inputs.get(at)? {
            Some(Value::Integers(values, shape)) => Some((values, shape)),
            _ => None,
        }
    }

    /// A list that is an attribute in old versions of an operator and input `at` in newer ones.
    pub fn list(&self, attribute: &str, at: usize) -> Option<Vec<i64>> {
        let given = self.indices(at).map(|(values, _)| values.to_vec());
        given.or_else(|| self.integers(attribute))
    }

    pub fn integers(&self, attribute: &str) -> Option<Vec<i64>> {
        let list = self.node.attributes.get(attribute)?.as_array()?;
        Some(list.iter().map(|value| value.as_i64().expect("an integer")).collect())
    }

    pub fn sizes(&self, attribute: &str) -> Option<Vec<usize>> {
        Some(self.integers(attribute)?.into_iter().map(|size| size as usize).collect())
    }

    pub fn integer(&self, attribute: &str, default: i64) -> i64 {
        self.node.attributes.get(attribute).and_then(Json::as_i64).unwrap_or(default)
    }

    pub fn float(&self, attribute: &str, default: f64) -> f64 {
        self.node.attributes.get(attribute).and_then(Json::as_f64).unwrap_or(default)
    }

    pub fn text(&self, attribute: &str, default: &'static str) -> &str {
        self.node.attributes.get(attribute).and_then(Json::as_str).unwrap_or(default)
    }

    /// The attribute `axis` as an axis of the first input; a negative one counts from the end.
    pub fn axis(&self, default: i64) -> usize {
        from_end(self.integer("axis", default), self.x(0).shape().rank())
    }

    /// The axes that attribute or input names, or none.
    pub fn axes(&self, at: usize, rank: usize) -> Option<Vec<usize>> {
        Some(self.list("axes", at)?.into_iter().map(|axis| from_end(axis, rank)).collect())
    }
}

pub fn from_end(axis: i64, rank: usize) -> usize {
    (if axis < 0 { axis + rank as i64 } else { axis }) as usize
}
