//! Colours and sizes out of `assets/theme.toml`, and egui's style made of them.

use std::sync::{Arc, LazyLock};

use eframe::egui::{
    self, Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle,
    Theme, Visuals,
};
use serde::{Deserialize, Deserializer};

/// A colour written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hex(Color32);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Color32::from_hex(&text).map(Hex).map_err(|_| serde::de::Error::custom(format!("{text} is no colour")))
    }
}

#[derive(Debug, Deserialize)]
struct File {
    dark: Palette,
    light: Palette,
    image: ImageColors,
    space: Space,
    size: Size,
}

#[derive(Debug, Deserialize)]
struct Palette {
    neutral: [Hex; 8],
    accent: Hex,
    accent_ground: Hex,
    synthetic: Hex,
    uncertain: Hex,
    error: Hex,
    approved: Hex,
}

#[derive(Debug, Deserialize)]
struct ImageColors {
    text: Hex,
    quiet: Hex,
    line: Hex,
    handle: Hex,
    measure: Hex,
}

/// Distances, points.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Space {
    pub xs: f32,
    pub s: f32,
    pub m: f32,
    pub l: f32,
}

/// Sizes, points.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Size {
    pub radius: u8,
    pub small: f32,
    pub body: f32,
    pub title: f32,
    pub overlay: f32,
    pub letter: f32,
    pub icon: f32,
    pub toolbar: f32,
    pub status: f32,
    pub panel: f32,
}

/// The tokens of one theme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens {
    /// Behind images: black in every theme.
    pub image: Color32,
    /// Behind panels.
    pub panel: Color32,
    /// A row or card on a panel.
    pub raised: Color32,
    /// A field or a hovered row.
    pub field: Color32,
    /// Lines between things.
    pub line: Color32,
    /// What cannot be used now.
    pub disabled: Color32,
    /// Secondary text.
    pub quiet: Color32,
    /// Text.
    pub text: Color32,
    /// The one accent.
    pub accent: Color32,
    /// Behind what is chosen.
    pub accent_ground: Color32,
    /// Made artificially.
    pub synthetic: Color32,
    /// To be taken with care.
    pub uncertain: Color32,
    /// Failed, or unlike the training data.
    pub error: Color32,
    /// Approved by a person.
    pub approved: Color32,
    /// Distances.
    pub space: Space,
    /// Sizes.
    pub size: Size,
}

/// Colours of what lies over images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverImage {
    pub text: Color32,
    pub quiet: Color32,
    pub line: Color32,
    pub handle: Color32,
    pub measure: Color32,
}

struct All {
    dark: Tokens,
    light: Tokens,
    image: OverImage,
}

static ALL: LazyLock<All> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is part of the program; a test reads it")]
    let file: File = toml::from_str(include_str!("../../../assets/theme.toml")).expect("assets/theme.toml");
    let tokens = |p: &Palette| Tokens {
        image: p.neutral[0].0,
        panel: p.neutral[1].0,
        raised: p.neutral[2].0,
        field: p.neutral[3].0,
        line: p.neutral[4].0,
        disabled: p.neutral[5].0,
        quiet: p.neutral[6].0,
        text: p.neutral[7].0,
        accent: p.accent.0,
        accent_ground: p.accent_ground.0,
        synthetic: p.synthetic.0,
        uncertain: p.uncertain.0,
        error: p.error.0,
        approved: p.approved.0,
        space: file.space,
        size: file.size,
    };
    All {
        dark: tokens(&file.dark),
        light: tokens(&file.light),
        image: OverImage {
            text: file.image.text.0,
            quiet: file.image.quiet.0,
            line: file.image.line.0,
            handle: file.image.handle.0,
            measure: file.image.measure.0,
        },
    }
});

/// The tokens of the theme that is on.
pub(crate) fn tokens(ctx: &egui::Context) -> &'static Tokens {
    match ctx.theme() {
        Theme::Dark => &ALL.dark,
        Theme::Light => &ALL.light,
    }
}

/// Colours of what lies over images.
pub(crate) fn over_image() -> &'static OverImage {
    &ALL.image
}

/// Sizes, the same in every theme.
pub(crate) fn size() -> &'static Size {
    &ALL.dark.size
}

/// The family of bold text.
pub(crate) fn bold_family() -> FontFamily {
    FontFamily::Name("bold".into())
}

/// The family of icons.
pub(crate) fn icon_family() -> FontFamily {
    FontFamily::Name("icons".into())
}

