//! Leaves out of a kernel what its constants deselect.
//!
//! A text such as `shaders/conv2d.wgsl` serves many kernels: `if STRIDED == 0u` and `switch FUNCTION` choose by constants
//! that the host writes before the text. Drivers drop what is not chosen, but only after they have copied functions
//! into their callers. The switch over all activations, for example, is then in the text four to sixteen times. Without
//! it, Mesa's software driver compiles a convolution in half the time.

use wgpu::naga::compact::{KeepUnused, compact};
use wgpu::naga::front::wgsl;
use wgpu::naga::valid::Capabilities;
use wgpu::naga::{
    Arena, Block, Constant, Expression, Function, Handle, Literal, Module, Statement, SwitchCase, SwitchValue,
};

/// The module of a WGSL text with only this entry point and what it uses.
///
/// # Errors
/// What is wrong with the text, and where.
pub(super) fn parse(text: &str, entry: &str) -> Result<Module, String> {
    let mut frontend = wgsl::Frontend::new();
    // The device's own features are checked when its module is made.
    frontend.set_options(wgsl::Options { parse_doc_comments: false, capabilities: Capabilities::all() });
    let mut module = frontend.parse(text).map_err(|error| error.emit_to_string(text))?;
    module.entry_points.retain(|point| point.name == entry);
    let Module { constants, global_expressions, functions, entry_points, .. } = &mut module;
    let constants = Constants { constants, global_expressions };
    let of_entry_points = entry_points.iter_mut().map(|point| &mut point.function);
    for function in functions.iter_mut().map(|(_, function)| function).chain(of_entry_points) {
        constants.specialise(function);
    }
    compact(&mut module, KeepUnused::No);
    Ok(module)
}

/// The constants of a module.
struct Constants<'a> {
    constants: &'a Arena<Constant>,
    global_expressions: &'a Arena<Expression>,
}

impl Constants<'_> {
    fn specialise(&self, function: &mut Function) {
        let body = std::mem::take(&mut function.body);
        function.body = self.selected(body, &function.expressions);
        // Names keep their expressions, also those that are computed in branches that are no more.
        function.named_expressions.clear();
    }

    /// The value of an expression, if it is a constant.
    fn value(&self, expression: Handle<Expression>, all: &Arena<Expression>) -> Option<Literal> {
        let of = |expression: &Expression| match *expression {
            Expression::Literal(literal) => Some(literal),
            _ => None,
        };
        match all[expression] {
            Expression::Constant(constant) => of(&self.global_expressions[self.constants[constant].init]),
            ref other => of(other),
        }
    }

    /// The statements of a block that can run, with those of a selected branch in its place.
    fn selected(&self, block: Block, all: &Arena<Expression>) -> Block {
        let mut selected = Block::new();
        for (statement, span) in block.span_into_iter() {
            match statement {
                Statement::Block(block) => selected.extend_block(self.selected(block, all)),
                Statement::If { condition, accept, reject } => {
                    let (accept, reject) = (self.selected(accept, all), self.selected(reject, all));
                    match self.value(condition, all) {
                        Some(Literal::Bool(true)) => selected.extend_block(accept),
                        Some(Literal::Bool(false)) => selected.extend_block(reject),
                        _ => selected.push(Statement::If { condition, accept, reject }, span),
                    }
                }
                Statement::Switch { selector, mut cases } => {
                    for case in &mut cases {
                        case.body = self.selected(std::mem::take(&mut case.body), all);
                    }
                    match self.value(selector, all).and_then(|value| selected_case(&cases, value)) {
                        Some(case) => selected.extend_block(cases.swap_remove(case).body),
                        None => selected.push(Statement::Switch { selector, cases }, span),
                    }
                }
                Statement::Loop { body, continuing, break_if } => {
                    let (body, continuing) = (self.selected(body, all), self.selected(continuing, all));
                    selected.push(Statement::Loop { body, continuing, break_if }, span);
                }
                other => selected.push(other, span),
            }
            // Nothing behind a return is run.
            if selected.last().is_some_and(Statement::is_terminator) {
                break;
            }
        }
        selected
    }
}

