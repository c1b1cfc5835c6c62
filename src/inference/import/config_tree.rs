//! MONAI's configuration: a tree, in JSON or YAML, in which texts refer to other places of it.
//!
//! - `"@a#b#0"` stands for the value there, `"%a#b"` for a copy of its text, `"%file.json#a"` for a place in another
//!   file of the same folder
//! - `"$…"` is Python. It is never run: plain literals, references, sums of lists of them, `A if @x else B` with such
//!   parts and MONAI's own names of keys (`monai.utils.CommonKeys.IMAGE`) are understood, the rest is [`Unresolved`]
//!
//! Source: MONAI `docs/source/config_syntax.md`.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A place whose value cannot be known without running Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unresolved {
    /// The text as it stands there.
    pub text: String,
    /// Why not.
    pub why: &'static str,
}

impl std::fmt::Display for Unresolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` ({})", shortened(&self.text), self.why)
    }
}

/// Long texts of foreign files are cut for the person.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 120;
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &one_line[..at]),
        None => one_line,
    }
}

/// References that are followed in a row; more are taken for a circle.
const LONGEST: usize = 24;

/// A configuration file with its folder.
#[derive(Debug, Clone)]
pub(super) struct ConfigTree {
    root: Value,
    folder: PathBuf,
}

impl ConfigTree {
    /// Reads `NAME.json`, `NAME.yaml` or `NAME.yml` of a folder, the first that is there; [`None`] when none is.
    ///
    /// # Errors
    /// When it cannot be read, or is neither JSON nor YAML.
    pub fn open(folder: &Path, name: &str) -> Result<Option<Self>, String> {
        let paths = ENDINGS.iter().map(|end| folder.join(format!("{name}.{end}")));
        let Some(path) = paths.into_iter().find(|p| p.is_file()) else { return Ok(None) };
        read(&path).map(|root| Some(Self { root, folder: folder.to_owned() }))
    }

    /// The value at a place such as `inferer#roi_size`, all references in it resolved; `None` when nothing is there.
    pub fn get(&self, place: &str) -> Option<Result<Value, Unresolved>> {
        let found = at(&self.root, place)?;
        Some(self.resolve(found, 0))
    }

    /// Whether something is at a place, understood or not.
    pub fn raw(&self, place: &str) -> Option<&Value> {
        at(&self.root, place)
    }

    /// A value with its own references resolved, one level deep: the members of a table stay as they are.
    pub fn shallow(&self, value: &Value) -> Result<Value, Unresolved> {
        match value {
            Value::String(text) => self.text(text, 0),
            other => Ok(other.clone()),
        }
    }

    /// A value with everything in it resolved.
    pub fn deep(&self, value: &Value) -> Result<Value, Unresolved> {
        self.resolve(value, 0)
    }

    fn resolve(&self, value: &Value, depth: usize) -> Result<Value, Unresolved> {
        if depth > LONGEST {
            return Err(Unresolved { text: value.to_string(), why: "references run in a circle" });
        }
        Ok(match value {
            Value::String(text) => self.text(text, depth)?,
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.resolve(v, depth + 1)).collect::<Result<_, _>>()?)
            }
            Value::Object(table) => Value::Object(
                table
                    .iter()
                    .map(|(k, v)| Ok((k.clone(), self.resolve(v, depth + 1)?)))
                    .collect::<Result<_, Unresolved>>()?,
            ),
            other => other.clone(),
        })
    }

    fn text(&self, text: &str, depth: usize) -> Result<Value, Unresolved> {
        let fail = |why| Unresolved { text: text.to_owned(), why };
        if depth > LONGEST {
            return Err(fail("references run in a circle"));
        }
        if let Some(place) = text.strip_prefix('%') {
            return self.copied(place, depth).ok_or_else(|| fail("nothing is there"))?;
        }
        if let Some(place) = text.strip_prefix('@') {
            let found = at(&self.root, place).ok_or_else(|| fail("nothing is there"))?;
            return self.resolve(found, depth + 1);
        }
        let Some(expression) = text.strip_prefix('$') else { return Ok(Value::String(text.to_owned())) };
        self.expression(expression.trim(), depth).ok_or_else(|| fail("Python is not run"))?
    }

    /// `%file.json#place` or `%place`.
    fn copied(&self, place: &str, depth: usize) -> Option<Result<Value, Unresolved>> {
        let (head, rest) = place.split_once('#').or_else(|| place.split_once("::")).unwrap_or((place, ""));
        if !ENDINGS.iter().any(|end| head.to_lowercase().ends_with(&format!(".{end}"))) {
            return Some(self.resolve(at(&self.root, place)?, depth + 1));
        }
        let plain = Path::new(head).components().all(|c| matches!(c, std::path::Component::Normal(_)));
        let other = plain.then(|| read(&self.folder.join(head)).ok()).flatten()?;
        let tree = Self { root: other, folder: self.folder.clone() };
        let found = at(&tree.root, rest)?;
        Some(tree.resolve(found, depth + 1))
    }

    /// `None`: not understood.
    fn expression(&self, text: &str, depth: usize) -> Option<Result<Value, Unresolved>> {
        if let Some((then, rest)) = text.split_once(" if ")
            && let Some((condition, otherwise)) = rest.split_once(" else ")
        {
            return match self.operand(condition.trim(), depth)? {
                Ok(Value::Bool(yes)) => self.operand(if yes { then } else { otherwise }.trim(), depth),
                Ok(_) => None,
                Err(e) => Some(Err(e)),
            };
        }
        let sum: Vec<&str> = text.split(" + ").map(str::trim).collect();
        if sum.len() > 1 {
            let mut all = Vec::new();
            for part in sum {
                match self.operand(part, depth)? {
                    Ok(Value::Array(items)) => all.extend(items),
                    Ok(_) => return None,
                    Err(e) => return Some(Err(e)),
                }
            }
            return Some(Ok(Value::Array(all)));
        }
        self.operand(text, depth)
    }

    fn operand(&self, text: &str, depth: usize) -> Option<Result<Value, Unresolved>> {
        if let Some(place) = text.strip_prefix('@') {
            let plain = place.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | ':'));
            return plain.then(|| at(&self.root, place)).flatten().map(|found| self.resolve(found, depth + 1));
        }
        if let Some(key) = text.strip_prefix("monai.utils.CommonKeys.").or(text.strip_prefix("CommonKeys.")) {
            let known = ["IMAGE", "LABEL", "PRED", "LOSS", "METADATA"].contains(&key);
            return known.then(|| Ok(Value::String(key.to_lowercase())));
        }
        literal(text).map(Ok)
    }
}

