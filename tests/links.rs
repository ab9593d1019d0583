//! The Markdown pages: every relative link leads to a file, every anchor to a heading, and every file that a page
//! names by its path exists.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files of a folder.
fn pages_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The pages of the repository's root, of `docs`, and of `benches` with its folders.
fn pages() -> Vec<PathBuf> {
    let benches = root().join("benches");
    let mut folders = vec![root().to_path_buf(), root().join("docs"), benches.clone()];
    folders.extend(
        fs::read_dir(benches).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()),
    );
    folders.iter().flat_map(|folder| pages_in(folder)).collect()
}

/// What a page refers to, and what can be referred to in it.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    /// Inline code.
    code: Vec<String>,
    anchors: Vec<String>,
}

impl Page {
    fn of(text: &str) -> Page {
        let mut page = Page::default();
        let mut heading: Option<String> = None;
        let mut seen: HashMap<String, usize> = HashMap::new();
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().expect("a heading begins before it ends"));
                    let before = seen.entry(slug.clone()).or_default();
                    page.anchors.push(if *before == 0 { slug } else { format!("{slug}-{before}") });
                    *before += 1;
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Text(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
                Event::Code(code) => {
                    heading.iter_mut().for_each(|heading| heading.push_str(&code));
                    page.code.push(code.into_string());
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor that GitHub gives a heading: lower case, spaces become hyphens, punctuation disappears.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

/// Whether inline code is the path of a file or a folder of the repository. A file named `x` stands for any.
fn is_source_path(code: &str) -> bool {
    const FOLDERS: [&str; 7] = ["benches/", "docs/", "examples/", "scripts/", "shaders/", "src/", "tests/"];
    let stem = Path::new(code).file_stem();
    FOLDERS.iter().any(|folder| code.starts_with(folder))
        && code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'))
        && stem.is_some_and(|stem| stem != "x")
}

/// What is wrong with the text of the page at `path`.
fn problems(path: &Path, text: &str) -> Vec<String> {
    let page = Page::of(text);
    let mut problems = Vec::new();
    for link in page.links {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) =
            link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
        let target = if file.is_empty() { path.to_path_buf() } else { path.with_file_name("").join(file) };
        if file.starts_with('/') || !(file.is_empty() || target.exists()) {
            problems.push(format!("{link}: no such file"));
        } else if let Some(anchor) = anchor {
            let anchors = match file {
                "" => page.anchors.clone(),
                _ => Page::of(&fs::read_to_string(&target).unwrap_or_default()).anchors,
            };
            if !anchors.iter().any(|known| known == anchor) {
                problems.push(format!("{link}: no such heading; there are {}", anchors.join(", ")));
            }
        }
    }
    let gone = page.code.iter().filter(|code| is_source_path(code) && !root().join(code).exists());
    problems.extend(gone.map(|code| format!("`{code}`: no such file")));
    problems
}

#[test]
fn what_pages_link_to_exists() {
    let pages = pages();
    for name in ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "benches/RESULTS.md"] {
        assert!(pages.contains(&root().join(name)), "{name} is not among the pages");
    }
    let mut all = Vec::new();
    for path in &pages {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display();
        all.extend(problems(path, &text).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn links_to_nothing_are_found() {
    let text = "\
# The page's `heading`

Right: [a](../README.md), [b](laws.md#the-average), [c](#the-pages-heading), [d](#again-1), [e](https://example.org/x),
`src/lib.rs`, `src/ops/x.rs`, `src/ops/`, `tests/*.rs`, `[not](a-link)`.

Wrong: [f](laws.rs), [g](laws.md#nowhere), [h](#again-2), ![i](gone.png), [j][k], [l](/README.md), `src/gone.rs`.

## Again
## Again

```text
[m](in-code.md)
```

[k]: gone.md
";
    let found = problems(&root().join("docs/page.md"), text);
    let wrong: Vec<&str> = found.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    let expected =
        ["laws.rs", "laws.md#nowhere", "#again-2", "gone.png", "gone.md", "/README.md", "`src/gone.rs`"];
    assert_eq!(wrong, expected, "{found:#?}");
}
