//! Which side panels there is room for: in a narrow window one of two gives way, so that images keep at least half of it.

use super::state::Model;

/// Narrower than this, points, a window has narrower side panels, and one of them at a time.
const NARROW: f32 = 900.0;

/// What was last said of the room, and of what the person wants in spite of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SidePanels {
    is_narrow: bool,
    /// Opened by the person since the window is narrow.
    studies: bool,
    layers: bool,
}

impl SidePanels {
    /// The width of the window, points. In a wide one all is as the settings have it again.
    pub fn set_width(&mut self, width: f32) {
        self.is_narrow = width < NARROW;
        if !self.is_narrow {
            *self = Self::default();
        }
    }

    /// Whether panels are as narrow as their content allows.
    pub fn is_narrow(&self) -> bool {
        self.is_narrow
    }
}

impl Model {
    /// Whether the left panel of studies is shown where a series is open and no tour is on. It gives way to the layers.
    pub fn shows_studies(&self) -> bool {
        let gives_way = self.side.is_narrow && self.settings.layers_open;
        self.settings.studies_open && (!gives_way || self.side.studies)
    }

    /// Whether the right panel of layers is shown where a series is open. It gives way to a tour.
    pub fn shows_layers(&self) -> bool {
        let gives_way = self.side.is_narrow && self.touring.is_some();
        self.settings.layers_open && (!gives_way || self.side.layers)
    }

    /// Shows the studies where they are not shown, hides them where they are.
    pub fn toggle_studies(&mut self) {
        let show = !self.shows_studies();
        (self.settings.studies_open, self.side.studies) = (show, show && self.side.is_narrow);
    }

    /// The same of the layers.
    pub fn toggle_layers(&mut self) {
        let show = !self.shows_layers();
        (self.settings.layers_open, self.side.layers) = (show, show && self.side.is_narrow);
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Settings;
    use super::*;

    #[test]
    fn a_narrow_window_has_one_panel_until_the_person_opens_the_other() {
        let mut model = Model::new(Settings::default());
        model.side.set_width(1280.0);
        assert!(model.shows_studies() && model.shows_layers());
        model.side.set_width(640.0);
        assert!(!model.shows_studies() && model.shows_layers());
        model.toggle_studies();
        assert!(model.shows_studies() && model.shows_layers());
        model.toggle_studies();
        assert!(!model.shows_studies());
        // What a person hid stays hidden in a wide window; what only gave way comes back.
        model.side.set_width(1280.0);
        assert!(!model.shows_studies() && model.shows_layers());
        model.toggle_studies();
        model.side.set_width(640.0);
        assert!(!model.shows_studies());
        model.toggle_layers();
        assert!(model.shows_studies() && !model.shows_layers());
    }
}
