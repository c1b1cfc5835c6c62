//! Which series goes into which input of a model.

use eframe::egui::{self, Align, CornerRadius, Label, Layout, RichText, Sense, Stroke, StrokeKind, Ui, vec2};
use lucide_icons::Icon;

use crate::app::library::{Entry, SeriesId};
use crate::app::state::Model as Window;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{icon, icon_button, named};
use crate::inference::manifest::schema::Input;
use crate::volume::Space;

/// What the person put into an input; `None` is left to the guess.
pub(super) type Chosen = Option<Option<SeriesId>>;

/// A series that could go into an input, as far as the guess looks at it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub id: SeriesId,
    pub modality: String,
    pub description: String,
    pub active: bool,
    /// Of the same patient as the active one.
    pub same_patient: bool,
}

/// The series that are open and have a place in the patient.
pub(super) fn candidates(window: &Window) -> Vec<Candidate> {
    let active = window.active_series();
    let usable = |e: &&Entry| e.series.is_image() && e.series.space.is_patient();
    let of = |id: SeriesId| {
        let entry = window.library.get(id).filter(usable)?;
        Some(Candidate {
            id,
            modality: entry.series.modality.clone(),
            description: entry.series.description.clone(),
            active: active == Some(id),
            same_patient: active.is_some_and(|a| window.same_patient(a, id)),
        })
    };
    window.library.images().into_iter().filter_map(of).collect()
}

/// What fits each input best by modality and description; no series twice. An optional input is filled only where its
/// contrast is named, because a wrong guess is worse than none.
pub(super) fn guess(inputs: &[Input], chosen: &[Chosen], candidates: &[Candidate]) -> Vec<Option<SeriesId>> {
    let mut taken: Vec<SeriesId> = chosen.iter().flatten().flatten().copied().collect();
    let mut guesses = Vec::new();
    for (n, input) in inputs.iter().enumerate() {
        if let Some(Some(by_person)) = chosen.get(n) {
            guesses.push(*by_person);
            continue;
        }
        let best = candidates
            .iter()
            .filter(|c| !taken.contains(&c.id))
            .filter_map(|c| Some((score(input, c, n == 0)?, c)))
            // The first of equals.
            .fold(None, |best: Option<(i32, &Candidate)>, one| match best {
                Some(b) if b.0 >= one.0 => Some(b),
                _ => Some(one),
            })
            .map(|(_, c)| c.id);
        taken.extend(best);
        guesses.push(best);
    }
    guesses
}

/// How well a series fits; `None` where it does not.
fn score(input: &Input, candidate: &Candidate, first: bool) -> Option<i32> {
    if !candidate.same_patient {
        return None;
    }
    let modality = |m: &String| m.eq_ignore_ascii_case(&candidate.modality);
    let known = !candidate.modality.is_empty() && !input.modality.is_empty();
    if known && !input.modality.iter().any(modality) {
        return None;
    }
    let named = has_contrast(&candidate.description, &input.contrast)
        || has_contrast(&candidate.description, &input.name) && input.name.len() > 1;
    let other =
        !named && CONTRASTS.iter().any(|c| has_contrast(&candidate.description, c)) && !input.contrast.is_empty();
    if !named && (input.optional || !first && (other || !candidate.active)) {
        return None;
    }
    Some(i32::from(known) * 2 + i32::from(named) * 8 + i32::from(candidate.active) * 4 - i32::from(other) * 6)
}

/// Contrasts that descriptions name.
const CONTRASTS: [&str; 7] = ["T1w", "T2w", "FLAIR", "DWI", "ADC", "PD", "T1c"];

