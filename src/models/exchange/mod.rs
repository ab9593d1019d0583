//! Exchange of trained models with other software: names and layouts of parameters are mapped, numbers stay.

pub mod layout;
pub mod torchvision;