/// The index of the case that a constant selects. `None` if it cannot stand without the switch, because a `break` in it
/// leaves the switch.
fn selected_case(cases: &[SwitchCase], value: Literal) -> Option<usize> {
    let value = match value {
        Literal::U32(value) => SwitchValue::U32(value),
        Literal::I32(value) => SwitchValue::I32(value),
        _ => return None,
    };
    let place = |value: SwitchValue| cases.iter().position(|case| case.value == value);
    let first = place(value).or_else(|| place(SwitchValue::Default))?;
    // `case 1u, 2u` is an empty case that falls through to the next.
    let chosen = (first..cases.len()).find(|&case| !cases[case].fall_through)?;
    (!leaves(&cases[chosen].body)).then_some(chosen)
}

/// Whether a `break` in a block leaves what is around the block.
fn leaves(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::Break => true,
        Statement::Block(block) => leaves(block),
        Statement::If { accept, reject, .. } => leaves(accept) || leaves(reject),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statements of the entry point, printed by naga.
    fn body(constants: &str, statements: &str) -> String {
        let text = format!(
            "{constants}
            @group(0) @binding(0) var<storage, read_write> y: array<u32>;
            fn unused() -> u32 {{ return 77u; }}
            fn doubled(x: u32) -> u32 {{ if HALVES == 1u {{ return x / 2u; }} return 2u * x; }}
            @compute @workgroup_size(1) fn other() {{ y[0] = unused(); }}
            @compute @workgroup_size(1) fn kernel(@builtin(local_invocation_index) lane: u32) {{ {statements} }}"
        );
        let module = parse(&text, "kernel").unwrap();
        assert_eq!(module.entry_points.len(), 1);
        let functions = module.functions.iter().map(|(_, function)| format!("{:?}", function.body));
        functions
            .chain([format!("{:?}", module.entry_points[0].function.body)])
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn only_what_constants_select_is_left() {
        let two = "const HALVES: u32 = 0u; const FUNCTION: u32 = 2u;";
        let switch =
            "switch FUNCTION { case 1u: { y[1] = 1u; } case 2u, 3u: { y[2] = 1u; y[2] = 2u; } default: { } }";
        let stores = |text: &str| text.matches("Store").count();
        assert_eq!(stores(&body(two, switch)), 2);
        assert!(!body(two, switch).contains("Switch"));
        let other = |function: u32| format!("const HALVES: u32 = 0u; const FUNCTION: u32 = {function}u;");
        assert_eq!([1, 2, 3, 4].map(|function| stores(&body(&other(function), switch))), [1, 2, 2, 0]);
        // In a loop, in a condition that is not constant, and with what follows a return.
        let nested = "for (var i = 0u; i < lane; i++) { if i == 3u { if FUNCTION == 2u { y[i] = 1u; return; } y[i] = 2u; } }";
        assert_eq!([1, 2].map(|function| stores(&body(&other(function), nested))), [2, 2]);
        assert_eq!([1, 2].map(|function| body(&other(function), nested).matches("Return").count()), [1, 2]);
        // Of functions the ones that are called, and of these what is selected.
        let called = |halves: u32| body(&format!("const HALVES: u32 = {halves}u;"), "y[0] = doubled(lane);");
        for halves in [0, 1] {
            assert!(!called(halves).contains("If") && called(halves).matches("Return").count() == 2);
        }
        assert_ne!(called(0), called(1));
    }

    #[test]
    fn what_depends_on_the_invocation_is_left() {
        let constants = "const HALVES: u32 = 0u; const FUNCTION: u32 = 2u;";
        let switch = "switch lane { case 1u: { y[1] = 1u; } default: { y[2] = 1u; } }";
        assert!(body(constants, switch).contains("Switch"));
        assert!(body(constants, "if lane == FUNCTION { y[1] = 1u; }").contains("If"));
        // The break leaves the switch, so the case cannot stand without it.
        let breaks = "switch FUNCTION { case 2u: { if lane == 1u { break; } y[1] = 1u; } default: { } }";
        assert!(body(constants, breaks).contains("Switch"));
        assert!(parse("fn kernel( {", "kernel").is_err_and(|error| error.contains("error")));
    }
}
