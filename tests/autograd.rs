//! The graph and the backward pass through it: `src/autograd.rs` and `src/ops/gradient.rs`. (Whether each op's
//! gradient is right is tested in `tests/conformance.rs`.)

use allometry::autograd::{BackwardContext, record};
use allometry::{DType, Device, Error, Result, Tensor, no_grad};
use std::thread;

fn scalar(device: &Device, value: f64) -> Tensor {
    Tensor::new(device, &[value], []).unwrap()
}

fn leaf(value: f64) -> Tensor {
    scalar(&Device::cpu(), value).requires_grad()
}

/// Runs `body` on a thread whose stack would not hold a recursion of this depth.
fn on_a_small_stack(body: impl FnOnce() -> Result<()> + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(body).unwrap();
    thread.join().expect("no overflow").unwrap();
}

const LONG: usize = 100_000;

#[test]
fn a_long_chain_needs_no_stack() {
    on_a_small_stack(|| {
        let x = leaf(3.0);
        let mut y = x.clone();
        for _ in 0..LONG {
            y = y.neg()?;
        }
        assert_eq!(y.item()?, 3.0);
        assert_eq!(y.backward()?.get(&x).unwrap().item()?, 1.0);
        drop(y);
        Ok(())
    });
}

#[test]
fn a_long_chain_that_is_never_walked_can_be_dropped() {
    on_a_small_stack(|| {
        let x = leaf(1.0);
        let half = scalar(x.device(), 0.5);
        let mut y = x.clone();
        // Each link is reached along two ways.
        for _ in 0..LONG {
            y = y.add(&y)?.mul(&half)?;
        }
        assert_eq!(y.item()?, 1.0);
        let device = x.device().clone();
        drop((x, half, y));
        assert_eq!(device.usage().live, 0);
        Ok(())
    });
}

#[test]
fn shared_parts_get_the_sum_of_their_gradients() {
    let x = leaf(3.0);
    // y = x², z = y² + y + x: dz/dx = 4x³ + 2x + 1.
    let y = x.square().unwrap();
    let z = y.mul(&y).unwrap().add(&y).unwrap().add(&x).unwrap();
    assert_eq!(z.backward().unwrap().get(&x).unwrap().item().unwrap(), 4.0 * 27.0 + 6.0 + 1.0);
}

#[test]
fn one_tensor_as_both_operands_gets_both_gradients() {
    for device in [Device::cpu(), Device::gpu(Default::default()).expect("these tests need an adapter")] {
        let x = Tensor::new(&device, &[1.5f32, -2.0], [2]).unwrap().requires_grad();
        let gradients = x.add(&x).unwrap().sum(&[], false).unwrap().backward().unwrap();
        // Both ways hand over the same tensor; were it added to in place, each would be 4.
        assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>().unwrap(), [2.0, 2.0]);
    }
}

#[test]
fn a_graph_is_walked_once() {
    let x = leaf(2.0);
    let y = x.square().unwrap();
    assert!(y.backward().is_ok());
    let again = y.backward().unwrap_err();
    assert!(matches!(&again, Error::Graph(text) if text.contains("square")), "{again}");

    // The same holds for a part that two results share.
    let shared = x.exp().unwrap();
    let (a, b) = (shared.square().unwrap(), shared.neg().unwrap());
    assert!(a.backward().is_ok());
    let again = b.backward().unwrap_err();
    assert!(matches!(&again, Error::Graph(text) if text.contains("exp")), "{again}");
}

#[test]
fn only_leaves_have_gradients() {
    let (x, unused) = (leaf(2.0), leaf(5.0));
    let constant = scalar(x.device(), 4.0);
    let between = x.mul(&constant).unwrap();
    let gradients = between.square().unwrap().backward().unwrap();
    assert_eq!(gradients.get(&x).unwrap().item().unwrap(), 64.0);
    assert!(gradients.get(&between).is_none(), "a result in between");
    assert!(gradients.get(&constant).is_none(), "a tensor without a graph");
    assert!(gradients.get(&unused).is_none(), "a leaf that the loss does not depend on");
}

