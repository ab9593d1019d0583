//! Records: their numbers, JSON, and files from before there were amounts of data.

use crate::synthetic::{plan, preset, record};
use allometry::models::Axis;
use allometry::sweep::{Outcome, Plan, Record, Throughput};

#[test]
fn quartiles_are_interpolated() {
    let found = Throughput::of(&[4.0, 1.0, f64::NAN, 2.0, 3.0]).unwrap();
    assert_eq!(found, Throughput { median: 2.5, iqr: 1.5 });
    assert_eq!(Throughput::of(&[]), None);
    assert_eq!(Throughput::of(&[7.0]), Some(Throughput { median: 7.0, iqr: 0.0 }));
}

#[test]
fn what_was_written_before_amounts_of_data_is_read() {
    let old = plan(preset("mlp"), &[Axis::Width]);
    let text = old.to_toml().unwrap();
    assert!(!text.contains("flops") && !text.contains("samples"));
    assert_eq!(Plan::from_toml(&text).unwrap(), old);

    let line = r#"{"key":"base-s0","axis":"width","factor":1.0,"scale":{"depth":1.0,"width":1.0,"resolution":1.0},
        "architecture":"mlp","resolution":8,"seed":0,"device":"CPU (2 threads)","epochs":1,"batch":16,
        "learning_rate":0.002,"precision":"f32","recompute":false,"parameters":28,"macs":24,
        "training_flops":2304.0,"samples_seen":16,"train_loss":4.1,"validation_loss":4.0,
        "validation_accuracy":0.02,"samples_per_second":{"median":900.0,"iqr":0.0},
        "inference_samples_per_second":{"median":9000.0,"iqr":1.0},"flops_per_second":129600.0,
        "peak_bytes":{"parameters":1,"gradients":2,"optimizer":3,"activations":4,"workspace":5},
        "predicted_peak_bytes":{"parameters":1,"gradients":2,"optimizer":3,"activations":4,"workspace":5},
        "wall_seconds":0.1,"status":"completed"}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!((record.cost.train_samples, record.variant.flops_budget, record.curve().len()), (0, None, 0));
    assert_eq!(record.validation_loss(), Some(4.0));
}

#[test]
fn a_record_survives_json_however_the_run_ended() {
    let plan = plan(preset("keras-dense"), &[Axis::Width]);
    let completed = record(&plan.variants().unwrap()[0]);
    let failed = {
        let mut edited = completed.clone();
        edited.cost.samples_per_second = None;
        edited.cost.peak_bytes = None;
        edited.outcome = Outcome::OutOfMemory { reason: "11 GiB predicted, 8 GiB available".into() };
        edited
    };
    for record in [completed, failed] {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}

#[test]
fn numbers_survive_json_to_the_last_bit() {
    // What is read back makes the same report as what was measured; a parser in a hurry is off by one bit for
    // about one of these numbers in six.
    for i in 1..1000 {
        let number = f64::from(i).sqrt() * 1e-3;
        let text = serde_json::to_string(&number).unwrap();
        assert_eq!(serde_json::from_str::<f64>(&text).unwrap(), number);
    }
}

#[test]
fn the_parts_of_a_record_lie_beside_one_another() {
    let plan = plan(preset("keras-dense"), &[Axis::Width]);
    let record = record(&plan.variants().unwrap()[0]);
    let json: serde_json::Value = serde_json::to_value(&record).unwrap();
    for column in
        ["key", "axis", "learning_rate", "optimizer", "parameters", "train_samples", "validation_loss"]
    {
        assert!(!json[column].is_null(), "{column} in {json}");
    }
    assert_eq!((&json["status"], &json["variant"]), (&"completed".into(), &serde_json::Value::Null));
}
