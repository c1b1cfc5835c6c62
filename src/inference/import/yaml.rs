//! The part of YAML that configurations are written in, as the tree that JSON gives: [`read`].
//!
//! Block and flow maps and lists, plain and quoted texts, `|` and `>` blocks, comments, one document. Numbers and words
//! are YAML 1.2's (`true`, `null`, `1e-3`). Anchors, aliases, tags and keys that are no plain text are refused by name: no
//! configuration needs them, and aliases of aliases multiply.

use serde_json::{Map, Value};

/// Lists and maps within each other, at most.
const DEEPEST: usize = 64;

/// A line that holds something, without its comment.
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

/// Reads a document.
///
/// # Errors
/// What is not understood, with its line.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut lines = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let body = line.trim_start_matches(' ');
        if body.starts_with('\t') && !body.trim().is_empty() {
            return Err(format!("line {}: a tab cannot indent", n + 1));
        }
        if line == "---" && lines.is_empty() || line.starts_with('%') && lines.is_empty() {
            continue;
        }
        lines.push(Line { number: n + 1, indent: line.len() - body.len(), text: body.trim_end() });
    }
    let mut reader = Reader { lines, at: 0 };
    let Some(first) = reader.next_line() else { return Ok(Value::Null) };
    let value = reader.block(first, 0)?;
    match reader.next_line() {
        None => Ok(value),
        Some(_) => Err(reader.fail("is not part of what stands before it")),
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn fail(&self, what: &str) -> String {
        format!("line {}: {what}", self.lines.get(self.at).map_or(0, |l| l.number))
    }

    /// Goes on to the next line that holds something; its indent.
    fn next_line(&mut self) -> Option<usize> {
        while let Some(line) = self.lines.get(self.at) {
            if !line.text.is_empty() && !line.text.starts_with('#') && line.text != "..." {
                return Some(line.indent);
            }
            self.at += 1;
        }
        None
    }

    fn text(&self) -> &'a str {
        self.lines.get(self.at).map_or("", |l| without_comment(l.text))
    }

    /// What begins at the present line, indented by `indent`.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err(self.fail("is nested too deeply"));
        }
        let text = self.text();
        if text == "-" || text.starts_with("- ") {
            return self.list(indent, depth);
        }
        if split_key(text).is_some() {
            return self.map(indent, depth);
        }
        let rest = self.text();
        self.at += 1;
        self.inline(rest, indent, depth)
    }

    fn list(&mut self, indent: usize, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        while self.next_line() == Some(indent) {
            let text = self.text();
            let Some(rest) = text.strip_prefix('-').filter(|r| r.is_empty() || r.starts_with(' ')) else { break };
            let inner = rest.trim_start();
            if inner.is_empty() {
                self.at += 1;
                items.push(self.below(indent, depth, false)?);
            } else if inner.starts_with("- ") || split_key(inner).is_some() {
                // A list or map that begins on the line of its dash.
                let moved = indent + text.len() - inner.len();
                if let Some(line) = self.lines.get_mut(self.at) {
                    let skipped = line.text.len() - line.text.trim_start_matches('-').trim_start().len();
                    line.text = line.text.get(skipped.min(text.len() - inner.len())..).unwrap_or("");
                    line.indent = moved;
                }
                items.push(self.block(moved, depth + 1)?);
            } else {
                self.at += 1;
                items.push(self.inline(inner, indent, depth)?);
            }
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, indent: usize, depth: usize) -> Result<Value, String> {
        let mut members = Map::new();
        while self.next_line() == Some(indent) {
            let Some((key, rest)) = split_key(self.text()) else { break };
            let key = match scalar(key).map_err(|e| self.fail(&e))? {
                Value::String(key) => key,
                other => other.to_string(),
            };
            if members.contains_key(&key) {
                return Err(self.fail(&format!("`{key}` is given twice")));
            }
            self.at += 1;
            let value =
                if rest.is_empty() { self.below(indent, depth, true)? } else { self.inline(rest, indent, depth)? };
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }

    /// What stands on the lines below, indented further; a list below a key may be as far out as the key.
    fn below(&mut self, indent: usize, depth: usize, of_key: bool) -> Result<Value, String> {
        match self.next_line() {
            Some(inner) if inner > indent => self.block(inner, depth + 1),
            Some(inner) if of_key && inner == indent && (self.text() == "-" || self.text().starts_with("- ")) => {
                self.list(inner, depth + 1)
            }
            _ => Ok(Value::Null),
        }
    }

    /// A value that begins on its key's line (which is passed already) and may go on over lines indented further.
    fn inline(&mut self, first: &str, indent: usize, depth: usize) -> Result<Value, String> {
        if first.starts_with(['|', '>']) {
            return self.written(first, indent);
        }
        let mut text = first.to_owned();
        let open = |text: &str| text.starts_with(['[', '{', '"', '\'']) && !closed(text);
        while let Some(inner) = self.next_line() {
            if !(open(&text) || inner > indent && depth > 0 || inner > indent && indent > 0) || inner < indent {
                break;
            }
            if !open(&text) && inner <= indent {
                break;
            }
            text.push(' ');
            text.push_str(self.text());
            self.at += 1;
        }
        let mut rest = text.as_str();
        let value = flow(&mut rest, depth, false).map_err(|e| self.fail(&e))?;
        match rest.trim() {
            "" => Ok(value),
            _ => Err(self.fail("holds more than one value")),
        }
    }

    /// `|` keeps lines, `>` joins them; `-` drops the last break.
    fn written(&mut self, mark: &str, indent: usize) -> Result<Value, String> {
        let mut parts: Vec<String> = Vec::new();
        let mut own = None;
        while let Some(line) = self.lines.get(self.at) {
            if !line.text.is_empty() && line.indent <= indent {
                break;
            }
            let from = *own.get_or_insert(line.indent);
            parts.push(format!("{}{}", " ".repeat(line.indent.saturating_sub(from)), line.text));
            self.at += 1;
        }
        while parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        let joined = parts.join(if mark.starts_with('|') { "\n" } else { " " });
        Ok(Value::String(if mark.contains('-') { joined } else { joined + "\n" }))
    }
}

/// Up to a `#` that begins a comment.
fn without_comment(text: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '#') if before == ' ' => return text[..at].trim_end(),
            (None, '"' | '\'') if " [{,:-".contains(before) => quote = Some(c),
            (Some(q), c) if c == q && before != '\\' => quote = None,
            _ => {}
        }
        before = c;
    }
    text.trim_end()
}

