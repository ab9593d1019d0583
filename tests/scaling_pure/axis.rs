//! Scaling along an axis: rounding, and what a factor moves.

use crate::synthetic::preset;
use allometry::models::axis::{round_depth, round_width};
use allometry::models::{Architecture, Axis, Compound, Cost, Scale};
use proptest::prelude::*;

proptest! {
    #[test]
    fn widths_are_rounded_to_eight_but_keep_ninety_percent(width in 1usize..4096, factor in 0.05f64..16.0) {
        let exact = width as f64 * factor;
        let rounded = round_width(width, factor);
        prop_assert_eq!(rounded % 8, 0);
        prop_assert!(rounded as f64 >= 0.9 * exact);
        prop_assert!(rounded as f64 <= exact.max(0.0) + 8.0);
    }

    #[test]
    fn rounding_keeps_order(size in 1usize..2048, low in 0.05f64..8.0, more in 0.0f64..8.0) {
        prop_assert!(round_width(size, low) <= round_width(size, low + more));
        prop_assert!(round_depth(size, low) <= round_depth(size, low + more));
    }

    #[test]
    fn depths_are_rounded_up_by_less_than_one(depth in 1usize..512, factor in 0.05f64..16.0) {
        let exact = depth as f64 * factor;
        let rounded = round_depth(depth, factor) as f64;
        prop_assert!(rounded >= exact - 1e-9 && rounded < exact + 1.0);
    }

    #[test]
    fn scaled_models_are_valid_and_keep_their_output(
        depth in 0.1f64..4.0, width in 0.1f64..4.0, resolution in 0.1f64..4.0, pixels in 8usize..128,
    ) {
        let base = preset("convnet").with_input(pixels, 3);
        let scaled = Scale { depth, width, resolution }.apply(&base).unwrap();
        prop_assert_eq!(scaled.output, base.output);
        let found = scaled.resolution().unwrap();
        prop_assert!(found.is_multiple_of(2) && found >= 8);
        prop_assert!((found as f64 - pixels as f64 * resolution).abs() <= 8.0);
    }

    #[test]
    fn a_compound_factor_is_a_multiple_of_flops(factor in 0.1f64..32.0) {
        let compound = Compound::default();
        let Scale { depth, width, resolution } = compound.scale(compound.phi(factor));
        prop_assert!((depth * width.powi(2) * resolution.powi(2) / factor - 1.0).abs() < 1e-9);
    }
}

#[test]
fn rounding_is_that_of_the_reference() {
    // round_filters(f · coefficient) with divisor 8, worked by hand from the published rule.
    for (width, factor, expected) in [
        (32, 1.1, 32),
        (16, 1.1, 16),
        (24, 1.1, 24),
        (40, 1.1, 48),
        (112, 1.1, 120),
        (320, 1.4, 448),
        (89, 0.1, 16),
        (7, 1.0, 7),
    ] {
        assert_eq!(round_width(width, factor), expected, "{width} × {factor}");
    }
    assert_eq!(round_depth(10, 1.1), 11);
    assert_eq!(round_depth(1, 0.1), 1);
    assert_eq!(round_depth(3, 1.2), 4);
}

#[test]
fn the_paper_s_coefficients_come_out_at_phi_one() {
    let compound = Compound::default();
    assert!((compound.phi(compound.flops_base()) - 1.0).abs() < 1e-12);
    assert_eq!(compound.scale(1.0), Scale { depth: 1.2, width: 1.1, resolution: 1.15 });
    assert_eq!(compound.scale(compound.phi(1.0)), Scale::BASE);
}

