//! What a law is fitted to: rows of one size or two, and a quantity.

use super::Form;
use crate::error::{Error, Result};
use crate::rounding::{ROUNDING, constant, levels};

/// Values of a size that are closer together than this part are one: they can't tell how a curve bends.
pub(super) const APART: f64 = 0.25;
/// Values of a size that are no further apart than this part are those of one model: sizes are rounded, or read off a
/// figure.
pub(super) const NEARLY: f64 = 0.01;

/// Rows (x, y) or (x, x2, y), all values finite and above zero, and what the columns are called.
#[derive(Debug, Clone)]
pub struct Points {
    sizes: Vec<String>,
    quantity: String,
    /// A second size that is not there is 1.
    x: Vec<[f64; 2]>,
    y: Vec<f64>,
}

impl Points {
    /// Rows of one size and a quantity, each a name and a column.
    pub fn single(x: (&str, &[f64]), y: (&str, &[f64])) -> Result<Points> {
        Points::new(&[x], y)
    }

    /// Rows of two sizes and a quantity, each a name and a column.
    pub fn joint(x: (&str, &[f64]), x2: (&str, &[f64]), y: (&str, &[f64])) -> Result<Points> {
        Points::new(&[x, x2], y)
    }

    fn new(sizes: &[(&str, &[f64])], y: (&str, &[f64])) -> Result<Points> {
        for (name, column) in sizes.iter().chain([&y]) {
            if column.len() != y.1.len() {
                let found = format!("{} values of {name} and {} of {}", column.len(), y.1.len(), y.0);
                return Err(Error::argument("fit", "data", found, "columns of one length"));
            }
            if let Some(row) = column.iter().position(|value| !(*value > 0.0 && value.is_finite())) {
                let found = format!("{} in row {} of {name}", column[row], row + 1);
                return Err(Error::argument("fit", "data", found, "finite and above zero"));
            }
        }
        let size = |index: usize, row: usize| sizes.get(index).map_or(1.0, |(_, column)| column[row]);
        Ok(Points {
            sizes: sizes.iter().map(|(name, _)| name.to_string()).collect(),
            quantity: y.0.to_string(),
            x: (0..y.1.len()).map(|row| [size(0, row), size(1, row)]).collect(),
            y: y.1.to_vec(),
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// What the sizes are called: one name or two.
    pub fn sizes(&self) -> &[String] {
        &self.sizes
    }

    /// What y is called.
    pub fn quantity(&self) -> &str {
        &self.quantity
    }

    /// The sizes, row by row; a second one that is not there is 1.
    pub fn x(&self) -> &[[f64; 2]] {
        &self.x
    }

    /// The quantity, row by row.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    fn size(&self, size: usize) -> impl Iterator<Item = f64> + '_ {
        self.x.iter().map(move |x| x[size])
    }

    /// For each row the place of a size among its values, from the smallest at 0. Values closer together than [`APART`]
    /// share one.
    pub(super) fn steps(&self, size: usize) -> Vec<usize> {
        levels(&self.size(size).collect::<Vec<_>>(), APART)
    }

    /// Smallest and largest value of a size.
    pub fn range(&self, size: usize) -> (f64, f64) {
        self.size(size).fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)))
    }

    /// Two sets of rows: all but the `count` largest, and those, the largest last. With two sizes the largest is
    /// that with the greatest product, as compute is proportional to it. Rows of the same size keep their order.
    pub fn without_largest(&self, count: usize) -> (Points, Points) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|row| self.x[row][0] * self.x[row][1]);
            a.total_cmp(&b)
        });
        let (kept, largest) = order.split_at(self.len().saturating_sub(count));
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        (self.select(&kept), self.select(largest))
    }

    fn select(&self, rows: &[usize]) -> Points {
        Points {
            sizes: self.sizes.clone(),
            quantity: self.quantity.clone(),
            x: rows.iter().map(|&row| self.x[row]).collect(),
            y: rows.iter().map(|&row| self.y[row]).collect(),
        }
    }

    /// Whether a form can be fitted to these rows: it has its sizes, there are two rows more than parameters,
    /// every size takes several values, and there are as many different sizes as parameters.
    pub fn check(&self, form: Form) -> Result<()> {
        if form.sizes() > self.sizes.len() {
            let found = format!("{} alone", self.sizes[0]);
            let needed = format!("two columns, x and x2, for the {form} law");
            return Err(Error::argument("fit", "size", found, needed));
        }
        if self.len() < form.count() + 2 {
            let needed =
                format!("at least {}, two more than the parameters of the {form} law", form.count() + 2);
            return Err(Error::argument("fit", "number of rows", self.len(), needed));
        }
        for (size, name) in self.sizes.iter().enumerate().take(form.sizes()) {
            if constant(self.size(size)) {
                let found = format!("{} in every row of column {name:?}, but for rounding", self.x[0][size]);
                return Err(Error::argument("fit", "size", found, "different in at least two rows"));
            }
        }
        let different = *self.groups(form).iter().max().unwrap_or(&0) + 1;
        if different < form.count() {
            let needed = format!("at least {}, the parameters of the {form} law", form.count());
            return Err(Error::argument("fit", "number of different sizes", different, needed));
        }
        Ok(())
    }

    /// For each row a number from 0 on that rows of the same sizes, but for rounding, share.
    pub(super) fn groups(&self, form: Form) -> Vec<usize> {
        self.grouped(form, ROUNDING)
    }

    /// For each row a number from 0 on that rows of nearly the same sizes share: repetitions.
    pub(super) fn repetitions(&self, form: Form) -> Vec<usize> {
        self.grouped(form, NEARLY)
    }

    fn grouped(&self, form: Form, apart: f64) -> Vec<usize> {
        let level = |size: usize| levels(&self.size(size).collect::<Vec<_>>(), apart);
        let first = level(0);
        if form.sizes() == 1 {
            return first;
        }
        let mut known = std::collections::HashMap::new();
        let group = |key| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        };
        first.into_iter().zip(level(1)).map(group).collect()
    }
}