/// `key: rest`; `None` when the line is no member of a map.
fn split_key(text: &str) -> Option<(&str, &str)> {
    let quoted = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let from = match quoted {
        Some(q) => text[1..].find(q)? + 2,
        None if text.starts_with(['[', '{', '|', '>']) => return None,
        None => 0,
    };
    let rest = text.get(from..)?;
    let at = from + rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len))?;
    (quoted.is_none() || at == from).then(|| (text[..at].trim(), text[at + 1..].trim()))
}

/// Whether brackets and quotes that were opened are closed.
fn closed(text: &str) -> bool {
    let (mut depth, mut quote, mut before) = (0_usize, None, ' ');
    for c in text.chars() {
        match (quote, c) {
            (None, '"' | '\'') if " [{,:".contains(before) => quote = Some(c),
            (Some(q), c) if c == q && before != '\\' => quote = None,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
    }
    depth == 0 && quote.is_none()
}

/// One value; within brackets (`inside`) plain text ends at `,`, `]` and `}`.
fn flow(rest: &mut &str, depth: usize, inside: bool) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err("is nested too deeply".into());
    }
    *rest = rest.trim_start();
    match rest.chars().next() {
        Some('[') => {
            let mut items = Vec::new();
            *rest = &rest[1..];
            loop {
                *rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix(']') {
                    *rest = after;
                    return Ok(Value::Array(items));
                }
                items.push(flow(rest, depth + 1, true)?);
                separator(rest, ']')?;
            }
        }
        Some('{') => {
            let mut members = Map::new();
            *rest = &rest[1..];
            loop {
                *rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix('}') {
                    *rest = after;
                    return Ok(Value::Object(members));
                }
                let at = rest.find(':').ok_or("a map in braces needs `key: value`")?;
                let Value::String(key) = scalar(rest[..at].trim())? else { return Err("a key must be a text".into()) };
                *rest = &rest[at + 1..];
                members.insert(key, flow(rest, depth + 1, true)?);
                separator(rest, '}')?;
            }
        }
        Some(quote @ ('"' | '\'')) => {
            let (mut end, mut before) = (None, ' ');
            for (at, c) in rest.char_indices().skip(1) {
                if c == quote && before != '\\' {
                    end = Some(at);
                    break;
                }
                before = c;
            }
            let end = end.ok_or("a quote is not closed")?;
            let value = scalar(&rest[..=end])?;
            *rest = &rest[end + 1..];
            Ok(value)
        }
        _ => {
            let end = if inside { rest.find([',', ']', '}']).unwrap_or(rest.len()) } else { rest.len() };
            let value = scalar(rest[..end].trim())?;
            *rest = &rest[end..];
            Ok(value)
        }
    }
}

fn separator(rest: &mut &str, close: char) -> Result<(), String> {
    *rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix(',') {
        *rest = after;
        return Ok(());
    }
    if rest.starts_with(close) { Ok(()) } else { Err(format!("`,` or `{close}` is missing")) }
}

/// A text, number or word.
fn scalar(text: &str) -> Result<Value, String> {
    if let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        // Double quotes escape as JSON does, in what configurations use.
        return serde_json::from_str(&format!("\"{inner}\"")).map_err(|e| e.to_string());
    }
    if let Some(inner) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return Ok(Value::String(inner.replace("''", "'")));
    }
    if let Some(mark) = text.chars().next().filter(|c| matches!(c, '&' | '*' | '!')) {
        return Err(format!("`{mark}` (an anchor, an alias or a tag) is not read; write the value out"));
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
            let whole = text.parse::<i64>().ok().filter(|_| number).map(Value::from);
            let real = text.parse::<f64>().ok().filter(|x| number && x.is_finite()).map(Value::from);
            whole.or(real).unwrap_or_else(|| Value::String(text.to_owned()))
        }
    })
}
