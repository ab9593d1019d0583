//! Which files of `src` import which: modules only from those below them, and no two files each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Ident, Item, ItemUse, Macro, Token, UseTree, Visibility};

/// Modules from the lowest to the highest. One may import those of lines above its own and of its own line.
const ORDER: &[&[&str]] = &[
    &[
        "error",
        "shape",
        "arguments",
        "units",
        "rounding",
        "quantile",
        "files",
        "cache",
        "output",
        "terminal",
        "tables",
    ],
    &["data", "laws"],
    &["device"],
    &["tensor", "autograd"],
    &["gradcheck", "ops"],
    &["nn"],
    &["optim"],
    &["train"],
    &["models", "bench"],
    &["sweep"],
    &["planner"],
    &["report"],
];

/// Modules that import only the lowest line, so that they can be read and used without the engine.
const STANDALONE: &[&str] = &["data", "laws"];

/// Pairs of files that import each other, and why they may.
const PAIRS: &[(&str, &str, &str)] = &[
    ("autograd.rs", "tensor.rs", "a tensor holds its node of the graph, a node holds tensors"),
    ("error.rs", "shape.rs", "errors show shapes, shapes return errors"),
    (
        "device/buffer.rs",
        "device/mod.rs",
        "a device allocates buffers, a buffer returns its memory to its device",
    ),
    (
        "nn/definition.rs",
        "nn/module.rs",
        "a module declares itself to its definition, which asks the modules inside it",
    ),
    ("nn/model.rs", "nn/module.rs", "a module is built into a model, which runs it"),
    ("nn/module.rs", "nn/scope.rs", "a module computes in its scope, which runs the modules inside it"),
];

/// A path within the crate, from its root: `["device", "Device"]`.
type Segments = Vec<String>;

#[derive(Default)]
struct File {
    /// What it imports or names by `crate::` or `super::`, but for what it only passes on.
    imports: Vec<Segments>,
    /// What `pub use` passes on: name and where it comes from.
    exports: BTreeMap<String, Segments>,
}

/// Gathers the paths that a file names outside its tests.
#[derive(Default)]
struct Paths {
    /// The paths of `use` lines, and whether they are passed on.
    uses: Vec<(Segments, bool)>,
    /// Other paths.
    named: Vec<Segments>,
}

