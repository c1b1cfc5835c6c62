//! The JSON of an outcome as facts and tables, so that no number of it can be missing from the page and a new one needs no
//! new code.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::report_words::{is_identity, is_interval, title, value};
use crate::report::numbers::{fixed, significant};
use crate::report::{Column, Section, Table, Text};

/// A JSON value whose fields keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ordered {
    Nothing,
    Word(String),
    Number(f64),
    List(Vec<Self>),
    Fields(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Ordered;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, v: bool) -> Result<Ordered, E> {
                Ok(Ordered::Word(if v { "yes" } else { "no" }.to_owned()))
            }

            fn visit_i64<E>(self, v: i64) -> Result<Ordered, E> {
                Ok(Ordered::Number(v as f64))
            }

            fn visit_u64<E>(self, v: u64) -> Result<Ordered, E> {
                Ok(Ordered::Number(v as f64))
            }

            fn visit_f64<E>(self, v: f64) -> Result<Ordered, E> {
                Ok(Ordered::Number(v))
            }

            fn visit_str<E>(self, v: &str) -> Result<Ordered, E> {
                Ok(Ordered::Word(v.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered::Nothing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ordered, A::Error> {
                let mut list = Vec::new();
                while let Some(one) = seq.next_element()? {
                    list.push(one);
                }
                Ok(Ordered::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Ordered::Fields(fields))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Ordered {
    /// A field of an object.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The entries of a list as texts.
    pub(super) fn words(&self) -> Vec<String> {
        match self {
            Self::List(list) => list.iter().filter_map(|one| one.cell("")).collect(),
            other => other.cell("").into_iter().collect(),
        }
    }

    fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// As it stands in one cell under a name; none for what needs a table of its own.
    fn cell(&self, name: &str) -> Option<String> {
        match self {
            Self::Nothing if matches!(name, "df" | "ddf") => Some("∞".to_owned()),
            Self::Nothing => Some(NONE.to_owned()),
            Self::Word(text) => Some(value(text)),
            Self::Number(p) if is_p(name) && *p < LEAST_P => Some("< 0.0001".to_owned()),
            Self::Number(x) => Some(number(*x)),
            Self::List(list) => match list.as_slice() {
                [Self::Number(low), Self::Number(high)] if is_interval(name) => {
                    Some(format!("{} to {}", number(*low), number(*high)))
                }
                [Self::Number(used), Self::Number(all)] if name == "resamples" => {
                    Some(format!("{} of {}", number(*used), number(*all)))
                }
                [] => Some(NONE.to_owned()),
                all if all.len() <= 6 && all.iter().all(|v| matches!(v, Self::Word(_) | Self::Number(_))) => {
                    Some(all.iter().filter_map(|one| one.cell("")).collect::<Vec<_>>().join(", "))
                }
                _ => None,
            },
            Self::Fields(_) => None,
        }
    }
}

const NONE: &str = "–";

/// Below this, the digits of a p value say nothing.
const LEAST_P: f64 = 1e-4;

fn is_p(name: &str) -> bool {
    name == "p" || name.starts_with("p_")
}

/// Differences of numbers near 1 that are only the rest of rounding are shown as 0.
const ROUNDING: f64 = 1e-13;

/// A number as reports show it.
pub(super) fn number(x: f64) -> String {
    if x.abs() < ROUNDING {
        "0".to_owned()
    } else if x.fract() == 0.0 && x.abs() < 1e9 {
        fixed(x, 0)
    } else {
        significant(x, 4)
    }
}

/// Stands behind an interval that reaches beyond what can be.
const BEYOND: char = '*';
const BEYOND_WORDS: &str = "* reaches beyond what is possible (0 to 1): the interval is not clipped";

/// Whether an interval of the object is one of an area or a share, and reaches beyond 0 to 1.
fn is_beyond(name: &str, value: &Ordered, siblings: &[(String, Ordered)]) -> bool {
    let Ordered::List(list) = value else { return false };
    let [Ordered::Number(low), Ordered::Number(high)] = list.as_slice() else { return false };
    let has = |wanted: &str| siblings.iter().any(|(key, value)| key == wanted && value.number().is_some());
    let of_mean = has("mean") && siblings.iter().any(|(key, _)| matches!(key.as_str(), "figure" | "ms_r" | "factors"));
    let bounded = has("auc")
        || has("area")
        || has("share")
        || of_mean
        || matches!(name, "balanced_accuracy_interval" | "sensitivity_interval");
    is_interval(name) && name != "dprime_interval" && bounded && (*low < 0.0 || *high > 1.0)
}

/// The cells of a row, nested fields among them; lists that need a table are left to themselves.
fn cells(prefix: &str, value: &Ordered, out: &mut Vec<(String, String)>) {
    let Ordered::Fields(fields) = value else { return };
    for (field, value) in fields {
        let path = if prefix.is_empty() { field.clone() } else { format!("{prefix} {field}") };
        match (field.as_str(), value) {
            ("medians", Ordered::List(two)) if two.len() == 2 => {
                for (whose, median) in ["median_of_the_arm", "median_of_the_reference"].into_iter().zip(two) {
                    out.push((whose.to_owned(), median.cell("").unwrap_or_default()));
                }
            }
            _ => match value.cell(field) {
                Some(mut cell) => {
                    if is_beyond(field, value, fields) {
                        cell.push(BEYOND);
                    }
                    out.push((path, cell));
                }
                None if matches!(value, Ordered::Fields(_)) => cells(&path, value, out),
                None => {}
            },
        }
    }
}

type Row = Vec<(String, String)>;

fn of<'a>(row: &'a Row, name: &str) -> &'a str {
    row.iter().find(|(n, _)| n == name).map_or("", |(_, cell)| cell.as_str())
}

/// More columns than fit on a page.
const MOST_COLUMNS: usize = 8;
/// Rows that fit beside each other as columns.
const MOST_TURNED: usize = 5;

/// Rows of a list of objects as a table, or as several where one would be wider than a page; columns in the order in which
/// they come.
fn tables(caption: &str, rows: &[Ordered]) -> Vec<Table> {
    let rows: Vec<Row> = rows
        .iter()
        .map(|row| {
            let mut out = Vec::new();
            cells("", row, &mut out);
            out
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    // What no row has says nothing.
    names.retain(|n| rows.iter().flatten().any(|(name, cell)| name == n && cell != NONE));
    if names.is_empty() {
        return Vec::new();
    }
    if names.len() <= MOST_COLUMNS {
        return vec![plain(caption.to_owned(), &names, &rows)];
    }
    let (identity, others): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| is_identity(name));
    if rows.len() <= MOST_TURNED {
        return vec![turned(caption, &identity, &others, &rows)];
    }
    let most = MOST_COLUMNS.saturating_sub(identity.len()).max(2);
    // Parts of about the same width.
    let parts: Vec<&[String]> =
        others.chunks(others.len().div_ceil(others.len().div_ceil(most).max(1)).max(1)).collect();
    let part = |(at, some): (usize, &&[String])| {
        let columns: Vec<String> = identity.iter().chain(some.iter()).cloned().collect();
        plain(format!("{caption} (part {} of {})", at + 1, parts.len()), &columns, &rows)
    };
    parts.iter().enumerate().map(part).collect()
}

fn plain(caption: String, names: &[String], rows: &[Row]) -> Table {
    let numeric = |name: &String| {
        let mut own = rows.iter().map(|row| of(row, name)).filter(|cell| !cell.is_empty() && *cell != NONE);
        own.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '−' | '<' | '∞')))
    };
    let column =
        |name: &String| if numeric(name) { Column::number(title(name), "") } else { Column::text(title(name)) };
    let mut table = Table::new(caption, names.iter().map(column).collect());
    for row in rows {
        table.row(names.iter().map(|name| of(row, name).to_owned()).collect::<Vec<_>>());
    }
    marked(table, rows)
}