#[test]
fn a_result_can_become_a_leaf_of_its_own() {
    let x = leaf(2.0);
    let cut = x.square().unwrap().requires_grad();
    let gradients = cut.square().unwrap().backward().unwrap();
    assert_eq!(gradients.get(&cut).unwrap().item().unwrap(), 8.0);
    assert!(gradients.get(&x).is_none());
}

#[test]
fn detach_stops_the_gradient() {
    let x = leaf(3.0);
    let y = x.mul(&x.detach()).unwrap();
    assert_eq!(y.backward().unwrap().get(&x).unwrap().item().unwrap(), 3.0);
    assert!(x.square().unwrap().detach().graph().is_none());
}

#[test]
fn no_grad_records_nothing_and_ends_with_its_body() {
    let x = leaf(3.0);
    let (outside, inside) = no_grad(|| (no_grad(|| x.square()).unwrap(), x.square().unwrap()));
    assert!(outside.graph().is_none() && inside.graph().is_none());
    assert!(x.square().unwrap().graph().is_some());
    // Also when the body panics, and only on this thread.
    let panicked = thread::spawn(move || {
        let caught = std::panic::catch_unwind(|| no_grad(|| panic!("on purpose")));
        (caught.is_err(), x.square().unwrap().graph().is_some())
    });
    assert_eq!(panicked.join().unwrap(), (true, true));
    let x = leaf(1.0);
    no_grad(|| {
        thread::scope(|scope| {
            assert!(scope.spawn(|| x.square().unwrap().graph().is_some()).join().unwrap());
        });
    });
}

#[test]
fn a_walk_from_where_there_is_none_is_refused() {
    let x = Tensor::new(&Device::cpu(), &[1.0f32, 2.0], [2]).unwrap();
    assert!(matches!(x.sum(&[], false).unwrap().backward(), Err(Error::Graph(_))), "no leaf");
    let y = x.requires_grad().square().unwrap();
    assert!(matches!(y.backward(), Err(Error::Shape { op: "backward", .. })), "no scalar");
    let seed = |shape: &[usize], dtype, device: &Device| {
        Tensor::ones(device, dtype, allometry::Shape::new(shape).unwrap()).unwrap()
    };
    let short = seed(&[1], DType::F32, x.device());
    assert!(matches!(y.backward_from(&short), Err(Error::Shape { op: "backward", .. })), "another shape");
    let double = seed(&[2], DType::F64, x.device());
    assert!(matches!(y.backward_from(&double), Err(Error::DType { op: "backward", .. })), "another type");
    let elsewhere = seed(&[2], DType::F32, &Device::cpu());
    let refused = y.backward_from(&elsewhere);
    assert!(matches!(refused, Err(Error::Placement { op: "backward", .. })), "another device");
    // What was refused did not consume the graph.
    assert!(y.backward_from(&seed(&[2], DType::F32, x.device())).is_ok());
}

#[test]
fn gradients_of_another_shape_or_of_no_input_are_refused() {
    let x = Tensor::new(&Device::cpu(), &[1.0f32, 2.0], [2]).unwrap().requires_grad();
    let backward = |closure: fn(&mut BackwardContext) -> Result<()>| {
        let y = record("doubled", x.add(&x).unwrap().detach(), &[&x], closure);
        y.sum(&[], false).unwrap().backward().map(drop)
    };
    assert!(backward(|context| context.accumulate(0, context.gradient())).is_ok());
    let summed = backward(|context| context.accumulate(0, context.gradient().sum(&[], true)?)).unwrap_err();
    assert!(matches!(summed, Error::Shape { op: "doubled", .. }), "{summed}");
    let beyond = backward(|context| {
        assert!(!context.wants(1) && context.slot(1).is_none());
        context.accumulate(1, context.gradient())
    });
    let message = beyond.unwrap_err().to_string();
    assert!(message.contains("doubled has 1 inputs, none of number 1"), "{message}");
}

