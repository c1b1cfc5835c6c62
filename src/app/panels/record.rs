//! The record of a layer: where it came from, as JSON, to be read and copied.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{Label, RichText, ScrollArea, Ui};
use lucide_icons::Icon;

use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{icon_button, quiet};

/// No record is larger.
const LARGEST: u64 = 4 << 20;

/// A record on show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordView {
    /// The layer's name.
    pub title: String,
    pub text: Arc<str>,
    /// The file that it was written to, if it was.
    pub path: Option<PathBuf>,
}

impl RecordView {
    /// As it stands in the file, where there is one that can be read.
    pub fn or_from(self, file: Option<PathBuf>) -> Self {
        let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST);
        let read = file.filter(small).and_then(|path| Some((std::fs::read_to_string(&path).ok()?, path)));
        match read {
            Some((text, path)) => Self { text: Arc::from(text), path: Some(path), ..self },
            None => self,
        }
    }
}

/// Draws it.
pub(crate) fn show(ui: &mut Ui, view: &RecordView) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        if icon_button(ui, Icon::Copy, "Copy the record", false).clicked() {
            ui.ctx().copy_text(view.text.to_string());
        }
        match &view.path {
            Some(path) => quiet(ui, path.display().to_string()).on_hover_text(path.display().to_string()),
            None => quiet(ui, "Not written to a file"),
        };
    });
    ui.add_space(t.space.xs);
    ScrollArea::both().auto_shrink([false, false]).show(ui, |ui| {
        let text = RichText::new(view.text.as_ref()).monospace().size(t.size.small + 1.0).color(t.text);
        ui.add(Label::new(text).extend().selectable(true));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_is_read_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t2.provenance.json");
        let view = RecordView { title: "t2".into(), text: Arc::from("inside"), path: None };
        assert_eq!(view.clone().or_from(Some(path.clone())), view);
        std::fs::write(&path, "{}").unwrap();
        let read = view.or_from(Some(path.clone()));
        assert_eq!((read.text.as_ref(), read.path), ("{}", Some(path)));
    }
}