/// Sets fonts and styles; once, at the start.
pub(crate) fn install(ctx: &egui::Context) {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8]| {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    };
    add("inter", include_bytes!("../../../assets/fonts/Inter-Regular.otf"));
    add("inter-bold", include_bytes!("../../../assets/fonts/Inter-SemiBold.otf"));
    let mut icons = FontData::from_static(lucide_icons::LUCIDE_FONT_BYTES);
    icons.tweak.y_offset_factor = 0.06;
    fonts.font_data.insert("lucide".to_owned(), Arc::new(icons));
    let fallback: Vec<String> = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let stack = |first: &str| std::iter::once(first.to_owned()).chain(fallback.iter().cloned()).collect::<Vec<_>>();
    fonts.families.insert(bold_family(), stack("inter-bold"));
    fonts.families.insert(icon_family(), vec!["lucide".to_owned()]);
    fonts.families.insert(FontFamily::Proportional, stack("inter"));
    ctx.set_fonts(fonts);
    for (theme, tokens) in [(Theme::Dark, &ALL.dark), (Theme::Light, &ALL.light)] {
        ctx.style_mut_of(theme, |style| apply(style, tokens, theme));
    }
}

fn apply(style: &mut egui::Style, t: &Tokens, theme: Theme) {
    let font = |size: f32| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, font(t.size.small)),
        (TextStyle::Body, font(t.size.body)),
        (TextStyle::Button, font(t.size.body)),
        (TextStyle::Heading, FontId::new(t.size.title, bold_family())),
        (TextStyle::Monospace, FontId::new(t.size.body - 1.0, FontFamily::Monospace)),
    ]
    .into();
    style.spacing.item_spacing = egui::vec2(t.space.s, t.space.xs);
    style.spacing.button_padding = egui::vec2(t.space.s, t.space.xs);
    style.spacing.interact_size = egui::vec2(24.0, 24.0);
    style.spacing.window_margin = Margin::same(t.space.m as i8);
    style.spacing.menu_margin = Margin::same(t.space.xs as i8);
    style.spacing.slider_width = 120.0;
    style.spacing.slider_rail_height = 4.0;
    style.spacing.icon_width = 16.0;
    style.spacing.indent = t.space.l;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.animation_time = 0.1;

    let mut v = if theme == Theme::Dark { Visuals::dark() } else { Visuals::light() };
    let radius = CornerRadius::same(t.size.radius);
    v.panel_fill = t.panel;
    v.window_fill = t.raised;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(t.size.radius * 2);
    v.menu_corner_radius = CornerRadius::same(t.size.radius * 2);
    let shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(120) };
    v.window_shadow = shadow;
    v.popup_shadow = shadow;
    v.extreme_bg_color = t.field;
    v.faint_bg_color = t.raised;
    v.code_bg_color = t.field;
    v.hyperlink_color = t.accent;
    v.warn_fg_color = t.uncertain;
    v.error_fg_color = t.error;
    v.weak_text_color = Some(t.quiet);
    v.selection.bg_fill = t.accent_ground;
    v.selection.stroke = Stroke::new(1.0, t.accent);
    v.slider_trailing_fill = true;
    v.handle_shape = egui::style::HandleShape::Circle;
    v.indent_has_left_vline = false;
    let widgets = &mut v.widgets;
    for (w, ground, text, edge) in [
        (&mut widgets.noninteractive, t.panel, t.text, t.line),
        (&mut widgets.inactive, t.field, t.text, t.field),
        (&mut widgets.hovered, t.line, t.text, t.disabled),
        (&mut widgets.active, t.accent_ground, t.text, t.accent),
        (&mut widgets.open, t.field, t.text, t.line),
    ] {
        w.bg_fill = ground;
        w.weak_bg_fill = ground;
        w.fg_stroke = Stroke::new(1.0, text);
        w.bg_stroke = Stroke::new(1.0, edge);
        w.corner_radius = radius;
        w.expansion = 0.0;
    }
    v.widgets.inactive.bg_stroke = Stroke::NONE;
    style.visuals = v;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.1 contrast ratio.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |c: Color32| {
            let l = [c.r(), c.g(), c.b()].map(|x| {
                let x = f32::from(x) / 255.0;
                if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn graphics_of_files_have_the_colour_of_their_token() {
        let file: toml::Table = toml::from_str(include_str!("../../../assets/theme.toml")).unwrap();
        let [r, g, b] = crate::volume::graphics::GRAPHIC_COLOR;
        assert_eq!(file["image"]["graphic"].as_str(), Some(format!("#{r:02x}{g:02x}{b:02x}").as_str()));
    }

    #[test]
    fn every_text_colour_has_contrast_four_and_a_half_on_every_ground() {
        for t in [&ALL.dark, &ALL.light] {
            for text in [t.text, t.quiet, t.accent, t.synthetic, t.uncertain, t.error, t.approved] {
                for ground in [t.panel, t.raised, t.field] {
                    assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
                }
            }
        }
    }
}
