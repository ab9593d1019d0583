//! Ten lines that show the graph behind a number, and the gradients that come back through it.
//!
//! cargo run --release --example autodiff

use allometry::autograd::Node;
use allometry::{Device, Result, Tensor, print_line};

fn main() -> Result<()> {
    let device = Device::cpu();
    let w = Tensor::new(&device, &[0.5f32, -0.25], [2, 1])?.requires_grad();
    let b = Tensor::new(&device, &[0.1f32], [1])?.requires_grad();
    let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0, 4.0], [2, 2])?;
    let y = x.matmul(&w)?.add(&b)?.tanh()?;
    let loss = y.square()?.mean(&[], false)?;

    print_line!("loss = mean(tanh(x·w + b)²) = {:.6}", loss.item()?)?;
    print_graph(loss.graph().expect("w and b have gradients"), 0)?;
    let gradients = loss.backward()?;
    print_line!("d loss / d w = {:?}", gradients.get(&w).expect("the loss depends on w").to_vec::<f32>()?)?;
    print_line!("d loss / d b = {:?}", gradients.get(&b).expect("the loss depends on b").to_vec::<f32>()?)
}

fn print_graph(node: &Node, depth: usize) -> Result<()> {
    let (op, mut inputs) = node.describe();
    print_line!("{:indent$}{op}", "", indent = 2 * depth + 2)?;
    inputs.try_for_each(|input| print_graph(input, depth + 1))
}
