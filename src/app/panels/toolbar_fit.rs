//! What of the toolbar has room: first its words go, then its rarest parts, which [`toolbar`](super::toolbar) puts into the
//! menu *More*.

use eframe::egui::{self, Color32, FontFamily, FontId, Ui};
use lucide_icons::Icon;

use crate::app::action::{Action, Tool};
use crate::app::keymap;
use crate::app::ui_kit::theme::{self, Tokens, tokens};

/// Size of the arrow on a button that opens a menu.
pub(super) const ARROW: f32 = 12.0;

/// A menu of the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Menu {
    Open,
    Layout,
    Presets,
    View,
    Slab,
}

impl Menu {
    /// What the person reads, and what it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Layout => "Layout",
            Self::Presets => "Presets",
            Self::View => "View",
            Self::Slab => "Slab",
        }
    }

    /// What it holds.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Open => "Open files or a folder, learn by a tour or a quiz, make, read or analyse a study",
            Self::Layout => "Divide the image area",
            Self::Presets => "Presets, the file's windows, automatic, invert",
            Self::View => "What the active viewport shows, and how",
            Self::Slab => "Thick slices of the active viewport",
        }
    }
}

/// One thing of the bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// The program's name.
    Title,
    Menu(Menu),
    /// A button that does something.
    Act(Action),
    /// The search for everything.
    Find,
}

const fn tool(tool: Tool) -> Part {
    Part::Act(Action::SetTool(tool))
}

/// The left end, in groups with a line between them.
pub(super) const LEFT: [&[Part]; 4] = [
    &[Part::Title, Part::Menu(Menu::Open), Part::Menu(Menu::Layout)],
    &[tool(Tool::Window), tool(Tool::Pan), tool(Tool::Zoom), tool(Tool::Scroll), tool(Tool::Crosshair)],
    &[tool(Tool::Length), tool(Tool::Angle), tool(Tool::Ellipse), tool(Tool::Rectangle), Part::Act(Action::Metrics)],
    &[Part::Menu(Menu::Presets), Part::Menu(Menu::View), Part::Menu(Menu::Slab)],
];

/// The right end.
pub(super) const RIGHT: [Part; 7] = [
    Part::Find,
    Part::Act(Action::ToggleOverlays),
    Part::Act(Action::ToggleStudies),
    Part::Act(Action::ToggleLayers),
    Part::Act(Action::ToggleWhy),
    Part::Act(Action::Settings),
    Part::Act(Action::Help),
];

/// What goes into *More* where icons alone have no room, the first one first: what has a key or is rarely used, then the
/// measuring tools, then the rest. What is not here stays.
const GIVES_WAY: [Part; 18] = [
    Part::Act(Action::Help),
    Part::Act(Action::Settings),
    Part::Menu(Menu::Slab),
    Part::Act(Action::Metrics),
    Part::Act(Action::ToggleWhy),
    tool(Tool::Angle),
    tool(Tool::Rectangle),
    tool(Tool::Ellipse),
    Part::Act(Action::ToggleOverlays),
    Part::Menu(Menu::View),
    Part::Act(Action::ToggleStudies),
    Part::Act(Action::ToggleLayers),
    tool(Tool::Crosshair),
    tool(Tool::Length),
    tool(Tool::Scroll),
    Part::Menu(Menu::Layout),
    Part::Menu(Menu::Presets),
    tool(Tool::Pan),
];

impl Part {
    /// Whether a button may show its name beside its picture.
    pub fn has_words(self) -> bool {
        matches!(self, Self::Act(Action::SetTool(tool)) if !Tool::MEASURES.contains(&tool))
    }
}

/// How many words the bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Words {
    All,
    /// Tools are pictures.
    Menus,
    /// The program's name is left out too.
    MenusAlone,
    /// Pictures alone.
    Nowhere,
}

impl Words {
    /// From the widest bar to the narrowest.
    const ALL: [Self; 4] = [Self::All, Self::Menus, Self::MenusAlone, Self::Nowhere];

    pub fn of_tools(self) -> bool {
        self == Self::All
    }

    pub fn of_menus(self) -> bool {
        self < Self::Nowhere
    }

    fn with_title(self) -> bool {
        self <= Self::Menus
    }
}