/// How configurations are named, in the order in which they are looked for.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// Reads JSON or YAML by its name.
fn read(path: &Path) -> Result<Value, String> {
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) { read_json(path) } else { read_yaml(path) }
}

fn read_yaml(path: &Path) -> Result<Value, String> {
    let text = text_of(path)?;
    // Its first line says what and where; the rest is a drawing of the place.
    serde_saphyr::from_str(&text)
        .map_err(|e| format!("{}: {}", path.display(), e.to_string().lines().next().unwrap_or_default()))
}

fn text_of(path: &Path) -> Result<String, String> {
    const LARGEST: u64 = 64 << 20;
    let fail = |e: String| format!("{}: {e}", path.display());
    if std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len() > LARGEST {
        return Err(fail("is larger than a configuration can be (64 MB)".into()));
    }
    std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))
}

pub(super) fn read_json(path: &Path) -> Result<Value, String> {
    let fail = |e: String| format!("{}: {e}", path.display());
    let text = text_of(path)?;
    // nnU-Net and Python's json write NaN and Infinity, which JSON does not know.
    serde_json::from_str(&text)
        .or_else(|_| {
            serde_json::from_str(&text.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"))
        })
        .map_err(|e| fail(e.to_string()))
}

fn at<'a>(root: &'a Value, place: &str) -> Option<&'a Value> {
    let place = place.replace("::", "#");
    place.split('#').filter(|part| !part.is_empty()).try_fold(root, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(table) => table.get(part),
        _ => None,
    })
}

/// A Python literal: numbers, texts, True, False, None, lists and tuples of them.
fn literal(text: &str) -> Option<Value> {
    let mut rest = text;
    let value = one(&mut rest, 0)?;
    rest.trim().is_empty().then_some(value)
}

