//! Models as data: presets, TOML, and the layers that follow.

use crate::synthetic::preset;
use allometry::Device;
use allometry::models::architecture::{Input, Output};
use allometry::models::blocks::{Conv, Dense, Downsample};
use allometry::models::head::Pooling;
use allometry::models::stage::Stage;
use allometry::models::{Architecture, Scale};
use allometry::nn::{Activation, Module, ModuleReport};
use allometry::train::TrainConfig;
use std::collections::BTreeMap;

#[test]
fn presets_survive_toml() {
    for name in Architecture::presets() {
        let base = preset(&name);
        base.validate().unwrap();
        assert_eq!(Architecture::from_toml(&base.to_toml().unwrap()).unwrap(), base);
        assert_eq!(Architecture::load(&name).unwrap(), base);
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
    assert_eq!(
        model.stages,
        [Stage::new(8, 1, Dense { activation: Activation::Softplus, ..Dense::default() })]
    );
    assert_eq!(Architecture::from_toml(&model.to_toml().unwrap()).unwrap(), model);
    let unknown = Architecture::from_toml(&text.replace("softplus", "softmax")).unwrap_err().to_string();
    assert!(unknown.contains("softmax") && unknown.contains("softplus"), "{unknown}");
}

/// In a new model running variances are 1: in evaluation each of its five batch norms divides by √(1 + ε).
#[test]
fn all_norms_have_the_epsilon_of_the_model() {
    let text = |epsilon: f64| {
        format!(
            r#"
            name = "linear"
            norm_epsilon = {epsilon:?}
            rescale = false
            input = {{ image = {{ resolution = 4, channels = 1 }} }}
            output = {{ values = 2 }}
            stem = {{ width = 4, activation = "linear" }}
            head = {{ pooling = "global_average", conv = 3, norm = "batch", activation = "linear" }}
            stages = [
                {{ block = "separable", width = 3, norm = "batch", activation = "linear" }},
                {{ block = "conv", width = 3, norm = "batch", activation = "linear" }},
            ]
            "#
        )
    };
    let outputs = |epsilon| {
        let model = Architecture::from_toml(&text(epsilon)).unwrap();
        assert_eq!(Architecture::from_toml(&model.to_toml().unwrap()).unwrap(), model);
        let model = model.build(&TrainConfig::default(), &Device::cpu()).unwrap();
        let image: Vec<f32> = (0..16).map(|pixel| (pixel as f32).sin()).collect();
        model.predict(&model.batch(&image).unwrap()).unwrap().to_vec::<f32>().unwrap()
    };
    for (small, large) in outputs(1e-12).into_iter().zip(outputs(0.44)) {
        assert!((small / large / 1.2_f32.powi(5) - 1.0).abs() < 1e-5, "{small} {large}");
    }
    let refusal = Architecture::from_toml(&text(0.0)).unwrap_err().to_string();
    assert!(refusal.contains("norm_epsilon is 0"), "{refusal}");
    let preset = |name: &str| preset(name).norm_epsilon;
    assert_eq!([preset("efficientnet-b4"), preset("efficientnet-b5")], [1e-5, 1e-3]);
}

#[test]
fn layers_follow_from_the_data() {
    let count = |model: Architecture| model.layers().layers().len();
    assert_eq!(count(preset("keras-dense")), 4);
    assert_eq!(count(preset("mlp")), 1 + 1 + 2 + 1, "rescaling, flatten, two dense, output");
    assert_eq!(count(preset("convnet")), 1 + 5 + 3 + 1 + 1, "rescaling, convolutions, pools, mean, output");
    assert_eq!(count(preset("mobilenet")), 1 + 1 + 5 + 1 + 1, "rescaling, convolution, blocks, mean, output");
    let strided = Conv { stride: 2, downsample: Downsample::Convolution, ..Conv::default() };
    let strided = Stage::new(8, 2, strided);
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
    refused(preset("mlp").with_outputs(0), "the number of outputs is 0");
    refused(Architecture { head: Pooling::GlobalAverage.into(), ..preset("mlp") }, "no convolution");
    refused(Architecture { dropout: 1.0, ..preset("mlp") }, "dropout is 1");
    refused(
        Architecture { stages: vec![Stage::dense(0, 1)], ..preset("mlp") },
        "stage 1 (stages.0): width is 0",
    );
    refused(Architecture { name: " ".into(), ..preset("mlp") }, "name is empty");
    let typo = preset("mlp").to_toml().unwrap().replace("depth", "dpeth");
    assert!(Architecture::from_toml(&typo).unwrap_err().to_string().contains("dpeth"));
    assert!(
        Architecture::load("no-such-model")
            .unwrap_err()
            .to_string()
            .contains("mlp, resmlp, keras-dense, convnet")
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

#[test]
fn errors_name_the_stage_and_the_key() {
    let refused = |stages: &str, parts: &[&str]| {
        let text = format!(
            "name = \"mine\"\ninput.image = {{ resolution = 8, channels = 3 }}\noutput.classes = 2\nstages = [{stages}]"
        );
        let message = Architecture::from_toml(&text).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    let second = "stage 2 (stages.1)";
    let after = |stage: &str| format!("{{ block = \"conv\", width = 8 }}, {stage}");
    refused(
        &after("{ block = \"basic\", width = 8, kernal = 3 }"),
        &[second, "kernal", "kernel", "shortcut"],
    );
    refused(&after("{ block = \"dense\", width = 8, stride = 2 }"), &[second, "stride", "activation"]);
    refused(&after("{ block = \"basic\" }"), &[second, "width"]);
    refused(&after("{ block = \"recurrent\", width = 8 }"), &[second, "recurrent", "bottleneck"]);
    refused(&after("{ block = \"basic\", width = 8, kernel = 4 }"), &[second, "kernel is 4", "odd"]);
    refused(&after("{ block = \"basic\", width = 4, shortcut = \"padded\" }"), &[second, "projection"]);
    refused(
        &after("{ block = \"bottleneck\", width = 8, groups = 2, group_width = 2 }"),
        &[second, "groups"],
    );
    refused(&after("{ block = \"bottleneck\", width = 8, reduction = 0.0 }"), &[second, "reduction is 0"]);
    refused(&after("{ block = \"mbconv\", width = 8, expansion = 100 }"), &[second, "expansion is 100"]);
    refused(&after("{ block = \"basic\", width = 8, norm = \"instance\" }"), &[second, "instance", "batch"]);
    let squeezed = "{ ratio = 2.0, activation = \"relu\", gate = \"sigmoid\" }";
    let stage = format!("{{ block = \"mbconv\", width = 8, squeeze_excite = {squeezed} }}");
    refused(&after(&stage), &[second, "squeeze_excite.ratio is 2"]);
}

#[test]
fn errors_name_the_keys_of_inner_tables_and_the_values_they_take() {
    let refused = |from: &str, to: &str, parts: &[&str]| {
        let text = "name = \"mine\"\nhead = \"flatten\"\ngrowth = { dropout = 0.1 }\nstem = { width = 8 }\n\
            input.image = { resolution = 8, channels = 3 }\noutput = { classes = 2 }\n\
            stages = [{ block = \"mbconv\", width = 8, squeeze_excite = { ratio = 0.25 } }]";
        Architecture::from_toml(text).unwrap();
        assert!(text.contains(from));
        let message = Architecture::from_toml(&text.replace(from, to)).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?}: {message}");
    };
    let whole = "a whole number that is not negative";
    let stage = "stage 1 (stages.0): ";
    refused("ratio = 0.25", "", &[stage, "squeeze_excite: ", "missing key `ratio`"]);
    refused("ratio = 0.25", "ratio = \"a\"", &[stage, "squeeze_excite.ratio: ", "expected a number"]);
    refused("ratio = 0.25", "ratio = 0.2, gat = 1", &["squeeze_excite.gat: ", "`of`, `activation`, `gate`"]);
    refused("\"mbconv\", width = 8", "\"mbconv\", width = -8", &[stage, "width: ", "`-8`", whole]);
    refused("\"mbconv\", width = 8", "\"mbconv\"", &[stage, "missing key `width`"]);
    refused("\"mbconv\"", "\"mbconv\", kernel = 3.5", &[stage, "kernel: ", "3.5", whole]);
    refused("\"mbconv\"", "\"mbcon\"", &[stage, "block: ", "mbcon", "mbconv"]);
    refused("\"flatten\"", "{ conv = -1 }", &["head: conv: ", whole]);
    refused("{ width = 8 }\n", "{ width = 8, kernel = true }\n", &["stem: kernel: ", whole]);
    refused("dropout = 0.1", "drop = 0.1", &["growth: drop: ", "dropout"]);
    refused("resolution = 8", "resolution = -8", &["input: image.resolution: ", "`-8`", whole]);
    refused("image = { resolution = 8, channels = 3 }", "pixels = 8", &["input: ", "pixels", "features = N"]);
    refused("classes = 2", "", &["output: it has no key", "classes = N", "values = N"]);
    refused("classes = 2", "classes = 2, values = 1", &["output: it has classes and values", "one key"]);
    refused("classes = 2", "classes = -16", &["output: classes: ", "`-16`", whole]);
    refused("{ classes = 2 }", "3", &["output: ", "3"]);
}

#[test]
fn groups_divide_the_channels_of_a_file_but_not_of_a_scaled_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.toml");
    let load = |keys: &str| {
        let text = format!(
            "name = \"mine\"\nhead = \"global_average\"\ninput.image = {{ resolution = 8, channels = 3 }}\n\
             output.classes = 2\nstages = [{{ block = \"bottleneck\", width = 64, {keys} }}]"
        );
        std::fs::write(&path, text).unwrap();
        Architecture::load(path.to_str().unwrap())
    };
    for (keys, parts) in [
        ("groups = 3", ["stage 1 (stages.0): groups is 3", "the 16 channels", "2 and 4"]),
        ("group_width = 5", ["group_width is 5", "the 16 channels", "4 and 8"]),
        ("group_width = 40", ["group_width is 40", "width 64 / reduction 4", ": 16"]),
    ] {
        let message = load(keys).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    let base = load("group_width = 8").unwrap();
    let scaled = Scale { width: 1.25, ..Scale::BASE }.apply(&base).unwrap();
    std::fs::write(&path, scaled.to_toml().unwrap()).unwrap();
    assert!(Architecture::load(path.to_str().unwrap()).is_err(), "80 / 4 channels in groups of 8");
    std::fs::write(folder.path().join("weights.safetensors"), "").unwrap();
    assert_eq!(Architecture::load(path.to_str().unwrap()).unwrap(), scaled);
}

#[test]
fn a_head_is_a_name_or_a_table() {
    let with = |head: &str| {
        let convnet = preset("convnet").to_toml().unwrap();
        Architecture::from_toml(&convnet.replace("head = \"global_average\"", head))
    };
    let head = with("head = { pooling = \"global_average\", conv = 48, norm = \"batch\" }").unwrap().head;
    assert_eq!((head.pooling, head.conv, head.activation), (Pooling::GlobalAverage, 48, Activation::Relu));
    let refused = |head: &str, part: &str| {
        let message = with(head).unwrap_err().to_string();
        assert!(message.contains("head") && message.contains(part), "{message}");
    };
    refused("head = \"mean\"", "global_average");
    refused("head = { pool = \"flatten\" }", "pooling");
    let features = preset("mlp").to_toml().unwrap().replace("head = \"flatten\"", "head = { conv = 8 }");
    assert!(Architecture::from_toml(&features).unwrap_err().to_string().contains("conv is given"));
}

/// Output shapes of all modules, by name.
fn shapes(model: &Architecture) -> BTreeMap<String, Vec<usize>> {
    fn add(report: &ModuleReport, shapes: &mut BTreeMap<String, Vec<usize>>) {
        shapes.insert(report.name.clone(), report.output_shape.clone());
        report.modules.iter().for_each(|module| add(module, shapes));
    }
    let mut shapes = BTreeMap::new();
    add(&model.layers().describe(&model.input_shape()).unwrap(), &mut shapes);
    shapes
}

#[test]
fn blocks_have_the_shapes_of_their_papers() {
    let resnext = r#"
        name = "resnext"
        input.image = { resolution = 9, channels = 3 }
        output.classes = 2
        stem = { width = 64, stride = 2 }
        stages = [
            { block = "bottleneck", width = 256, reduction = 2.0, groups = 32, stride = 2 },
            { block = "mbconv", width = 24, depth = 2, squeeze_excite = { ratio = 0.25, activation = "silu", gate = "sigmoid" } },
        ]
    "#;
    let shapes = shapes(&Architecture::from_toml(resnext).unwrap());
    for (name, shape) in [
        ("stem", vec![5, 5, 64]),
        ("stages.0.0.body.conv1", vec![5, 5, 128]),
        ("stages.0.0.body.conv2", vec![3, 3, 128]),
        ("stages.0.0.shortcut", vec![3, 3, 256]),
        ("stages.1.0.body.expand", vec![3, 3, 1536]),
        ("stages.1.0.body.squeeze_excite.squeeze", vec![64]),
        ("stages.1.1.body.depthwise", vec![3, 3, 144]),
        ("stages.1.1.body.squeeze_excite.squeeze", vec![6]),
        ("output", vec![2]),
    ] {
        assert_eq!(shapes.get(name), Some(&shape), "{name}");
    }
    assert!(!shapes.contains_key("stages.1.0.shortcut"), "the widths differ");
}