/// Whether a description names a contrast: `T1w` is in `t1_mprage` and `Sag T1`, not in `T1 rho map 10`.
fn has_contrast(description: &str, contrast: &str) -> bool {
    if contrast.is_empty() {
        return false;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', '.', '/', ',', '(', ')'], " ");
    let wanted = plain(contrast);
    let wanted = wanted.trim();
    let short = wanted.strip_suffix('w').filter(|s| s.len() > 1).unwrap_or(wanted);
    plain(description).split_whitespace().any(|word| word == wanted || word == short)
}

/// Whether the person has to say that the chosen series were registered: they are several, and do not share a frame of
/// reference.
pub(super) fn frames_differ(window: &Window, series: &[SeriesId]) -> bool {
    let frame = |id: &SeriesId| match window.library.get(*id).map(|e| &e.series.space) {
        Some(Space::Patient { frame_of_reference }) => frame_of_reference.clone(),
        _ => None,
    };
    let Some((first, rest)) = series.split_first() else { return false };
    rest.iter().filter(|id| *id != first).any(|id| frame(id).is_none() || frame(id) != frame(first))
}

/// One input: its name and what it wants, and the series that is in it. Takes a series that is dropped on it.
pub(super) fn show(
    ui: &mut Ui,
    window: &Window,
    input: &Input,
    chosen: &mut Chosen,
    guessed: Option<SeriesId>,
    candidates: &[Candidate],
) {
    let t = tokens(ui.ctx());
    let filled = chosen.unwrap_or(guessed);
    let name_of = |id: SeriesId| window.library.get(id).map_or_else(String::new, |e| e.series.description.clone());
    let frame = egui::Frame::new().fill(t.field).corner_radius(CornerRadius::same(t.size.radius)).inner_margin(6);
    let response = frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.horizontal(|ui| {
                let wants: Vec<&str> = input
                    .modality
                    .iter()
                    .map(String::as_str)
                    .chain((!input.contrast.is_empty()).then_some(input.contrast.as_str()))
                    .collect();
                let optional = if input.optional { "   optional" } else { "" };
                let text = format!("{}   {}{optional}", input.name, wants.join(" "));
                ui.add(Label::new(RichText::new(text).size(t.size.small).color(t.quiet)).truncate());
                if chosen.is_none() && filled.is_some() {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        ui.label(RichText::new("guess").size(t.size.small).color(t.uncertain)).on_hover_text(
                            "Chosen by modality and description, not by a person. Drag another series here, or take one from the menu",
                        );
                    });
                }
            });
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if filled.is_some() && icon_button(ui, Icon::X, &format!("Empty {}", input.name), false).clicked() {
                        *chosen = Some(None);
                    }
                    menu(ui, input, chosen, candidates);
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| match filled {
                        Some(id) => {
                            ui.label(icon(Icon::Scan).size(13.0).color(t.text));
                            ui.add(Label::new(RichText::new(name_of(id)).color(t.text)).truncate())
                                .on_hover_text(name_of(id));
                        }
                        None => {
                            let hint = if input.optional { "Left empty" } else { "Drag a series here" };
                            ui.add(Label::new(RichText::new(hint).color(t.quiet)).truncate());
                        }
                    });
                });
            });
        })
        .response;
    let slot = ui.interact(response.rect, ui.scope_id().with(("slot", &input.name)), Sense::hover());
    let value = filled.map_or_else(|| "empty".to_owned(), name_of);
    slot.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::Group, true, format!("Input {}", input.name));
        info.current_text_value =
            Some(if chosen.is_none() && filled.is_some() { format!("{value} (guess)") } else { value.clone() });
        info
    });
    if slot.dnd_hover_payload::<SeriesId>().is_some() {
        let radius = CornerRadius::same(t.size.radius);
        ui.painter().rect_stroke(response.rect, radius, Stroke::new(1.5, t.accent), StrokeKind::Inside);
    }
    if let Some(series) = slot.dnd_release_payload::<SeriesId>()
        && candidates.iter().any(|c| c.id == *series)
    {
        *chosen = Some(Some(*series));
    }
}

fn menu(ui: &mut Ui, input: &Input, chosen: &mut Chosen, candidates: &[Candidate]) {
    let t = tokens(ui.ctx());
    let picture = icon(Icon::ChevronDown).size(13.0).color(t.quiet);
    let button = egui::Button::new(picture).min_size(vec2(22.0, 22.0)).frame_when_inactive(false);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
        ui.set_min_width(180.0);
        for candidate in candidates {
            let name = format!("{}   {}", candidate.description, candidate.modality);
            if ui.selectable_label(*chosen == Some(Some(candidate.id)), name.trim_end()).clicked() {
                *chosen = Some(Some(candidate.id));
                ui.close();
            }
        }
        if candidates.is_empty() {
            ui.label("No open series has a place in the patient");
        }
        ui.separator();
        if ui.button("Guess again").clicked() {
            *chosen = None;
            ui.close();
        }
    });
    let name = format!("Series for {}", input.name);
    named(&response, &name, None);
    response.on_hover_text(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, contrast: &str, optional: bool) -> Input {
        Input {
            name: name.into(),
            modality: vec!["MR".into()],
            contrast: contrast.into(),
            tensor: "image".into(),
            channel: 0,
            optional,
            fill: None,
        }
    }

    fn series(n: usize, modality: &str, description: &str) -> Candidate {
        Candidate {
            id: SeriesId(n),
            modality: modality.into(),
            description: description.into(),
            active: n == 0,
            same_patient: true,
        }
    }

    #[test]
    fn series_are_guessed_by_modality_and_the_words_of_their_description() {
        let open = [series(0, "MR", "Sag FLAIR"), series(1, "MR", "t1_mprage"), series(2, "CT", "T2 look-alike")];
        let inputs = [input("t1", "T1w", false), input("t2", "T2w", false), input("flair", "FLAIR", true)];
        let guesses = guess(&inputs, &[None, None, None], &open);
        assert_eq!(guesses, [Some(SeriesId(1)), None, Some(SeriesId(0))]);
        // A person's choice is kept and not given twice.
        let guesses = guess(&inputs, &[None, Some(Some(SeriesId(1))), None], &open);
        assert_eq!(guesses, [Some(SeriesId(0)), Some(SeriesId(1)), None]);
    }

    #[test]
    fn the_active_series_fills_the_first_input_where_nothing_is_known_and_no_other_patient_does() {
        let mut open = vec![series(0, "", "head"), series(1, "", "other")];
        assert_eq!(guess(&[input("t1", "T1w", false)], &[None], &open), [Some(SeriesId(0))]);
        open[0].same_patient = false;
        open[1].same_patient = false;
        assert_eq!(guess(&[input("t1", "T1w", false)], &[None], &open), [None]);
    }

    #[test]
    fn contrasts_are_whole_words() {
        assert!(has_contrast("AX T1 post", "T1w") && has_contrast("t1w_brain", "T1w"));
        assert!(!has_contrast("T10 spine", "T1w") && !has_contrast("flairs", "FLAIR"));
    }
}
