//! Memory stays where it is, and is given back.

use crate::exclusive_adapter::exclusive_adapter;
use crate::varied::{CROSS_ENTROPY, IMAGE, images, varied};
use allometry::Device;
use allometry::data::Batch;
use allometry::nn::Module;
use allometry::optim::Algorithm;
use allometry::train::Trainer;

fn memory_stays(device: &Device, steps: u64) {
    let model = varied().build(device, &IMAGE, 0).unwrap();
    let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::adam()).unwrap();
    let batches: Vec<Batch> = (0..3).map(|number| images(number, 6)).collect();
    let mut tenth = None;
    for step in 1..=steps {
        trainer.step(&batches[step as usize % 3], 1e-3).unwrap();
        // Every so often the loss is read back, as a loop does it.
        if step % 10 == 0 {
            trainer.take_metrics().unwrap();
            let usage = device.usage();
            let now = (usage.live, usage.reserved);
            assert_eq!(*tenth.get_or_insert(now), now, "live and reserved bytes after step {step}");
        }
    }
    assert_eq!(trainer.steps(), steps);
    drop(trainer);
    drop(model);
    assert_eq!(device.usage().live, 0, "bytes that nobody holds any more");
    device.trim();
    assert_eq!(device.usage().reserved, 0, "bytes given back to the system");
}

#[test]
fn a_thousand_steps_take_no_more_memory_than_ten_on_the_cpu() {
    memory_stays(&Device::cpu(), 1000);
}

#[test]
fn a_thousand_steps_take_no_more_memory_than_ten_on_the_adapter() {
    memory_stays(&exclusive_adapter(), 1000);
}

/// Models of several sizes, each trained for a step and dropped.
fn models_come_and_go(device: &Device, count: usize) {
    let mut reserved = None;
    for number in 1..=count {
        let model = varied().build(device, &IMAGE, number as u64).unwrap();
        let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::adam()).unwrap();
        trainer.step(&images(number as u32, 4 + number % 3), 1e-3).unwrap();
        trainer.take_metrics().unwrap();
        drop(trainer);
        drop(model);
        let usage = device.usage();
        assert_eq!(usage.live, 0, "bytes that nobody holds, after model {number}");
        // All sizes of batches have occurred by then.
        if number >= 6 {
            assert_eq!(
                *reserved.get_or_insert(usage.reserved),
                usage.reserved,
                "reserved after model {number}"
            );
        }
    }
}

#[test]
fn two_hundred_models_take_no_more_memory_than_six() {
    models_come_and_go(&Device::cpu(), 200);
    models_come_and_go(&exclusive_adapter(), 200);
}