fn one(rest: &mut &str, depth: usize) -> Option<Value> {
    *rest = rest.trim_start();
    let first = rest.chars().next()?;
    match first {
        '[' | '(' if depth < 8 => {
            *rest = &rest[1..];
            let close = if first == '[' { ']' } else { ')' };
            let mut items = Vec::new();
            loop {
                *rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix(close) {
                    *rest = after;
                    return Some(Value::Array(items));
                }
                items.push(one(rest, depth + 1)?);
                *rest = rest.trim_start();
                match rest.strip_prefix(',') {
                    Some(after) => *rest = after,
                    None if rest.starts_with(close) => {}
                    None => return None,
                }
            }
        }
        '\'' | '"' => {
            let inner = &rest[1..];
            let (text, after) = inner.split_once(first)?;
            *rest = after;
            (!text.contains('\\')).then(|| Value::String(text.to_owned()))
        }
        _ => {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c))).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            *rest = after;
            match word {
                "True" => Some(Value::Bool(true)),
                "False" => Some(Value::Bool(false)),
                "None" => Some(Value::Null),
                _ => word
                    .parse::<i64>()
                    .map(Value::from)
                    .ok()
                    .or_else(|| word.parse::<f64>().ok().filter(|x| x.is_finite()).map(Value::from)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> ConfigTree {
        let root = json!({
            "size": [96, 96, 64], "high": true, "batch": "$ 2", "image_key": "image",
            "first": [{"_target_": "A", "keys": "@image_key"}], "second": [{"_target_": "B"}],
            "both": "$@first + @second", "roi": "@size", "one": "@size#2", "old": "@size::0", "copy": "%size#1",
            "pixdim": "$[1.5, 1.5, 2] if @high else (3.0, 3.0, 3.0)", "name": "$'a b'", "none": "$None",
            "run": "$torch.device('cuda')", "half": "$@size + torch.ones(3)", "round": "@trip", "trip": "@round",
            "lost": "@nowhere", "dir": "$@image_key + '/eval'", "file": "%other.json#a"
        });
        ConfigTree { root, folder: PathBuf::from("/nonexistent") }
    }

    #[test]
    fn references_and_literals_are_resolved() {
        let tree = tree();
        for (place, expected) in [
            ("roi", json!([96, 96, 64])),
            ("one", json!(64)),
            ("old", json!(96)),
            ("copy", json!(96)),
            ("batch", json!(2)),
            ("pixdim", json!([1.5, 1.5, 2])),
            ("name", json!("a b")),
            ("none", Value::Null),
            ("both", json!([{"_target_": "A", "keys": "image"}, {"_target_": "B"}])),
        ] {
            assert_eq!(tree.get(place).unwrap().unwrap(), expected, "{place}");
        }
        assert!(tree.get("absent").is_none());
    }

    #[test]
    fn yaml_gives_the_tree_that_json_gives_and_cannot_multiply() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("shared.yml", "window: {roi: [96, 96, 64]}\n");
        put(
            "inference.yaml",
            "---\nimage: $monai.utils.CommonKeys.IMAGE\n\
             low: -57 # HU\nhigh: 1.64e+2\nflag: true\nnone: null\n\
             roi: '%shared.yml#window#roi'\nkeys: '@image'\nlong: >-\n  $[1, 2]\n  + [3]\n\
             steps:\n- _target_: A\n  _mode_: default\n- _target_: B\n",
        );
        let tree = ConfigTree::open(folder.path(), "inference").unwrap().unwrap();
        for (place, expected) in [
            ("keys", json!("image")),
            ("low", json!(-57)),
            ("high", json!(164.0)),
            ("flag", json!(true)),
            ("none", Value::Null),
            ("roi", json!([96, 96, 64])),
            ("long", json!([1, 2, 3])),
            ("steps", json!([{"_target_": "A", "_mode_": "default"}, {"_target_": "B"}])),
        ] {
            assert_eq!(tree.get(place).unwrap().unwrap(), expected, "{place}");
        }
        let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for n in 1..12 {
            let last = format!("*a{}", n - 1);
            bomb += &format!("a{n}: &a{n} [{}]\n", [last.as_str(); 9].join(", "));
        }
        put("bomb.yaml", &bomb);
        assert!(ConfigTree::open(folder.path(), "bomb").unwrap_err().contains("bomb.yaml"));
        put("deep.yaml", &"[".repeat(100_000));
        assert!(ConfigTree::open(folder.path(), "deep").is_err());
        assert!(ConfigTree::open(folder.path(), "absent").unwrap().is_none());
    }

    #[test]
    fn python_circles_and_what_is_not_there_stay_unresolved() {
        let tree = tree();
        for (place, why) in [
            ("run", "Python is not run"),
            ("half", "Python is not run"),
            ("dir", "Python is not run"),
            ("round", "references run in a circle"),
            ("lost", "nothing is there"),
            ("file", "nothing is there"),
        ] {
            assert_eq!(tree.get(place).unwrap().unwrap_err().why, why, "{place}");
        }
        for bad in ["__import__('os')", "[1, 2", "1 2", "'a\\n'", "[x for x in y]", ""] {
            assert_eq!(literal(bad), None, "{bad}");
        }
    }
}
