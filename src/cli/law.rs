//! Prints a fitted law.

use allometry::laws::approaches::{Approach, Method};
use allometry::laws::choice;
use allometry::laws::doubling::{Doubling, SpreadOf};
use allometry::laws::isoflop::{IsoFlop, Minimum};
use allometry::laws::{Fit, Form, LeftOut, Points, Uncertain};
use allometry::terminal::Table;
use allometry::units::{digits, plural};
use allometry::{Result, print_line};

/// Prints a law with its parameters, intervals and warnings, and how many rows were left out.
pub(super) fn print(fit: &Fit, points: &Points, left_out: &LeftOut) -> Result<()> {
    let quantity = points.quantity();
    print_line!("{} law, {}, fitted to {} rows", fit.law, fit.law.formula(), fit.n)?;
    if !left_out.is_empty() {
        print_line!("Left out: {left_out}.")?;
    }
    let state = if fit.converged { "converged" } else { "not converged" };
    let r2 = fit.r2.map_or(String::new(), |r2| format!("; R² {r2:.4}"));
    print_line!(
        "Huber loss of ln y {}, {state}; scatter around the law {}{r2}",
        digits(fit.objective),
        percent(fit.scatter)
    )?;
    print_line!(
        "The Huber loss is quadratic up to δ = {}, {}.",
        digits(fit.delta.value),
        fit.delta.origin()
    )?;
    print_line!("{}", parameters(fit))?;
    if fit.comparison.len() > 1 {
        print_line!("{}", comparison(fit))?;
        if let Some(reason) = choice::reason(&fit.comparison, fit.law) {
            print_line!("Chosen: {reason}.")?;
        }
    }
    for doubling in &fit.doubling {
        print_doubling(doubling, fit, quantity)?;
    }
    if let Some(allocation) = &fit.allocation {
        print_line!("Compute-optimal: N grows as C^a, a = {}.", with_interval(&allocation.a))?;
        for optimum in &allocation.samples_per_parameter {
            print_line!(
                "  {} FLOPs: {} samples per parameter; N {}, D {}; {quantity} {}",
                digits(optimum.budget),
                with_interval(&optimum.ratio),
                with_interval(&optimum.parameters),
                with_interval(&optimum.samples),
                with_interval(&optimum.loss)
            )?;
        }
    }
    if let Some(isoflop) = &fit.isoflop {
        print_line!("{}", profiles(isoflop, quantity))?;
        print_unusable(isoflop)?;
        print_line!("{}", exponents(&fit.approaches))?;
    }
    if let Some(holdout) = &fit.holdout {
        // A comparison of several forms means that the form was chosen automatically.
        let predictor =
            if fit.comparison.len() > 1 { ", predicted by the average over models of the curve" } else { "" };
        print_line!("The largest rows, left out of the fit{predictor}:")?;
        let mut table = Table::new(["sizes", "measured", "predicted", "error", "inside"]);
        for row in &holdout.rows {
            let sizes: Vec<String> = row.sizes.iter().map(|size| digits(*size)).collect();
            table.add_row([
                sizes.join(" × "),
                digits(row.measured),
                with_interval(&row.predicted),
                format!("{:+.2} %", 100.0 * row.relative_error),
                if row.inside { "yes" } else { "no" }.to_string(),
            ]);
        }
        print_line!("{table}")?;
        print_line!(
            "Relative error {:.2} % (root mean square); {} of {} inside the interval.",
            100.0 * holdout.relative_error,
            holdout.inside,
            holdout.rows.len()
        )?;
    }
    for warning in &fit.warnings {
        print_line!("Warning: {warning}.")?;
    }
    Ok(())
}

