//! Models as data: presets, TOML, and the layers that follow.

use crate::synthetic::preset;
use allometry::models::Architecture;
use allometry::models::architecture::{Head, Input, Output};
use allometry::models::stage::{Downsample, Stage};
use allometry::nn::Activation;

#[test]
fn presets_survive_toml() {
    for name in Architecture::PRESETS {
        let base = preset(name);
        base.validate().unwrap();
        assert_eq!(Architecture::from_toml(&base.to_toml().unwrap()).unwrap(), base);
        assert_eq!(Architecture::load(name).unwrap(), base);
    }
}

#[test]
fn a_model_is_read_from_short_toml() {
    let text = r#"
        name = "mine"
        input = { features = 20 }
        output = { values = 1 }
        stages = [{ block = "dense", width = 64, depth = 2 }]
    "#;
    let model = Architecture::from_toml(text).unwrap();
    assert_eq!(model.stages, vec![Stage::dense(64, 2)]);
    assert_eq!((model.input_shape(), model.output), (vec![20], Output::Values(1)));
}

#[test]
fn a_stage_names_its_activation() {
    let text = r#"
        name = "smooth"
        input = { features = 4 }
        output = { values = 1 }
        stages = [{ block = "dense", width = 8, activation = "softplus" }]
    "#;
    let model = Architecture::from_toml(text).unwrap();
    assert_eq!(model.stages, [Stage { activation: Activation::Softplus, ..Stage::dense(8, 1) }]);
    assert_eq!(Architecture::from_toml(&model.to_toml().unwrap()).unwrap(), model);
    let unknown = Architecture::from_toml(&text.replace("softplus", "softmax")).unwrap_err().to_string();
    assert!(unknown.contains("softmax") && unknown.contains("softplus"), "{unknown}");
}

#[test]
fn layers_follow_from_the_data() {
    let count = |model: Architecture| model.layers().layers().len();
    assert_eq!(count(preset("keras-dense")), 4);
    assert_eq!(count(preset("mlp")), 1 + 1 + 2 + 1, "rescaling, flatten, two dense, output");
    assert_eq!(count(preset("convnet")), 1 + 5 + 3 + 1 + 1, "rescaling, convolutions, pools, mean, output");
    let blocks = 1 + 2 + 2;
    assert_eq!(
        count(preset("mobilenet")),
        1 + 1 + 2 * blocks + 1 + 1,
        "rescaling, convolution, pairs, mean, output"
    );
    let strided = Stage { downsample: Downsample::Convolution, ..Stage::conv(8, 2).stride(2) };
    let model = Architecture { stages: vec![strided, Stage::dense(8, 1)], dropout: 0.5, ..preset("convnet") };
    assert_eq!(count(model), 1 + 2 + 1 + 1 + 1 + 1, "rescaling, convolutions, mean, dense, dropout, output");
}

#[test]
fn senseless_models_are_refused_with_the_reason() {
    let refused = |model: Architecture, reason: &str| {
        let message = model.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    refused(preset("convnet").with_input(3, 1), "resolution of at least 8");
    refused(preset("convnet").with_features(20), "convolutions need an image");
    refused(preset("mobilenet").with_features(20), "convolutions need an image");
    refused(preset("mlp").with_outputs(0), "0 outputs");
    refused(Architecture { head: Head::GlobalAverage, ..preset("mlp") }, "no convolution");
    refused(Architecture { dropout: 1.0, ..preset("mlp") }, "dropout is 1");
    refused(Architecture { stages: vec![Stage::dense(0, 1)], ..preset("mlp") }, "stage 1: width is 0");
    refused(
        Architecture { stages: vec![Stage::dense(8, 1).stride(2)], ..preset("mlp") },
        "are for convolutions only",
    );
    refused(Architecture { name: " ".into(), ..preset("mlp") }, "name is empty");
    let typo = preset("mlp").to_toml().unwrap().replace("depth", "dpeth");
    assert!(Architecture::from_toml(&typo).unwrap_err().to_string().contains("dpeth"));
    assert!(
        Architecture::load("no-such-model").unwrap_err().to_string().contains("keras-dense, mlp, convnet")
    );
}

#[test]
fn an_image_model_can_take_any_data_set() {
    let model = preset("convnet").with_input(105, 3).with_outputs(50);
    assert_eq!(model.input, Input::Image { resolution: 105, channels: 3 });
    assert_eq!(model.output, Output::Classes(50));
    assert_eq!((model.total_stride(), model.first_stride()), (8, 2));
    model.validate().unwrap();
}