/// A wide table turned: a row for each field, a column for each row, headed by what says which row it is.
fn turned(caption: &str, identity: &[String], others: &[String], rows: &[Row]) -> Table {
    let head = |(at, row): (usize, &Row)| {
        let names: Vec<&str> = identity.iter().map(|name| of(row, name)).filter(|cell| !cell.is_empty()).collect();
        if names.is_empty() { format!("No. {}", at + 1) } else { names.join(", ") }
    };
    let columns = std::iter::once(Column::text("")).chain(rows.iter().enumerate().map(head).map(Column::text));
    let mut table = Table::new(caption, columns.collect());
    for name in others {
        let own = rows.iter().map(|row| of(row, name).to_owned());
        table.row(std::iter::once(title(name)).chain(own).collect::<Vec<_>>());
    }
    marked(table, rows)
}

fn marked(mut table: Table, rows: &[Row]) -> Table {
    if rows.iter().flatten().any(|(_, cell)| cell.ends_with(BEYOND)) {
        table.remark(BEYOND_WORDS);
    }
    table
}

/// Whether the rows only name what stands in tables of their own.
fn are_only_heads(rows: &[Ordered]) -> bool {
    rows.iter().all(|row| {
        let Ordered::Fields(fields) = row else { return false };
        let (heads, others): (Vec<_>, Vec<_>) =
            fields.iter().partition(|(name, value)| is_identity(name) && value.cell(name).is_some());
        let is_table =
            |value: &Ordered| matches!(value, Ordered::List(list) if list.is_empty() || value.cell("").is_none());
        !heads.is_empty()
            && others.iter().any(|(_, value)| value.cell("").is_none())
            && others.iter().all(|(_, value)| is_table(value))
    })
}