fn print_doubling(doubling: &Doubling, fit: &Fit, quantity: &str) -> Result<()> {
    let from: Vec<String> = doubling.from.iter().map(|size| digits(*size)).collect();
    let from = from.join(" × ");
    if !doubling.known {
        return print_line!(
            "Twice the {} from {from}: these rows can't tell the effect on {quantity}.",
            doubling.size
        );
    }
    let relative = doubling.relative;
    let (verb, value, low, high) = if relative.value < 0.0 {
        ("raises", -relative.value, -relative.high, -relative.low)
    } else {
        ("lowers", relative.value, relative.low, relative.high)
    };
    let [value, low, high] = [value, low, high].map(|part| format!("{:.2}", 100.0 * part));
    print_line!("Twice the {} from {from} {verb} {quantity} by {value} % [{low}, {high}].", doubling.size)?;
    let part = percent(fit.spread.value);
    let spread = match fit.spread.of {
        SpreadOf::Seeds => format!("the {part} by which runs of one size differ"),
        SpreadOf::Rows => format!("the {part} by which rows scatter around the law"),
    };
    match doubling.worthwhile_to {
        Some(limit) if limit.value <= 0.0 => print_line!("No doubling of it gains more than {spread}."),
        Some(limit) if limit.value.is_finite() => {
            let limit = with_interval(&limit);
            print_line!("Beyond {} = {limit} a doubling gains less than {spread}.", doubling.size)
        }
        Some(_) => print_line!("At every {} a doubling gains more than {spread}.", doubling.size),
        None if fit.law == Form::Power && fit.spread.shows() => {
            print_line!("In a power law every doubling has the same effect; compare it with {spread}.")
        }
        // There is nothing to compare if y rises, or if rows lie exactly on the law.
        None => Ok(()),
    }
}

/// A share as a percentage: with two decimals, or with four digits if the decimals would be zeros.
fn percent(part: f64) -> String {
    if part < 1e-4 { format!("{} %", digits(100.0 * part)) } else { format!("{:.2} %", 100.0 * part) }
}

/// Prints how rows form budgets, and which budgets have no best size.
fn print_unusable(isoflop: &IsoFlop) -> Result<()> {
    let all = isoflop.profiles.len();
    let runs: usize = isoflop.profiles.iter().map(|profile| profile.runs).sum();
    print_line!(
        "{runs} of {} make {}: clusters in ln C, within 2, 5 or 10 % of their centres.",
        plural(runs + isoflop.without_budget, "row"),
        plural(all, "budget")
    )?;
    let problems = isoflop.problems();
    let count: usize = problems.iter().map(|(_, budgets)| budgets.len()).sum();
    let reasons: Vec<String> =
        problems.iter().map(|(problem, budgets)| format!("{problem} ({})", budgets.len())).collect();
    if count > 0 {
        let show = if count == 1 { "shows" } else { "show" };
        print_line!("{count} of {} {show} no best size: {}.", plural(all, "budget"), reasons.join(", "))?;
    }
    Ok(())
}

/// The isoFLOP profiles that have a best size.
fn profiles(isoflop: &IsoFlop, quantity: &str) -> Table {
    let mut table = Table::new(["isoFLOP budget", "runs", "best N", quantity]);
    for profile in &isoflop.profiles {
        if let Minimum::Optimum { parameters, loss } = &profile.minimum {
            let cells = [digits(profile.budget), profile.runs.to_string()];
            table.add_row(cells.into_iter().chain([with_interval(parameters), with_interval(loss)]));
        }
    }
    table
}

fn exponents(approaches: &[Approach]) -> Table {
    let mut table = Table::new(["approach", "a in N ∝ C^a", "from"]);
    for Approach { approach, a, points } in approaches {
        let from = match approach {
            Method::Envelope => "changes of the best size",
            Method::IsoFlop => "minima",
            Method::JointLaw => "rows",
        };
        table.add_row([approach.name().to_string(), with_interval(a), format!("{points} {from}")]);
    }
    table
}

fn parameters(fit: &Fit) -> Table {
    let mut table = Table::new(["parameter", "value", "standard error", "95 % interval"]);
    for (name, parameter) in &fit.parameters {
        let quantity = parameter.quantity;
        let interval = format!("[{}, {}]", digits(quantity.low), digits(quantity.high));
        if parameter.identified {
            table.add_row([name.to_string(), digits(quantity.value), digits(quantity.se), interval]);
        } else {
            table.add_row([name.to_string(), "not identified".into(), "–".into(), interval]);
        }
    }
    table
}

fn comparison(fit: &Fit) -> Table {
    let mut table = Table::new(["law", "error on the largest", "AICc", "chosen"]);
    for candidate in &fit.comparison {
        let error = candidate.largest_out_error.map(|error| format!("{:.2} %", 100.0 * error));
        table.add_row([
            candidate.law.to_string(),
            error.unwrap_or_else(|| "too few rows".to_string()),
            format!("{:.1}", candidate.aicc),
            if candidate.law == fit.law { "yes" } else { "" }.to_string(),
        ]);
    }
    table
}

fn with_interval(quantity: &Uncertain) -> String {
    format!("{} [{}, {}]", digits(quantity.value), digits(quantity.low), digits(quantity.high))
}