#[test]
fn an_axis_moves_what_it_names() {
    let base = preset("convnet");
    let scaled =
        |axis: Axis, factor| axis.scale(factor, &Compound::default(), &base).unwrap().apply(&base).unwrap();
    let depths = |a: Architecture| a.stages.iter().map(|s| s.depth).collect::<Vec<_>>();
    let widths = |a: Architecture| a.stages.iter().map(|s| s.width).collect::<Vec<_>>();
    assert_eq!(depths(scaled(Axis::Depth, 2.0)), [2, 2, 4, 2]);
    assert_eq!(depths(scaled(Axis::Depth, 0.5)), [1, 1, 1, 1]);
    assert_eq!(widths(scaled(Axis::Width, 0.5)), [8, 16, 16, 32]);
    assert_eq!(scaled(Axis::Resolution, 0.5).resolution(), Some(14));
    assert_eq!(scaled(Axis::Resolution, 2.0).resolution(), Some(56));
    assert_eq!(scaled(Axis::Resolution, 0.01).resolution(), Some(8));
    assert_eq!(scaled(Axis::Compound, 1.0), base);
}

#[test]
fn features_have_no_resolution_but_can_be_compounded() {
    let base = preset("keras-dense");
    let compound = Compound::default();
    let scale = Axis::Compound.scale(4.0, &compound, &base).unwrap();
    assert_eq!(scale.resolution, 1.0);
    assert!((scale.depth * scale.width.powi(2) - 4.0).abs() < 1e-9);
    let sharper = Axis::Resolution.scale(2.0, &compound, &base).unwrap();
    assert!(sharper.apply(&base).unwrap_err().to_string().contains("no resolution"));
}

#[test]
fn factors_out_of_range_are_refused() {
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(Axis::Width.scale(factor, &Compound::default(), &preset("mlp")).is_err(), "{factor}");
    }
    let flat = Compound { alpha: 1.0, beta: 1.0, gamma: 1.0 };
    assert!(Axis::Compound.scale(2.0, &flat, &preset("mlp")).is_err());
}

#[test]
fn axes_have_names() {
    for axis in Axis::ALL {
        assert_eq!(axis.to_string().parse::<Axis>().unwrap(), axis);
    }
    assert!("height".parse::<Axis>().is_err());
}

#[test]
fn width_reaches_stem_head_and_what_blocks_derive_from_it() {
    let base = preset("efficientnet-b0");
    let wide = Scale { width: 2.0, ..Scale::BASE }.apply(&base).unwrap();
    assert_eq!((wide.stem.unwrap().width, wide.head.conv), (64, 2560));
    assert_eq!((wide.input, wide.output), (base.input, base.output));
}

#[test]
fn regularisation_grows_with_each_doubling_of_flops() {
    let base = preset("efficientnet-b0");
    let rate = |scale: Scale| scale.apply(&base).unwrap().dropout;
    assert_eq!(rate(Scale::BASE), base.dropout);
    // Four times the pixels are two doublings.
    let twice = rate(Scale { resolution: 2.0, ..Scale::BASE });
    assert!((twice - (base.dropout + 2.0 * base.growth.dropout)).abs() < 1e-12, "{twice}");
    // The paper's B7 (depth 3.1, width 2, resolution 600 / 224) has a dropout of 0.5.
    let largest = rate(Scale { depth: 3.1, width: 2.0, resolution: 600.0 / 224.0 });
    assert!((0.45..0.51).contains(&largest), "{largest}");
    assert_eq!(rate(Scale { width: 0.01, ..Scale::BASE }), 0.0);
    let plain = preset("convnet");
    assert_eq!(Scale { width: 4.0, ..Scale::BASE }.apply(&plain).unwrap().dropout, plain.dropout);
}

#[test]
fn every_axis_scales_every_preset() {
    for name in Architecture::presets() {
        let base = preset(&name);
        let cost = |scale: Scale| Cost::of(&scale.apply(&base).unwrap()).unwrap();
        let one = cost(Scale::BASE);
        let mut scales = vec![Scale { depth: 2.0, ..Scale::BASE }, Scale { width: 2.0, ..Scale::BASE }];
        if base.resolution().is_some() {
            scales.push(Scale { resolution: 2.0, ..Scale::BASE });
        }
        for scale in scales {
            assert!(cost(scale).macs > one.macs * 3 / 2, "{name}, {scale}");
        }
    }
}
