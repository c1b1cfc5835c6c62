use eframe::egui::Theme;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::test_window::{harness, picture};

fn attribute(depth: usize, tag: &str, name: &str, vr: &str, value: &str) -> Attribute {
    Attribute { tag: tag.into(), name: name.into(), vr: vr.into(), value: value.into(), depth }
}

fn attributes(more: usize) -> Arc<Vec<Attribute>> {
    let mut all = vec![
        attribute(0, "(0008,0005)", "SpecificCharacterSet", "CS", "ISO_IR 192"),
        attribute(0, "(0008,0050)", "AccessionNumber", "SH", "A4711"),
        attribute(0, "(0008,0060)", "Modality", "CS", "MR"),
        attribute(0, "(0008,0090)", "ReferringPhysicianName", "PN", "House, Gregory"),
        attribute(0, "(0008,1111)", "ReferencedPerformedProcedureStepSequence", "SQ", "1 item"),
        attribute(1, "(0008,1150)", "ReferencedSOPClassUID", "UI", "1.2.840.10008.3.1.2.3.3"),
        attribute(1, "(0008,1155)", "ReferencedSOPInstanceUID", "UI", "2.25.183"),
        attribute(0, "(0010,0010)", "PatientName", "PN", "Doe, Jane"),
        attribute(0, "(0010,1002)", "OtherPatientIDsSequence", "SQ", "1 item"),
        attribute(1, "(0040,0032)", "UniversalEntityID", "UT", "Saint Elsewhere"),
        attribute(0, "(0018,0050)", "SliceThickness", "DS", "1.0"),
        attribute(0, "(0028,0030)", "PixelSpacing", "DS", "0.9375\\0.9375"),
    ];
    all.extend(
        (0..more)
            .map(|i| attribute(0, &format!("(0029,{i:04x})"), "PrivateAttribute", "LO", &format!("value number {i}"))),
    );
    Arc::new(all)
}

struct Shown {
    browser: TagBrowser,
    attributes: Option<Arc<Vec<Attribute>>>,
    hide_patient: bool,
    asked: Option<usize>,
}

fn shown(attributes: Option<Arc<Vec<Attribute>>>, hide_patient: bool, theme: Theme) -> Harness<'static, Shown> {
    let state = Shown { browser: TagBrowser::default(), attributes, hide_patient, asked: None };
    harness(vec2(760.0, 420.0), theme, state, |ui, s| {
        let input = TagInput {
            title: "T1 MPRAGE sagittal",
            attributes: s.attributes.as_ref(),
            error: "",
            slice: 12,
            slices: if s.attributes.is_some() { 176 } else { 0 },
            hide_patient: s.hide_patient,
        };
        s.asked = s.browser.ui(ui, input).or(s.asked);
    })
}

fn found(query: &str, hide: bool) -> Vec<String> {
    let mut browser = TagBrowser { query: query.into(), ..TagBrowser::default() };
    browser.refresh(&attributes(0), hide);
    let shown = browser.shown.unwrap();
    shown.rows.iter().filter(|r| r.1).map(|r| shown.attributes[r.0].name.clone()).collect()
}

#[test]
fn a_tag_is_found_with_and_without_its_brackets() {
    for query in ["(0010,0010)", "0010,0010", "00100010", "(0010, 0010)"] {
        assert_eq!(found(query, false), ["PatientName"], "{query}");
    }
    assert_eq!(found("slicethick", false), ["SliceThickness"]);
    assert_eq!(found("jane", false), ["PatientName"]);
    assert_eq!(found("pixel 0.9375", false), ["PixelSpacing"]);
    assert!(found("nonsense", false).is_empty());
}

#[test]
fn hidden_values_are_neither_found_nor_copied() {
    assert!(found("jane", true).is_empty());
    assert!(found("house", true).is_empty());
    assert!(found("elsewhere", true).is_empty(), "what a patient sequence holds is hidden too");
    assert_eq!(found("patientname", true), ["PatientName"]);
    let mut browser = TagBrowser::default();
    browser.refresh(&attributes(0), true);
    let text = browser.all_text().unwrap();
    for secret in ["Jane", "House", "A4711", "Elsewhere"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("SliceThickness\tDS\t1.0"));
}

#[test]
fn a_match_in_a_sequence_keeps_the_way_to_it() {
    let mut browser = TagBrowser { query: "2.25.183".into(), ..TagBrowser::default() };
    browser.refresh(&attributes(0), false);
    let shown = browser.shown.unwrap();
    assert_eq!(shown.rows, [(4, false), (6, true)]);
    assert_eq!(shown.matches, 1);
}

#[test]
fn thirty_thousand_rows_are_searched_and_chosen() {
    let mut h = shown(Some(attributes(30_000)), false, Theme::Dark);
    h.run();
    picture(&mut h, "tags");
    h.get_by_label("Search attributes").focus();
    h.run();
    h.get_by_label("Search attributes").type_text("number 29999");
    h.run();
    h.get_by_label("(0029,752f) PrivateAttribute value number 29999").click();
    h.run();
    assert_eq!(h.state().browser.row_text().unwrap(), "(0029,752f)\tPrivateAttribute\tLO\tvalue number 29999");
    h.get_by_label("Empty the search").click();
    h.run();
    assert!(h.state().browser.query.is_empty());
}

#[test]
fn hide_patient_blanks_what_is_shown() {
    let mut h = shown(Some(attributes(0)), true, Theme::Light);
    h.run();
    h.get_by_label("(0010,0010) PatientName Hidden").click();
    h.run();
    picture(&mut h, "tags_hidden");
    assert!(h.query_by_label_contains("Jane").is_none());
}

#[test]
fn copy_puts_the_row_on_the_clipboard() {
    let mut h = shown(Some(attributes(0)), false, Theme::Dark);
    h.run();
    h.get_by_label("(0008,0060) Modality MR").click();
    h.run();
    h.get_by_label("Copy row  (Ctrl+C)").click();
    h.step();
    let copied = h
        .output()
        .platform_output
        .commands
        .iter()
        .any(|c| matches!(c, egui::OutputCommand::CopyText(text) if text == "(0008,0060)\tModality\tCS\tMR"));
    assert!(copied);
}

#[test]
fn the_next_slice_is_asked_for() {
    let mut h = shown(Some(attributes(0)), false, Theme::Dark);
    h.run();
    h.get_by_label("Attributes of the next slice").click();
    h.run();
    assert_eq!(h.state().asked, Some(13), "from 0: the fourteenth");
}

#[test]
fn with_nothing_open_it_says_what_to_do() {
    let mut h = shown(None, false, Theme::Dark);
    h.run();
    h.get_by_label("Open a study to read its attributes");
    picture(&mut h, "tags_empty");
}