#[test]
fn what_a_graph_kept_is_freed_as_it_is_walked() {
    for device in [Device::cpu(), Device::gpu(Default::default()).expect("these tests need an adapter")] {
        let bytes = 4096u64;
        let x = Tensor::new(&device, &vec![0.5f32; 1024], [1024]).unwrap().requires_grad();
        let before = device.usage();
        assert_eq!(before.live, bytes);
        let mut y = x.clone();
        for _ in 0..10 {
            y = y.tanh().unwrap();
        }
        // Each tanh keeps its result, which is also the next one's input.
        assert_eq!(device.usage().live, 11 * bytes);
        let loss = y.sum(&[], false).unwrap();
        drop(y);
        let gradients = loss.backward().unwrap();
        assert_eq!(gradients.get(&x).unwrap().shape(), x.shape());
        // The graph is still there, what it kept is not: x, its gradient and the loss are left.
        let scalar = 256;
        assert_eq!(device.usage().live, 2 * bytes + scalar);
        drop((loss, gradients));
        let after = device.usage();
        assert_eq!((after.live, after.by_category), (before.live, before.by_category));
    }
}

#[test]
fn a_graph_that_is_dropped_gives_its_memory_back() {
    let device = Device::cpu();
    let x = Tensor::new(&device, &vec![0.5f32; 1024], [1024]).unwrap().requires_grad();
    let before = device.usage();
    let y = x.tanh().unwrap().mul(&x).unwrap().sum(&[0], true).unwrap();
    assert!(device.usage().live > before.live);
    drop(y);
    assert_eq!(device.usage().live, before.live);
}

#[test]
fn an_op_keeps_only_what_its_gradient_reads() {
    let device = Device::cpu();
    let size = 1 << 20;
    let x = Tensor::new(&device, &vec![0.5f32; size], [size]).unwrap().requires_grad();
    let one = device.usage().live;
    let live_after = |y: Tensor| {
        let sum = y.sum(&[], false).unwrap();
        drop(y);
        let live = device.usage().live;
        drop(sum);
        live
    };
    // Beyond x itself (and a scalar): nothing for additions and views, the result for ReLU.
    assert!(live_after(x.add(&x).unwrap()) < one + 1024);
    assert!(live_after(x.reshape([2, size / 2]).unwrap().neg().unwrap()) < 2 * one + 1024);
    assert_eq!(live_after(x.relu().unwrap()) - 256, 2 * one);
    // Reads its input, which is alive anyway.
    assert!(live_after(x.square().unwrap()) < one + 1024);
}

#[test]
fn the_graph_can_be_looked_at() {
    let x = leaf(1.0);
    let y = x.exp().unwrap().add(&x).unwrap();
    let (op, inputs) = y.graph().unwrap().describe();
    let inputs: Vec<&str> = inputs.map(|node| node.describe().0).collect();
    assert_eq!((op, inputs), ("add", vec!["exp", "leaf"]));
}

/// Differences say nothing at a tie, and the oracle is the same code: so here in numbers.
#[test]
fn ties_share_the_gradient() {
    for device in [Device::cpu(), Device::gpu(Default::default()).expect("these tests need an adapter")] {
        let vector = |values: &[f32]| Tensor::new(&device, values, [values.len()]).unwrap();
        let x = vector(&[1.0, 3.0, 3.0, 2.0, 3.0, 3.0]).requires_grad();
        let gradients = x.max(&[], false).unwrap().backward().unwrap();
        assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.25, 0.25, 0.0, 0.25, 0.25]);
        type Two = fn(&Tensor, &Tensor) -> Result<Tensor>;
        for (function, of_a) in
            [(Tensor::maximum as Two, [1.0, 0.5, 0.0]), (Tensor::minimum as Two, [0.0, 0.5, 1.0])]
        {
            let (a, b) = (vector(&[2.0, 5.0, 1.0]).requires_grad(), vector(&[1.0, 5.0, 2.0]).requires_grad());
            let gradients = function(&a, &b).unwrap().sum(&[], false).unwrap().backward().unwrap();
            let read = |t: &Tensor| gradients.get(t).unwrap().to_vec::<f32>().unwrap();
            assert_eq!(read(&a), of_a);
            assert_eq!(read(&b), of_a.map(|share| 1.0 - share));
        }
        let kink = vector(&[-1.0, 0.0, 1.0]).requires_grad();
        let gradients = kink.abs().unwrap().sum(&[], false).unwrap().backward().unwrap();
        assert_eq!(gradients.get(&kink).unwrap().to_vec::<f32>().unwrap(), [-1.0, 0.0, 1.0]);
        let gradients = kink.relu().unwrap().sum(&[], false).unwrap().backward().unwrap();
        assert_eq!(gradients.get(&kink).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0]);
    }
}
