//! The positions of the windows of a convolution or pooling along an axis.

use crate::error::{Error, Result};

/// The zeros around an image. Names and arithmetic are those of Keras and TensorFlow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    /// No padding: windows lie inside the image.
    #[default]
    Valid,
    /// So many zeros that the output has `ceil(input / stride)` positions. If the number is odd, the end has one
    /// more.
    Same,
    /// Numbers of rows and columns: `[[top, bottom], [left, right]]`.
    Explicit([[usize; 2]; 2]),
}

impl Padding {
    /// The number of positions of a window of `kernel` elements along `axis` (0: rows, 1: columns) of `input`
    /// elements, and the number of padding elements before the first element of the input. Every window covers at
    /// least one element of the input.
    ///
    /// # Errors
    /// [`Error::Argument`] for a kernel or a stride of 0, for explicit padding as large as the kernel or larger, for
    /// a kernel larger than the padded input, and for an axis other than 0 and 1.
    pub fn resolve(
        self,
        op: &'static str,
        axis: usize,
        input: usize,
        kernel: usize,
        stride: usize,
    ) -> Result<(usize, usize)> {
        if kernel == 0 {
            return Err(Error::argument(op, "kernel", kernel, "at least 1 in each direction"));
        }
        if stride == 0 {
            return Err(Error::argument(op, "stride", stride, "at least 1 in each direction"));
        }
        let [before, after] = match self {
            Padding::Valid => [0, 0],
            Padding::Same => {
                let covered = ((input.div_ceil(stride) - 1) * stride).saturating_add(kernel);
                let total = covered.saturating_sub(input);
                [total / 2, total - total / 2]
            }
            Padding::Explicit(pads) => {
                let pads = *pads
                    .get(axis)
                    .ok_or_else(|| Error::argument(op, "axis", axis, "0 (rows) or 1 (columns)"))?;
                if pads[0].max(pads[1]) >= kernel {
                    let expected = format!("smaller than the kernel ({kernel})");
                    return Err(Error::argument(op, "padding", format!("{pads:?}"), expected));
                }
                pads
            }
        };
        let padded = input + before + after;
        if kernel > padded {
            return Err(Error::argument(
                op,
                "kernel",
                kernel,
                format!("at most the padded input ({padded})"),
            ));
        }
        Ok(((padded - kernel) / stride + 1, before))
    }
}

#[cfg(test)]
mod tests {
    use super::Padding::{self, *};

    fn resolve(padding: Padding, input: usize, kernel: usize, stride: usize) -> (usize, usize) {
        padding.resolve("test", 0, input, kernel, stride).unwrap()
    }

    #[test]
    fn positions_and_pads_are_those_of_keras() {
        assert_eq!(resolve(Valid, 7, 3, 2), (3, 0));
        assert_eq!(resolve(Valid, 8, 3, 2), (3, 0));
        assert_eq!(resolve(Same, 7, 3, 1), (7, 1));
        assert_eq!(resolve(Same, 7, 3, 2), (4, 1));
        assert_eq!(resolve(Same, 8, 3, 2), (4, 0));
        assert_eq!(resolve(Same, 5, 2, 2), (3, 0));
        assert_eq!(resolve(Same, 5, 1, 3), (2, 0));
        assert_eq!(resolve(Explicit([[1, 2], [0, 0]]), 5, 3, 2), (3, 1));
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        for (padding, input, kernel, stride) in [
            (Valid, 2, 3, 1),
            (Valid, 3, 0, 1),
            (Same, 3, 3, 0),
            (Explicit([[3, 0], [0, 0]]), 5, 3, 1),
            (Explicit([[1, 0], [0, 0]]), 1, 3, 1),
        ] {
            assert!(
                padding.resolve("test", 0, input, kernel, stride).is_err(),
                "{padding:?} {input} {kernel}"
            );
        }
        assert!(Explicit([[0, 0], [0, 0]]).resolve("test", 2, 3, 1, 1).is_err());
    }
}
