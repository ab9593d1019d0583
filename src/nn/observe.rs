//! A look at what modules put out while they run.

use crate::autograd::no_grad;
use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::tensor::Tensor;
use std::cell::RefCell;

/// What is made of an output: a small tensor, such as a norm.
pub type Measure = fn(&Tensor) -> Result<Tensor>;

/// What [`observing`] collects.
struct Observer {
    measure: Measure,
    measured: Vec<(String, Tensor)>,
}

thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// Runs `body`. Returns its result, and what `measure` makes of the output of each module that ran in it on this thread,
/// by dotted name, in the order in which they ended. The model itself has an empty name. Nothing is read from the device.
///
/// ```
/// use allometry::nn::{Dense, Module, Sequential, observe::observing};
/// use allometry::Device;
///
/// let model = Sequential::new().add(Dense::new(3)).add(Dense::new(1)).build(&Device::cpu(), &[2], 0)?;
/// let x = model.batch(&[1.0, 2.0])?;
/// let (_, largest) = observing(|output| output.abs()?.max(&[], false), || model.predict(&x))?;
/// let names: Vec<&str> = largest.iter().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["layers.0", "layers.1", ""]);
/// # Ok::<(), allometry::Error>(())
/// ```
///
/// # Errors
/// Those of `body` and of `measure`.
pub fn observing<T>(
    measure: Measure,
    body: impl FnOnce() -> Result<T>,
) -> Result<(T, Vec<(String, Tensor)>)> {
    let outer = OBSERVER.replace(Some(Observer { measure, measured: Vec::new() }));
    let result = body();
    let observer = OBSERVER.replace(outer);
    Ok((result?, observer.map(|observer| observer.measured).unwrap_or_default()))
}

/// Called with each output.
pub(super) fn output(name: &str, output: &Tensor) -> Result<()> {
    let Some(measure) = OBSERVER.with_borrow(|observer| observer.as_ref().map(|o| o.measure)) else {
        return Ok(());
    };
    let _category = allocating(Category::Workspace);
    let measured = no_grad(|| measure(&output.detach()))?;
    OBSERVER.with_borrow_mut(|observer| {
        observer.iter_mut().for_each(|o| o.measured.push((name.to_string(), measured.clone())));
    });
    Ok(())
}
