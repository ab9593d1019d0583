//! Dropout: in training alone, and the same for the same step.

use crate::varied::{IMAGE, images, same_bits, varied};
use allometry::nn::{Dense, Dropout, Module, Sequential};
use allometry::{Device, Result, Tensor};

#[test]
fn dropout_is_off_in_prediction() {
    let device = Device::cpu();
    let with = varied().build(&device, &IMAGE, 3).unwrap();
    let batch = images(0, 4);
    let x = with.batch(&batch.inputs).unwrap();
    let values = |tensor: Result<Tensor>| tensor.unwrap().to_vec::<f32>().unwrap();
    let predicted = values(with.predict(&x));
    assert!(same_bits(&predicted, &values(with.predict(&x))));
    assert!(same_bits(&predicted, &values(with.forward(&x))));
    assert!(!same_bits(&predicted, &values(with.train(&x, 0))));
    assert!(
        same_bits(&values(with.train(&x, 7)), &values(with.train(&x, 7))),
        "a step drops the same each time"
    );
    assert!(!same_bits(&values(with.train(&x, 7)), &values(with.train(&x, 8))), "each step drops others");

    // A layer without parameters moves no draw: with and without dropout the weights are the same.
    let plain = |rate: Option<f32>| {
        let model = Sequential::new().add(Dense::new(5));
        let model = match rate {
            Some(rate) => model.add(Dropout::new(rate)),
            None => model,
        };
        let model = model.add(Dense::new(2)).build(&device, &[3], 1).unwrap();
        values(model.predict(&model.batch(&[0.1, 0.2, 0.3]).unwrap()))
    };
    assert!(same_bits(&plain(None), &plain(Some(0.9))));
}
