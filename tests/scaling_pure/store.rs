//! The store: it loses no record, resumes, and keeps to its plan.

use crate::synthetic::{plan, preset, records};
use allometry::error::Error;
use allometry::models::Axis;
use allometry::sweep::{Outcome, Plan, Store};
use std::fs;

#[test]
fn a_torn_last_record_is_cut_off_at_any_byte() {
    let plan = plan(preset("convnet"), &[Axis::Width]);
    let runs = records(&plan);
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), &plan).unwrap();
    store.append(runs[0].clone()).unwrap();
    let path = directory.path().join("runs.jsonl");
    let first = fs::read(&path).unwrap();
    store.append(runs[1].clone()).unwrap();
    drop(store);
    let both = fs::read(&path).unwrap();
    for length in 0..both.len() {
        fs::write(&path, &both[..length]).unwrap();
        let whole = usize::from(length >= first.len());
        assert_eq!(Store::load(directory.path()).unwrap().1.len(), whole);
        assert_eq!(fs::read(&path).unwrap().len(), length, "loading must not change the file");
        let mut store = Store::open(directory.path(), &plan).unwrap();
        assert_eq!(store.records(), &runs[..whole]);
        assert_eq!(fs::read(&path).unwrap(), &first[..whole * first.len()]);
        // Appending goes on where the whole records end.
        if length % 97 == 0 {
            store.append(runs[2].clone()).unwrap();
            assert_eq!(Store::load(directory.path()).unwrap().1.last(), Some(&runs[2]));
        }
    }
}

#[test]
fn a_store_resumes_and_keeps_to_its_plan() {
    let plan = plan(preset("convnet"), &[Axis::Width, Axis::Depth]);
    let runs = records(&plan);
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path().join("new"), &plan).unwrap();
    assert_eq!(store.pending(&plan).unwrap().len(), runs.len());
    store
        .append({
            let mut edited = runs[0].clone();
            edited.outcome = Outcome::Failed { reason: "why".into() };
            edited
        })
        .unwrap();
    assert!(matches!(store.append(runs[0].clone()), Err(Error::Argument { .. })));
    drop(store);

    let store = Store::open(directory.path().join("new"), &plan).unwrap();
    let pending = store.pending(&plan).unwrap();
    assert_eq!(pending.len(), runs.len() - 1);
    assert!(pending.iter().all(|variant| variant.key != runs[0].variant.key));
    let busy = Store::open(directory.path().join("new"), &plan).unwrap_err();
    assert!(matches!(busy, Error::Busy { .. }), "{busy}");
    drop(store);

    let other = Plan { seeds: vec![1], factors: vec![1.0, 3.0], ..plan.clone() };
    let message = Store::open(directory.path().join("new"), &other).unwrap_err().to_string();
    assert!(message.contains("different: factors, seeds"), "{message}");
    assert!(Store::load(directory.path()).unwrap_err().to_string().contains("plan.toml"));
}

#[test]
fn a_foreign_line_is_an_error_that_names_it() {
    let plan = plan(preset("mlp"), &[Axis::Width]);
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), &plan).unwrap();
    store.append(records(&plan)[0].clone()).unwrap();
    drop(store);
    let path = directory.path().join("runs.jsonl");
    let good = fs::read(&path).unwrap();
    for (extra, reason) in
        [(&b"{\"key\": 3}\n"[..], "line 2"), (&b"\0\0\0\n"[..], "line 2"), (&good[..], "second record")]
    {
        fs::write(&path, [&good[..], extra].concat()).unwrap();
        let message = Store::open(directory.path(), &plan).unwrap_err().to_string();
        assert!(message.contains("runs.jsonl") && message.contains(reason), "{message}");
    }
}
