//! Which kernels there are: read from the source, wherever a file lies, so that none can be forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprLit, ExprStruct, Ident, ImplItemConst, Item, ItemConst, ItemStatic, Lit, Member,
    Type,
};

/// Kernels that no sample can reach through the public interface, and the file whose tests run them.
pub const TESTED_ELSEWHERE: &[(&str, &str)] = &[("copy.accumulate", "src/ops/gradient.rs")];

/// The labels (`op.entry`) of all kernels, each with the file that defines it. Of a family of variants it is the label of
/// the first. None where the tests run without their source, on a machine that they were carried to.
pub fn labels() -> BTreeMap<String, PathBuf> {
    let mut labels = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<PathBuf> = Some(source).into_iter().filter(|source| source.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder was listed by its parent") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("sources are text");
            labels.extend(labels_of(&text, &path).into_iter().map(|label| (label, path.clone())));
        }
    }
    labels
}

/// The labels in the text of a file.
fn labels_of(text: &str, path: &Path) -> Vec<String> {
    let mut kernels = Kernels::default();
    kernels.visit_file(&syn::parse_file(text).expect("sources can be parsed"));
    if kernels.count == 0 {
        return Vec::new();
    }
    let text = code(text);
    let found: Vec<String> = text.split('"').skip(1).step_by(2).filter(is_label).map(String::from).collect();
    let count = kernels.count;
    assert!(found.len() >= count, "{}: {count} kernels with the labels {found:?}", path.display());
    found
}

/// Counts what defines a kernel, or a family of them, outside unit tests: statics and constants of these types, and
/// values with a name written out that are in no static.
#[derive(Default)]
struct Kernels {
    count: usize,
}

impl Kernels {
    fn count(&mut self, of: &Type) -> bool {
        let mut names = Names::default();
        names.visit_type(of);
        self.count += usize::from(names.has_kernel);
        names.has_kernel
    }
}

impl<'ast> Visit<'ast> for Kernels {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(module) => &module.attrs,
            Item::Fn(function) => &function.attrs,
            Item::Impl(block) => &block.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !attributes.iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        if !self.count(&item.ty) {
            visit::visit_item_static(self, item);
        }
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        if !self.count(&item.ty) {
            visit::visit_item_const(self, item);
        }
    }

    fn visit_impl_item_const(&mut self, item: &'ast ImplItemConst) {
        if !self.count(&item.ty) {
            visit::visit_impl_item_const(self, item);
        }
    }

    fn visit_expr_struct(&mut self, value: &'ast ExprStruct) {
        let named = |field: &syn::FieldValue| {
            matches!(&field.member, Member::Named(name) if name == "name")
                && matches!(&field.expr, Expr::Lit(ExprLit { lit: Lit::Str(_), .. }))
        };
        if value.path.segments.last().is_some_and(|last| is_kernel(&last.ident))
            && value.fields.iter().any(named)
        {
            self.count += 1;
        }
        visit::visit_expr_struct(self, value);
    }
}

/// Whether a type names a kernel anywhere.
#[derive(Default)]
struct Names {
    has_kernel: bool,
}

impl<'ast> Visit<'ast> for Names {
    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.has_kernel |= is_kernel(&segment.ident);
        visit::visit_path_segment(self, segment);
    }
}

fn is_kernel(name: &Ident) -> bool {
    name == "Kernel" || name == "Family"
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<Ident>().is_ok_and(|name| name == "test")
}

/// A text without comments and unit tests.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().expect("a split has a first part");
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// `op.entry`, both lower-case words.
fn is_label(literal: &&str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    literal.split_once('.').is_some_and(|(op, entry)| is_word(op) && is_word(entry) && entry != "wgsl")
}

#[test]
fn kernels_are_found_however_they_are_declared() {
    let found = |text: &str| labels_of(text, Path::new("x.rs"));
    let plain = r#"Kernel { name: "x.forward", ..OTHER }"#;
    for text in [
        format!("static X: Kernel<P> = {plain};"),
        format!("pub(crate) static X: kernel::Kernel<P> =\n    {plain};"),
        format!("pub const X: Kernel<P> = {plain};"),
        format!("static ALL: LazyLock<[Kernel<P>; 1]> = LazyLock::new(|| [{plain}]);"),
        format!("impl X {{ const X: Kernel<P> = {plain}; }}"),
        format!("fn run() {{ static X: Kernel<P> = {plain}; }}"),
        format!("fn run() {{ go(&{plain}) }}"),
        r#"static X: Family<P> = family!("x.forward", tile);"#.to_string(),
    ] {
        assert_eq!(found(&text), ["x.forward"], "{text}");
    }
    // Names of something else, and kernels of unit tests.
    for text in [
        r#"const FILE: &str = "x.forward";"#.to_string(),
        format!("#[cfg(test)]\nmod tests {{ static X: Kernel<P> = {plain}; }}"),
    ] {
        assert!(found(&text).is_empty(), "{text}");
    }
    let nameless =
        std::panic::catch_unwind(|| labels_of("static X: Kernel<P> = kernel();", Path::new("x.rs")));
    assert!(nameless.is_err(), "a kernel whose label is not to be seen");
}
