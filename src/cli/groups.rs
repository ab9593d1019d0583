//! Prints the laws of several groups side by side.

use allometry::laws::LeftOut;
use allometry::laws::fit::Parameter;
use allometry::laws::groups::{Difference, Groups};
use allometry::terminal::Table;
use allometry::units::digits;
use allometry::{Result, print_line};

/// Exponents differ significantly if the p-value is below this.
const CHANCE: f64 = 0.05;

/// Prints the laws of the groups of a column, and how many rows of each group were left out.
pub(super) fn print(groups: &Groups, column: &str, left_out: &[(String, LeftOut)]) -> Result<()> {
    print_line!("{} law, {}, for each {column}", groups.law, groups.law.formula())?;
    let mut header = vec![column.to_string()];
    header.extend(groups.groups.iter().map(|group| group.group.clone()));
    let mut table = Table::new(header);
    let row = |name: &str, cell: &dyn Fn(usize) -> String| {
        let cells = (0..groups.groups.len()).map(cell);
        [name.to_string()].into_iter().chain(cells).collect::<Vec<String>>()
    };
    table.add_row(row("rows", &|group| groups.groups[group].fit.n.to_string()));
    for (place, name) in groups.law.names().iter().enumerate() {
        table.add_row(row(name, &|group| cell(&groups.groups[group].fit.parameters[place].1)));
    }
    table.add_row(row("scatter", &|group| format!("{:.2} %", 100.0 * groups.groups[group].fit.scatter)));
    table.add_row(row("δ of the Huber loss", &|group| digits(groups.groups[group].fit.delta.value)));
    print_line!("{table}")?;
    for difference in &groups.differences {
        print_difference(difference)?;
    }
    if groups.differences.is_empty() {
        print_line!("Fewer than two groups determine an exponent, so differences can't be tested.")?;
    }
    for (group, left_out) in left_out.iter().filter(|(_, left_out)| !left_out.is_empty()) {
        print_line!("Left out of {group}: {left_out}.")?;
    }
    for group in &groups.without_law {
        print_line!("No law for {}: {}.", group.group, group.problem)?;
    }
    for group in &groups.groups {
        for warning in &group.fit.warnings {
            print_line!("Warning, {}: {warning}.", group.group)?;
        }
    }
    Ok(())
}

fn print_difference(difference: &Difference) -> Result<()> {
    let Difference { parameter, q, freedom, p, pairs } = difference;
    if p.is_nan() {
        print_line!("{parameter}: no spread, so a difference can't be tested.")?;
    } else {
        let verdict =
            if *p < CHANCE { "differs between the groups" } else { "may be the same in all groups" };
        let degrees = if *freedom == 1 { "degree" } else { "degrees" };
        let p = if *p < 1e-4 { "p < 0.0001".to_string() } else { format!("p = {p:.4}") };
        print_line!(
            "{parameter} {verdict}: {p} (Cochran's Q {}, {freedom} {degrees} of freedom).",
            digits(*q)
        )?;
    }
    for pair in pairs {
        let found = pair.difference;
        let (low, high) = (digits(found.low), digits(found.high));
        print_line!("  {} − {}: {} [{low}, {high}]", pair.group, pair.minus, digits(found.value))?;
    }
    Ok(())
}

fn cell(parameter: &Parameter) -> String {
    let quantity = parameter.quantity;
    let interval = format!("[{}, {}]", digits(quantity.low), digits(quantity.high));
    if parameter.identified {
        format!("{} {interval}", digits(quantity.value))
    } else {
        format!("? {interval}")
    }
}
