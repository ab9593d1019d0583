//! Reports: laws along each axis, the table, the page and its plots.

use crate::synthetic::{plan, preset, records};
use allometry::models::Axis;
use allometry::report;
use allometry::sweep::{Outcome, Record};
use std::fs;

#[test]
fn laws_are_found_along_each_axis() {
    let runs = records(&plan(preset("convnet"), &Axis::ALL));
    let laws = report::laws(&runs, report::Quantity::Macs, report::Quantity::ValidationLoss);
    assert_eq!(laws.iter().map(|law| law.axis).collect::<Vec<_>>(), Axis::ALL);
    for found in laws {
        assert!((found.law.alpha + 0.2).abs() < 1e-6, "{found:?}");
        assert_eq!(found.law.n, 2 * 3);
    }
    let constant = report::laws(&runs, report::Quantity::Parameters, report::Quantity::ValidationLoss);
    assert!(constant.iter().all(|law| law.axis != Axis::Resolution), "resolution moves no parameters");
}

#[test]
fn the_table_names_the_best() {
    let mut runs = records(&plan(preset("convnet"), &Axis::ALL));
    runs[3].outcome = Outcome::Diverged { reason: String::new() };
    let text = report::table(&runs);
    for wanted in ["base", "width ×2", "compound ×0.5", "1 completed, 1 diverged"] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    for (by, best) in [
        ("accuracy ", "width ×2"),
        ("accuracy per FLOP ", "resolution ×0.5"),
        ("accuracy per second ", "resolution ×0.5"),
    ] {
        let row = text.lines().find(|line| line.contains(&format!("│ {by}")));
        assert!(row.is_some_and(|row| row.contains(best)), "{by}{best} in\n{text}");
    }
    assert!(report::table(&[]).contains("model"));
}

#[test]
fn a_loss_of_zero_is_a_value() {
    let plan = plan(preset("convnet"), &[Axis::Width]);
    let mut runs = records(&plan);
    // Regression, where the loss is what models are compared by: both seeds of a model end with a loss of 0.
    for run in &mut runs {
        run.quality_mut().unwrap().validation_accuracy = None;
        run.quality_mut().unwrap().validation_loss =
            run.validation_loss().filter(|_| run.variant.factor != 0.5).or(Some(0.0));
    }
    let text = report::table(&runs);
    let row = text.lines().find(|line| line.contains("width ×0.5")).unwrap_or_else(|| panic!("{text}"));
    let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[3], "0 ± 0", "{row}");
    // Nothing is better, in whatever way.
    for by in ["validation loss ", "1/loss per FLOP ", "1/loss per second "] {
        let row = text.lines().find(|line| line.contains(&format!("│ {by}"))).unwrap_or_default();
        assert!(row.contains("width ×0.5"), "{by} in\n{text}");
    }
    // A law can't take it: it is left out, and counted.
    let laws = report::laws(&runs, report::Quantity::Macs, report::Quantity::ValidationLoss);
    assert_eq!(laws.iter().map(|law| (law.law.n, law.left_out)).collect::<Vec<_>>(), [(4, 2)]);
    let directory = tempfile::tempdir().unwrap();
    report::write(directory.path(), &plan, &runs).unwrap();
    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(
        page.contains("2 runs with a loss of exactly 0 left out") && page.contains("2 of 0 left out"),
        "{page}"
    );
    assert!(!before_script(&page).contains("NaN") && !before_script(&page).contains(">inf<"));
    // An error rate of 0 is the same.
    for run in &mut runs {
        run.quality_mut().unwrap().validation_accuracy =
            Some(if run.variant.factor == 2.0 { 1.0 } else { 0.9 - 0.1 * run.variant.factor });
    }
    let laws = report::laws(&runs, report::Quantity::Macs, report::Quantity::Accuracy);
    assert_eq!(laws.iter().map(|law| (law.law.n, law.left_out)).collect::<Vec<_>>(), [(4, 2)]);
    assert!(report::table(&runs).contains("100.00 ± 0.00 %"), "{}", report::table(&runs));
}

/// The page without its script, which speaks of NaN.
fn before_script(page: &str) -> &str {
    page.split("<script>").next().unwrap_or_default()
}

#[test]
fn a_report_is_whole_and_stands_alone() {
    let plan = plan(preset("convnet"), &Axis::ALL);
    let mut runs = records(&plan);
    runs[4] = {
        let mut edited = runs[4].clone();
        edited.cost.peak_bytes = None;
        edited.outcome = Outcome::Failed { reason: "\"quoted\" & <b>bold</b>\u{1b}".into() };
        edited
    };
    let directory = tempfile::tempdir().unwrap();
    report::write(directory.path(), &plan, &runs).unwrap();

    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert_eq!(page.matches("<svg ").count(), 10);
    // Laws in parameters on three axes, as resolution does not change them, and in FLOPs on four.
    assert_eq!(page.matches("<tr").count(), (1 + 3 + 4) + (1 + 4) + (1 + runs.len()));
    assert!(page.contains("&lt;script&gt;alert(") && !page.contains("<script>alert("));
    assert!(page.contains("&quot;quoted&quot; &amp; &lt;b&gt;bold&lt;/b&gt;"));
    assert!(!page.contains('\u{1b}'), "a character that XML does not allow");
    for outside in [" src=", " href=", "url(", "@import", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme:dark"));
    assert!(!before_script(&page).contains("NaN"));

    let svgs = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let svgs: Vec<_> = svgs.filter(|path| path.extension().is_some_and(|e| e == "svg")).collect();
    assert_eq!(svgs.len(), 10);
    for svg in svgs {
        let text = fs::read_to_string(&svg).unwrap();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{}", svg.display());
        assert_eq!(text.matches("<style>").count(), 1);
    }

    let mut table = csv::Reader::from_path(directory.path().join("runs.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    for column in
        ["key", "axis", "factor", "parameters", "macs", "validation_loss", "peak_bytes_activations", "status"]
    {
        assert!(header.iter().any(|name| name == column), "{column}");
    }
    let rows: Result<Vec<_>, _> = table.records().collect();
    assert_eq!(rows.unwrap().len(), runs.len());
}

#[test]
fn reports_of_little_are_reports_too() {
    let images = plan(preset("convnet"), &[Axis::Resolution]);
    let features = plan(preset("keras-dense"), &[Axis::Width]);
    let regression: Vec<Record> = records(&features)
        .into_iter()
        .map(|run| {
            let mut edited = run;
            edited.quality_mut().unwrap().validation_accuracy = None;
            edited
        })
        .collect();
    let perfect: Vec<Record> = records(&images)
        .into_iter()
        .map(|run| {
            let mut edited = run;
            edited.quality_mut().unwrap().validation_accuracy = Some(1.0);
            edited
        })
        .collect();
    let broken: Vec<Record> = records(&images)
        .into_iter()
        .map(|run| {
            let mut edited = run;
            edited.outcome = Outcome::Diverged { reason: String::new() };
            edited
        })
        .collect();
    for (plan, runs, plots) in [
        (&images, &records(&images)[..0], 0),
        (&images, &records(&images)[..1], 9),
        (&images, &perfect[..], 10),
        (&images, &broken[..], 0),
        (&features, &regression[..], 7),
    ] {
        let directory = tempfile::tempdir().unwrap();
        report::write(directory.path(), plan, runs).unwrap();
        let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
        assert_eq!(page.matches("<svg ").count(), plots);
        let shown = before_script(&page);
        assert!(!shown.contains("NaN") && !shown.contains(">inf<") && !shown.contains("\"inf\""), "{shown}");
        report::table(runs);
    }
}
