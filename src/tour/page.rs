//! A tour as one self-contained HTML page.

use super::format::{Step, Tour};
use super::opening::Origin;
use super::story::{Chapter, UsedModel};
use super::words::{blocks, report_text};
use crate::render::output::png_bytes;
use crate::report::numbers::{counted, fixed};
use crate::report::{Banner, Column, Figure, Page, Picture, Section, Table, Text, Width};

/// The page of the steps that were told so far.
pub(super) fn html(tour: &Tour, origin: &Origin, chapters: &[Chapter]) -> String {
    let mut page = Page::new(&tour.title);
    page.lead(format!("{}. {}", tour.for_whom, counted(tour.steps.len(), "step")));
    page.lead(origin.notice.clone());
    if chapters.iter().flat_map(|c| &c.drawn).any(super::pictures::Drawn::is_synthetic) {
        let words = "Pictures with this mark show grey values that a model or this tour made up. None of them was measured \
                     in a patient";
        page.banner(Banner::Synthetic(words.into()));
    }
    let told = chapters.len();
    if told < tour.steps.len() {
        page.banner(Banner::Remark(
            format!("{told} of {} steps are told here; the others are on their way or were stopped", tour.steps.len())
                .into(),
        ));
    }
    for (step, chapter) in tour.steps.iter().zip(chapters) {
        page.section(section(step, chapter));
    }
    let used: Vec<&UsedModel> = chapters.iter().flat_map(|c| &c.models).collect();
    if !used.is_empty() {
        page.section(models(&used));
    }
    let seconds: f64 = chapters.iter().map(|c| c.played.seconds).sum();
    page.footer(format!(
        "Veritome {}. No medical device: for teaching and demonstration. The work of all steps took {} s; {}",
        env!("CARGO_PKG_VERSION"),
        fixed(seconds, 1),
        crate::provenance::now()
    ));
    page.html()
}

fn section(step: &Step, chapter: &Chapter) -> Section {
    // The table of contents numbers them.
    let mut section = Section::new(step.title.clone());
    words(&mut section, &step.text);
    let (pictures, played) = (&chapter.drawn, &chapter.played);
    let width =
        if pictures.len() == 1 || pictures.len() == 2 || pictures.len() == 4 { Width::Half } else { Width::Third };
    let figures = pictures.iter().filter_map(|drawn| {
        let picture = Picture::png(png_bytes(&drawn.rendered), drawn.is_synthetic()).ok()?;
        Some(Figure::picture(picture, drawn.caption.clone(), drawn.caption.clone()).width(width))
    });
    let figures: Vec<Figure> = figures.collect();
    if !figures.is_empty() {
        section.pictures(figures, step.title.clone());
    }
    if !played.numbers.is_empty() {
        let mut table = Table::new("What was measured", vec![Column::text("Measure"), Column::text("Found")]);
        for number in &played.numbers {
            table.row([number.title.clone(), number.words.clone()]);
        }
        section.table(table);
    }
    for notice in &played.notices {
        section.boxed("is-remark", "Note", vec![Text::from(notice.clone())]);
    }
    if let Some(believe) = step.believe.as_ref().filter(|_| played.is_whole()) {
        section.boxed("is-sound", "What you can believe", texts(believe));
    }
    if let Some(not) = step.do_not_believe.as_ref().filter(|_| played.is_whole()) {
        section.boxed("is-caution", "What not to believe", texts(not));
    }
    section
}

fn texts(text: &str) -> Vec<Text> {
    blocks(text).iter().map(|block| report_text(&block.spans)).collect()
}

fn words(section: &mut Section, text: &str) {
    let mut list = Vec::new();
    for block in blocks(text) {
        let words = report_text(&block.spans);
        if block.item {
            list.push(words);
            continue;
        }
        if !list.is_empty() {
            section.list(std::mem::take(&mut list));
        }
        section.paragraph(words);
    }
    if !list.is_empty() {
        section.list(list);
    }
}

/// The models of all steps, with what identifies them.
fn models(used: &[&UsedModel]) -> Section {
    let mut section = Section::new("Models");
    let columns = vec![
        Column::text("Model"),
        Column::text("Licence"),
        Column::text("Ran on"),
        Column::number("Runs", ""),
        Column::number("Time", "s"),
        Column::text("Guard"),
    ];
    let mut table = Table::new("What ran, in the order of the steps", columns);
    for one in used {
        let guard = match one.like_training_data {
            Some(true) => "Found nothing unlike",
            Some(false) => "Found something unlike",
            None => "None",
        };
        table.row([
            one.model.clone(),
            one.licence.clone(),
            one.provider.clone(),
            one.repeats.to_string(),
            fixed(one.seconds, 1),
            guard.to_owned(),
        ]);
    }
    section.table(table);
    let mut hashes: Vec<(String, Text)> = Vec::new();
    for one in used {
        if !hashes.iter().any(|(model, _)| *model == one.model) {
            hashes.push((one.model.clone(), Text::new().code(one.weights_sha256.clone())));
        }
    }
    section.paragraph("SHA-256 of the weights:");
    section.facts(hashes);
    section
}
