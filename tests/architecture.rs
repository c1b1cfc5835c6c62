//! The three floors: a module imports only from its own floor or below (`ARCHITECTURE.md`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every top-level module and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("error", 1),
    ("jobs", 1),
    ("volume", 1),
    ("display", 1),
    ("io", 2),
    ("render", 2),
    ("inference", 2),
    ("explain", 2),
    ("metrics", 2),
    ("evaluate", 2),
    ("report", 2),
    ("reader_study", 2),
    ("provenance", 2),
    ("tour", 2),
    ("app", 3),
    ("cli", 3),
];

/// Crates that only one module may know.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("egui::", &["app"]),
    ("eframe::", &["app"]),
    ("wgpu::", &["render"]),
    ("ort::", &["inference"]),
    ("dicom_core::", &["io"]),
    ("dicom_encoding::", &["io"]),
    ("jpeg2k::", &["io"]),
    ("jpeg_decoder::", &["io"]),
    ("jxl_oxide::", &["io"]),
    ("tiff::", &["io"]),
    ("zip::", &["io"]),
    ("clap::", &["cli"]),
    ("age::", &["reader_study"]),
    ("parquet::", &["evaluate"]),
    ("plotters::", &["report"]),
];

/// The two files of the window that hand eframe's graphics device to `render` and its textures back.
const HANDS_OVER_THE_DEVICE: &[&str] = &["app/window.rs", "app/picture.rs"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap().to_owned();
            let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (module, inside, text)
        })
        .collect()
}

/// The code of a file without comments; good enough for `use` lines and paths.
fn code(text: &str) -> String {
    text.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules that a file names through `crate::`.
fn imported(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            // `use crate::{a::b, c}`: the names at the first level.
            Some(list) => {
                let (mut depth, mut name, mut names) = (0, String::new(), Vec::new());
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => names.push(std::mem::take(&mut name)),
                        c if depth == 0 => name.push(c),
                        _ => {}
                    }
                }
                names.push(name);
                names
            }
            None => vec![rest.to_owned()],
        };
        found.extend(names.iter().map(|n| n.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()));
    }
    found
}

#[test]
fn no_module_imports_from_a_higher_floor() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut upward = Vec::new();
    for (module, path, text) in all_sources() {
        let Some(own) = floors.get(module.as_str()) else {
            assert!(module == "lib" || module == "main", "{module}: give this module a floor in tests/architecture.rs");
            continue;
        };
        for name in imported(&code(&text)) {
            if floors.get(name.as_str()).is_some_and(|floor| floor > own) {
                upward.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert!(upward.is_empty(), "upward imports:\n{}", upward.join("\n"));
}

#[test]
fn each_outside_world_is_known_to_one_module() {
    let mut leaks = Vec::new();
    for (module, path, text) in all_sources() {
        let code = code(&text);
        for (name, homes) in ONLY_IN {
            let used = code.match_indices(name).any(|(at, _)| {
                !code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            });
            let hands_over = *name == "wgpu::" && HANDS_OVER_THE_DEVICE.iter().any(|f| path == Path::new(f));
            if used && !hands_over && !homes.contains(&module.as_str()) {
                leaks.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(leaks.is_empty(), "only one module may know each of these:\n{}", leaks.join("\n"));
}

#[test]
fn the_reader_of_use_lines_sees_through_braces() {
    assert_eq!(imported("use crate::{app::x, io};"), ["app", "io"]);
    assert_eq!(imported("use crate::render::scene;"), ["render"]);
    assert_eq!(imported("let x = mycrate::app;"), Vec::<String>::new());
}