impl Paths {
    fn tree(&mut self, tree: &UseTree, prefix: &[String], public: bool) {
        let with = |name: &Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident), public),
            UseTree::Name(name) if name.ident == "self" => self.uses.push((prefix.to_vec(), public)),
            UseTree::Name(name) => self.uses.push((with(&name.ident), public)),
            UseTree::Rename(name) => self.uses.push((with(&name.ident), public)),
            UseTree::Glob(_) => self.uses.push((prefix.to_vec(), public)),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, prefix, public)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(module) => &module.attrs,
            Item::Fn(function) => &function.attrs,
            Item::Impl(block) => &block.attrs,
            Item::Use(line) => &line.attrs,
            _ => return visit::visit_item(self, item),
        };
        let test = |attribute: &Attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<Ident>().is_ok_and(|name| name == "test")
        };
        if !attributes.iter().any(test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, line: &'ast ItemUse) {
        self.tree(&line.tree, &[], !matches!(line.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 && ["crate", "super"].contains(&segments[0].as_str()) {
            self.named.push(segments);
        }
        visit::visit_path(self, path);
    }

    /// A macro of the crate is no file's; its arguments are read as far as they are expressions.
    fn visit_macro(&mut self, call: &'ast Macro) {
        let arguments = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        for argument in arguments.iter().flatten() {
            self.visit_expr(argument);
        }
    }
}

/// The files of `src` but for the driver's, by module path.
struct Source {
    names: BTreeMap<Segments, String>,
    files: BTreeMap<Segments, File>,
}

impl Source {
    fn read(root: &Path) -> Source {
        let mut names = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        let mut texts = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path: PathBuf = entry.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
                if path.is_dir() {
                    folders.push(path);
                } else if name.ends_with(".rs") && name != "main.rs" && !name.starts_with("cli/") {
                    let module = name.trim_end_matches(".rs").trim_end_matches("/mod");
                    let module: Segments = match module {
                        "lib" => Vec::new(),
                        module => module.split('/').map(str::to_string).collect(),
                    };
                    texts.insert(module.clone(), fs::read_to_string(path).unwrap());
                    names.insert(module, name);
                }
            }
        }
        let mut source = Source { names, files: BTreeMap::new() };
        for (module, text) in &texts {
            let file = source.parse(module, text);
            source.files.insert(module.clone(), file);
        }
        source
    }

    fn parse(&self, module: &Segments, text: &str) -> File {
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(text).unwrap());
        let mut file = File::default();
        for (path, public) in paths.uses {
            let Some(path) = self.resolve(module, &path) else { continue };
            match path.last() {
                Some(name) if public => drop(file.exports.insert(name.clone(), path)),
                _ => file.imports.push(path),
            }
        }
        file.imports.extend(paths.named.iter().filter_map(|path| self.resolve(module, path)));
        file
    }

    /// A path as it stands in a module's file, from the crate's root; none for other crates.
    fn resolve(&self, module: &Segments, path: &[String]) -> Option<Segments> {
        let first = path.first()?;
        let inner = [module.as_slice(), std::slice::from_ref(first)].concat();
        let mut absolute = match first.as_str() {
            "crate" => Segments::new(),
            "self" | "super" => module.clone(),
            _ if self.names.contains_key(&inner) => module.clone(),
            _ => return None,
        };
        for segment in path {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(absolute.pop()),
                _ => absolute.push(segment.clone()),
            }
        }
        Some(absolute)
    }

    /// The file that defines what a path names, through what others pass on.
    fn file(&self, path: &[String]) -> Option<&Segments> {
        let length = (1..=path.len()).rev().find(|&length| self.files.contains_key(&path[..length]))?;
        let (module, rest) = path.split_at(length);
        let export = rest.first().and_then(|name| self.files[module].exports.get(name));
        match export {
            Some(origin) if origin.as_slice() != path => {
                let path: Segments = origin.iter().chain(&rest[1..]).cloned().collect();
                self.file(&path)
            }
            _ => self.files.get_key_value(module).map(|(module, _)| module),
        }
    }

    /// Every file with the files that it imports.
    fn edges(&self) -> BTreeMap<&Segments, BTreeSet<&Segments>> {
        let imported = |module: &Segments, file: &File| -> BTreeSet<&Segments> {
            file.imports.iter().filter_map(|path| self.file(path)).filter(|other| *other != module).collect()
        };
        self.files.iter().map(|(module, file)| (module, imported(module, file))).collect()
    }
}

fn source() -> Source {
    Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let line = |module: &str| ORDER.iter().position(|line| line.contains(&module));
    let source = source();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (from, imported) in source.edges() {
        let Some(importer) = from.first() else { continue };
        let own = line(importer).unwrap_or_else(|| panic!("{importer} has no place in ORDER"));
        for to in imported {
            let below = line(&to[0]).unwrap_or_else(|| panic!("{} has no place in ORDER", to[0]));
            let reach = if STANDALONE.contains(&importer.as_str()) { 0 } else { own };
            seen += 1;
            if importer != &to[0] && below > reach {
                wrong.push(format!("{} imports {}", source.names[from], source.names[to]));
            }
        }
    }
    assert!(seen > 500, "only {seen} imports were found: the reader of `use` lines is broken");
    assert!(wrong.is_empty(), "against the order of modules:\n{}", wrong.join("\n"));
}

#[test]
fn no_two_files_import_each_other() {
    let source = source();
    let edges = source.edges();
    let mut found = BTreeSet::new();
    for (from, imported) in &edges {
        for to in imported.iter().filter(|to| from < to && edges[**to].contains(from)) {
            let (one, other) = (source.names[*from].as_str(), source.names[*to].as_str());
            found.insert(if one < other { (one, other) } else { (other, one) });
        }
    }
    let allowed: BTreeSet<(&str, &str)> = PAIRS.iter().map(|&(one, other, _)| (one, other)).collect();
    assert_eq!(found, allowed, "left: files that import each other; right: those of PAIRS");
}
