pub mod autograd;
pub mod device;
pub mod error;
pub mod gradcheck;
pub mod ops;
pub mod shape;
pub mod tensor;

pub use autograd::{Gradients, no_grad};
pub use device::{Choice, DType, Device};
pub use error::{Error, Result};
pub use shape::Shape;
pub use tensor::Tensor;