/// What has room.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    /// How many words.
    pub words: Words,
    /// What is in *More*.
    pub hidden: Vec<Part>,
}

impl Fit {
    /// What of a group is in the bar.
    pub fn kept(&self, group: &[Part]) -> Vec<Part> {
        let stays = |part: &&Part| !self.hidden.contains(part) && (**part != Part::Title || self.words.with_title());
        group.iter().filter(stays).copied().collect()
    }
}

/// What has room in the width that is there.
pub(super) fn fit(ui: &Ui) -> Fit {
    let room = ui.available_width();
    let whole = Words::ALL.map(|words| Fit { words, hidden: Vec::new() });
    if let Some(fit) = whole.into_iter().find(|fit| width(ui, fit) <= room) {
        return fit;
    }
    let hidden = (1..=GIVES_WAY.len()).map(|n| Fit { words: Words::Nowhere, hidden: GIVES_WAY[..n].to_vec() });
    let all_hidden = Fit { words: Words::Nowhere, hidden: GIVES_WAY.to_vec() };
    hidden.into_iter().find(|fit| width(ui, fit) <= room).unwrap_or(all_hidden)
}

/// The key of the search, where there is room for it.
pub(super) fn find_key(ctx: &egui::Context, words: Words) -> String {
    let key = keymap::key(ctx, Action::Palette).filter(|_| words.of_menus());
    key.map(|key| keymap::words(ctx, &key)).unwrap_or_default()
}

/// Width of the bar, points.
fn width(ui: &Ui, fit: &Fit) -> f32 {
    /// Between the two ends at least.
    const GAP: f32 = 16.0;
    let t = tokens(ui.ctx());
    let groups: Vec<Vec<Part>> = LEFT.iter().map(|group| fit.kept(group)).filter(|group| !group.is_empty()).collect();
    let lines = groups.len().saturating_sub(1);
    // A line between two groups takes 6 points.
    let mut widths: Vec<f32> = vec![6.0; lines];
    widths.extend(groups.iter().flatten().chain(&fit.kept(&RIGHT)).map(|part| width_of(ui, t, *part, fit.words)));
    if !fit.hidden.is_empty() {
        widths.push(button(ui, t, &[picture(ui, t, Icon::Ellipsis)]));
    }
    widths.iter().sum::<f32>() + ui.spacing().item_spacing.x * widths.len() as f32 + GAP
}

fn width_of(ui: &Ui, t: &Tokens, part: Part, words: Words) -> f32 {
    let body = |words: &str| text(ui, words, FontId::new(t.size.body, FontFamily::Proportional));
    match part {
        Part::Title => text(ui, "Veritome", FontId::new(t.size.title, theme::bold_family())) + t.space.s,
        Part::Menu(menu) => {
            let arrow = text(ui, &Icon::ChevronDown.unicode().to_string(), FontId::new(ARROW, theme::icon_family()));
            let mut all = vec![picture(ui, t, Icon::Box), arrow];
            all.extend(words.of_menus().then(|| body(menu.name())));
            button(ui, t, &all)
        }
        Part::Act(action) => {
            let mut all = vec![picture(ui, t, action.icon())];
            all.extend((words.of_tools() && part.has_words()).then(|| body(&action.text())));
            button(ui, t, &all)
        }
        Part::Find => {
            let key = find_key(ui.ctx(), words);
            let mut all = vec![picture(ui, t, Icon::Search)];
            all.extend((!key.is_empty()).then(|| body(&key)));
            button(ui, t, &all)
        }
    }
}

/// A button around pictures and words of these widths.
fn button(ui: &Ui, t: &Tokens, parts: &[f32]) -> f32 {
    let gaps = ui.spacing().icon_spacing * parts.len().saturating_sub(1) as f32;
    (parts.iter().sum::<f32>() + gaps + 2.0 * ui.spacing().button_padding.x).max(t.size.icon + t.space.m)
}

fn picture(ui: &Ui, t: &Tokens, icon: Icon) -> f32 {
    text(ui, &icon.unicode().to_string(), FontId::new(t.size.icon, theme::icon_family()))
}

fn text(ui: &Ui, words: &str, font: FontId) -> f32 {
    ui.painter().layout_no_wrap(words.to_owned(), font, Color32::PLACEHOLDER).size().x
}