/// Curves are drawn, and lists of them say nothing else.
fn is_curve(name: &str) -> bool {
    matches!(name, "points" | "roc" | "froc")
}

/// Everything in a value: facts, then tables, deeper ones after their own names; every block under its name. `place` is the
/// beginning of the blocks' ids.
pub(super) fn write(section: &mut Section, place: &str, name: &str, value: &Ordered) {
    match value {
        Ordered::List(list) if list.iter().any(|v| matches!(v, Ordered::Fields(_))) => {
            if is_curve(name) {
                return;
            }
            if !are_only_heads(list) {
                tables(&title(name), list).into_iter().for_each(|table| section.table(table));
            }
            for row in list {
                let Ordered::Fields(fields) = row else { continue };
                let own: Vec<String> =
                    fields.iter().filter(|(n, _)| is_identity(n)).filter_map(|(n, v)| v.cell(n)).collect();
                for (field, deeper) in fields.iter().filter(|(field, _)| !is_curve(field)) {
                    if let (Ordered::List(list), None) = (deeper, deeper.cell(field)) {
                        let caption = format!("{}: {}", title(field), own.join(", "));
                        let found = tables(&caption, list);
                        if found.is_empty() {
                            write(section, place, field, deeper);
                        }
                        found.into_iter().for_each(|table| section.table(table));
                    }
                }
            }
        }
        Ordered::List(list) => {
            let entries: Vec<Text> = list.iter().filter_map(|v| v.cell("").map(Text::from)).collect();
            if !entries.is_empty() {
                section.list(entries);
            }
        }
        Ordered::Fields(fields) => {
            let fact = |(field, value): &(String, Ordered)| {
                let mut cell = value.cell(field).filter(|cell| cell != NONE)?;
                if is_beyond(field, value, fields) {
                    cell.push(BEYOND);
                }
                Some((title(field), Text::from(cell)))
            };
            let facts: Vec<(String, Text)> = fields.iter().filter_map(fact).collect();
            let beyond = fields.iter().any(|(field, value)| is_beyond(field, value, fields));
            if !facts.is_empty() {
                section.facts(facts);
            }
            if beyond {
                section.paragraph(BEYOND_WORDS);
            }
            for (field, deeper) in fields.iter().filter(|(field, v)| v.cell(field).is_none() && !is_curve(field)) {
                let inside = format!("{place}-{field}");
                if matches!(deeper, Ordered::Fields(_)) {
                    section.heading(inside.clone(), title(field));
                }
                write(section, &inside, field, deeper);
            }
        }
        other => {
            if let Some(text) = other.cell(name) {
                section.paragraph(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(name: &str, json: &str) -> String {
        let value: Ordered = serde_json::from_str(json).unwrap();
        let mut section = Section::new("S");
        write(&mut section, "s", name, &value);
        let mut page = crate::report::Page::new("T");
        page.section(section);
        page.html()
    }

    #[test]
    fn blocks_have_names_and_only_intervals_are_ranges() {
        let page = html(
            "result",
            r#"{"fixed_readers": {"difference": -0.0, "ci": [-0.1, 0.2], "ddf": null},
                "readers": [{"reader": "R1", "medians": [3, 4], "auc": 0.98, "interval": [0.9, 1.06]}]}"#,
        );
        assert!(
            page.contains("Fixed readers, random cases") && page.contains("Denominator degrees of freedom"),
            "{page}"
        );
        assert!(page.contains("−0.1000 to 0.2000") && page.contains("∞") && !page.contains("-0<"), "{page}");
        let p = html("t", r#"{"p": 1e-17, "p_holm": 0.25, "position": 0}"#);
        assert!(p.contains("&lt; 0.0001") && p.contains("0.2500"), "{p}");
        assert!(page.contains("Median of the arm") && !page.contains("3 to 4"), "{page}");
        assert!(page.contains("0.9000 to 1.060*") && page.contains("reaches beyond"), "{page}");
    }

    #[test]
    fn a_wide_table_is_turned_or_cut_into_parts_and_headed_by_names() {
        let row = |n: usize| {
            let fields: Vec<String> = (0..12).map(|f| format!("\"f{f}\": {}", n * 100 + f)).collect();
            format!("{{\"value\": 0.5, \"reader\": \"R{n}\", {}}}", fields.join(", "))
        };
        let list = |n: usize| format!("[{}]", (1..=n).map(row).collect::<Vec<_>>().join(", "));
        let few = html("readers", &list(3));
        assert!(few.contains(">R1<") && few.contains(">R3<") && !few.contains("part 1"), "{few}");
        let many = html("readers", &list(9));
        assert!(many.contains("Readers (part 1 of 2)") && many.contains("Readers (part 2 of 2)"), "{many}");
        assert_eq!(many.matches(">R9<").count(), 2);
    }
}
