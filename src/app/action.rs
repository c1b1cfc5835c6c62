//! Everything a person can do, in one enum: menus, keys, the palette, the toolbar and the tests all speak it.

use eframe::egui::{Key, KeyboardShortcut, Modifiers};
use lucide_icons::Icon;
use serde::{Deserialize, Serialize};

use crate::display::View;
use crate::render::scene::SlabMode;
use crate::tour::shipped;
use crate::volume::Interpolation;

/// How the image area is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Layout {
    /// One viewport.
    Single,
    /// Two viewports side by side, each with a series of its own.
    OneByTwo,
    /// Axial, coronal, sagittal and volume of one series.
    #[default]
    FourUp,
    /// Axial, coronal and sagittal of one series, side by side.
    OneByThree,
    /// Two rows of three, each with a series of its own.
    Grid,
}

impl Layout {
    /// All, in the order of the menu.
    pub const ALL: [Self; 5] = [Self::Single, Self::OneByTwo, Self::FourUp, Self::OneByThree, Self::Grid];

    /// Rows and columns.
    #[must_use]
    pub fn shape(self) -> (usize, usize) {
        match self {
            Self::Single => (1, 1),
            Self::OneByTwo => (1, 2),
            Self::FourUp => (2, 2),
            Self::OneByThree => (1, 3),
            Self::Grid => (2, 3),
        }
    }

    /// Whether all viewports show the same series.
    #[must_use]
    pub fn is_one_series(self) -> bool {
        matches!(self, Self::Single | Self::FourUp | Self::OneByThree)
    }

    /// What the person reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "Single",
            Self::OneByTwo => "Side by side",
            Self::FourUp => "Axial, coronal, sagittal, volume",
            Self::OneByThree => "Axial, coronal, sagittal",
            Self::Grid => "Grid 2 × 3",
        }
    }
}

/// What a left drag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Tool {
    /// Changes the window.
    #[default]
    Window,
    /// Moves the image.
    Pan,
    /// Magnifies the image.
    Zoom,
    /// Goes through the slices.
    Scroll,
    /// Places the crosshair.
    Crosshair,
    /// Draws a line and says how long it is.
    Length,
    /// Draws two arms and says their angle.
    Angle,
    /// Draws an ellipse and says what values lie under it.
    Ellipse,
    /// The same with a rectangle.
    Rectangle,
}

impl Tool {
    /// All, in the order of the toolbar.
    pub const ALL: [Self; 9] = [
        Self::Window,
        Self::Pan,
        Self::Zoom,
        Self::Scroll,
        Self::Crosshair,
        Self::Length,
        Self::Angle,
        Self::Ellipse,
        Self::Rectangle,
    ];

    /// Those that measure.
    pub const MEASURES: [Self; 4] = [Self::Length, Self::Angle, Self::Ellipse, Self::Rectangle];
}

/// What the volume view computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Projection {
    /// Maximum intensity.
    Mip,
    /// Minimum intensity.
    MinIp,
    /// Average.
    Average,
    /// Colours and opacities of the transfer function.
    #[default]
    Composite,
}

impl Projection {
    /// All, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Composite, Self::Mip, Self::MinIp, Self::Average];

    /// What the person reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mip => "Maximum",
            Self::MinIp => "Minimum",
            Self::Average => "Average",
            Self::Composite => "Composite",
        }
    }
}

/// Everything a person can do.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "`Action::text` and `Action::hint` say what each does")]
pub enum Action {
    OpenFiles,
    OpenFolder,
    TryDemo,
    /// The tour at this place among those that ship; the demo is the first.
    StartTour(u8),
    OpenTour,
    TourNext,
    TourBack,
    TourStop,
    TourAgain,
    LeaveTour,
    AddOverlay,
    CloseAll,
    SetLayout(Layout),
    Maximise,
    Undo,
    Redo,
    SetTool(Tool),
    Fit,
    ActualSize,
    Reset,
    Leave,
    /// The window preset on this digit key, 1 to 9.
    Preset(u8),
    AutoWindow,
    HeaderWindow,
    Invert,
    /// So many slices forward (negative: back).
    Slices(i32),
    FirstSlice,
    LastSlice,
    NextSeries,
    PreviousSeries,
    NextViewport,
    ShowView(View),
    ShowVolume,
    AcquisitionPlanes,
    Slab(SlabMode),
    ThinSlice,
    Interpolate(Interpolation),
    Project(Projection),
    ToggleText,
    ToggleOverlays,
    ToggleGraphics,
    ToggleShutter,
    /// The layers that say how far a result is to be trusted.
    ToggleDoubts,
    /// While its key is down.
    Peek,
    Flicker,
    Difference,
    DeleteMeasurement,
    SaveMeasurements,
    OpenMeasurements,
    ToggleMeasurements,
    ToggleCrosshair,
    ToggleReferenceLines,
    ToggleSync,
    ToggleHidePatient,
    ToggleLightTheme,
    ToggleDragBrightens,
    ToggleStudies,
    ToggleLayers,
    ToggleWhy,
    FullScreen,
    Palette,
    Help,
    Settings,
    Keys,
    Log,
    Tags,
    Record,
    Metrics,
    NewStudy,
    ReadStudy,
    AnalyseStudy,
    PlayQuiz,
    CancelJobs,
    Quit,
}

const fn key(k: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::NONE, k))
}

const fn ctrl(k: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND, k))
}

impl Action {
    /// What the menu and the palette say.
    #[must_use]
    pub fn text(self) -> String {
        self.about().0.into()
    }

    /// One sentence on what it does.
    #[must_use]
    pub fn hint(self) -> &'static str {
        self.about().1
    }

    /// Its picture.
    #[must_use]
    pub fn icon(self) -> Icon {
        self.about().2
    }

    /// Its key.
    #[must_use]
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        self.about().3
    }

    fn about(self) -> (&'static str, &'static str, Icon, Option<KeyboardShortcut>) {
        match self {
            Self::OpenFiles => {
                ("Open files…", "Opens DICOM, ZIP, NIfTI, NRRD or picture files", Icon::File, ctrl(Key::O))
            }
            Self::OpenFolder => (
                "Open folder…",
                "Opens a folder with DICOM files, and the folders in it",
                Icon::FolderOpen,
                Some(KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::O)),
            ),
            Self::TryDemo => {
                ("Try the demo", "Tells the whole story on a real head, step by step", Icon::Sparkles, None)
            }
            Self::StartTour(n) => {
                let shipped = shipped::ALL.get(usize::from(n)).unwrap_or(&shipped::ALL[0]);
                (shipped.title, "Starts this guided tour", Icon::GraduationCap, None)
            }
            Self::OpenTour => {
                ("Open a tour…", "Plays a guided tour that a teacher wrote (.toml)", Icon::GraduationCap, None)
            }
            Self::TourNext => ("Next", "The next step of the tour", Icon::ArrowRight, key(Key::PageDown)),
            Self::TourBack => ("Back", "The step before, as it was", Icon::ArrowLeft, key(Key::PageUp)),
            Self::TourStop => ("Cancel this step", "Stops the work of the tour", Icon::X, None),
            Self::TourAgain => ("Run this step", "Does the work of a stopped step after all", Icon::Play, None),
            Self::LeaveTour => ("Leave the tour", "The viewer stays as it is", Icon::X, None),
            Self::AddOverlay => {
                ("Add overlay from file…", "Lays a volume or a mask over the active series", Icon::Plus, None)
            }
            Self::CloseAll => ("Close all studies", "Empties the window", Icon::X, ctrl(Key::W)),
            Self::SetLayout(layout) => {
                let icon = match layout {
                    Layout::Single => Icon::Square,
                    Layout::OneByTwo => Icon::Columns2,
                    Layout::FourUp => Icon::Grid2x2,
                    Layout::OneByThree => Icon::Columns3,
                    Layout::Grid => Icon::LayoutGrid,
                };
                (layout.name(), "Divides the image area", icon, None)
            }
            Self::Maximise => (
                "Maximise viewport",
                "Shows the active viewport alone, and again all; so does a double-click",
                Icon::Maximize,
                key(Key::M),
            ),
            Self::SetTool(tool) => match tool {
                Tool::Window => (
                    "Window",
                    "Left drag changes the window: right is wider, up and down the level",
                    Icon::Contrast,
                    key(Key::W),
                ),
                Tool::Pan => {
                    ("Pan", "Left drag moves the image; so does the middle button always", Icon::Hand, key(Key::T))
                }
                Tool::Zoom => {
                    ("Zoom", "Left drag magnifies; so does the right button always", Icon::ZoomIn, key(Key::Z))
                }
                Tool::Scroll => {
                    ("Scroll", "Left drag goes through the slices; so does the wheel always", Icon::Layers, key(Key::S))
                }
                Tool::Crosshair => (
                    "Crosshair",
                    "Left drag places the crosshair in all views; drag a handle to turn its lines",
                    Icon::Crosshair,
                    key(Key::H),
                ),
                Tool::Length => (
                    "Length",
                    "Left drag draws a line; its ends and its middle can be dragged",
                    Icon::Ruler,
                    key(Key::D),
                ),
                Tool::Angle => (
                    "Angle",
                    "Left drag draws the first arm, a click ends the second one",
                    Icon::DraftingCompass,
                    key(Key::A),
                ),
                Tool::Ellipse => (
                    "Ellipse",
                    "Left drag draws an ellipse: mean, spread, ends and area of what lies under it",
                    Icon::Circle,
                    key(Key::E),
                ),
                Tool::Rectangle => (
                    "Rectangle",
                    "Left drag draws a rectangle: mean, spread, ends and area of what lies under it",
                    Icon::RectangleHorizontal,
                    key(Key::B),
                ),
            },
            Self::Undo => ("Undo", "Takes back a change of window, layers or layout", Icon::Undo2, ctrl(Key::Z)),
            Self::Redo => ("Redo", "Does again what was taken back", Icon::Redo2, ctrl(Key::Y)),
            Self::Fit => ("Fit", "Shows the whole image", Icon::Scan, key(Key::Enter)),
            Self::ActualSize => ("One to one", "One voxel on one screen pixel", Icon::ZoomIn, key(Key::Backspace)),
            Self::Reset => ("Reset view", "Straight planes, whole image, the header's window", Icon::RotateCcw, None),
            Self::Leave => (
                "Leave",
                "Closes what is open, then puts the tool away, then resets the view",
                Icon::X,
                key(Key::Escape),
            ),
            Self::Preset(n) => {
                const TEXT: [&str; 9] = [
                    "Window preset 1",
                    "Window preset 2",
                    "Window preset 3",
                    "Window preset 4",
                    "Window preset 5",
                    "Window preset 6",
                    "Window preset 7",
                    "Window preset 8",
                    "Window preset 9",
                ];
                const KEYS: [Key; 9] =
                    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
                let i = usize::from(n.clamp(1, 9)) - 1;
                (TEXT[i], "A window for one organ or tissue", Icon::Contrast, key(KEYS[i]))
            }
            Self::AutoWindow => ("Automatic window", "From the image's own values", Icon::Contrast, key(Key::Num0)),
            Self::HeaderWindow => ("Window of the file", "As the scanner chose it", Icon::FileSliders, None),
            Self::Invert => ("Invert", "Dark becomes bright", Icon::SunMoon, key(Key::I)),
            Self::Slices(n) => match n {
                1 => ("Next slice", "One slice on", Icon::ArrowDown, key(Key::ArrowDown)),
                -1 => ("Previous slice", "One slice back", Icon::ArrowUp, key(Key::ArrowUp)),
                n if n > 0 => (
                    "Ten slices on",
                    "Ten slices on",
                    Icon::ArrowDown,
                    Some(KeyboardShortcut::new(Modifiers::SHIFT, Key::ArrowDown)),
                ),
                _ => (
                    "Ten slices back",
                    "Ten slices back",
                    Icon::ArrowUp,
                    Some(KeyboardShortcut::new(Modifiers::SHIFT, Key::ArrowUp)),
                ),
            },
            Self::FirstSlice => ("First slice", "To one end of the stack", Icon::ArrowUp, key(Key::Home)),
            Self::LastSlice => ("Last slice", "To the other end of the stack", Icon::ArrowDown, key(Key::End)),
            Self::NextSeries => ("Next series", "The next one in the list", Icon::ArrowDown, key(Key::ArrowRight)),
            Self::PreviousSeries => {
                ("Previous series", "The one before it in the list", Icon::ArrowUp, key(Key::ArrowLeft))
            }
            Self::NextViewport => {
                ("Next viewport", "Moves the keys to the next viewport", Icon::MousePointer2, key(Key::Tab))
            }
            Self::ShowView(View::Axial) => ("Axial view", "In the active viewport, from the feet", Icon::Square, None),
            Self::ShowView(View::Coronal) => {
                ("Coronal view", "In the active viewport, from the front", Icon::Square, None)
            }
            Self::ShowView(View::Sagittal) => ("Sagittal view", "In the active viewport", Icon::Square, None),
            Self::ShowVolume => ("Volume view", "In the active viewport", Icon::Box, None),
            Self::AcquisitionPlanes => (
                "Planes of the acquisition",
                "Cuts along the planes in which the scanner took the slices, or along the patient",
                Icon::Layers,
                None,
            ),
            Self::Slab(SlabMode::Mean) => ("Thick slice, average", "10 mm, averaged", Icon::Layers, None),
            Self::Slab(SlabMode::Mip) => ("Thick slice, maximum", "10 mm, brightest value", Icon::Layers, None),
            Self::Slab(SlabMode::MinIp) => ("Thick slice, minimum", "10 mm, darkest value", Icon::Layers, None),
            Self::ThinSlice => ("Thin slice", "A plane without thickness", Icon::Layers, None),
            Self::Interpolate(Interpolation::Nearest) => ("Show voxels", "No interpolation", Icon::Grid2x2, None),
            Self::Interpolate(Interpolation::Linear) => ("Linear interpolation", "Between voxels", Icon::Grid2x2, None),
            Self::Interpolate(Interpolation::Cubic) => ("Cubic interpolation", "Between voxels", Icon::Grid2x2, None),
            Self::Project(Projection::Composite) => ("Volume, composite", "Colours and opacities", Icon::Box, None),
            Self::Project(Projection::Mip) => ("Volume, maximum", "Maximum intensity projection", Icon::Box, None),
            Self::Project(Projection::MinIp) => ("Volume, minimum", "Minimum intensity projection", Icon::Box, None),
            Self::Project(Projection::Average) => ("Volume, average", "Average along each ray", Icon::Box, None),
            Self::ToggleText => {
                ("Text over images", "Shows or hides letters and corner text", Icon::Info, key(Key::Space))
            }
            Self::ToggleOverlays => ("Overlays", "Shows or hides all overlay layers", Icon::Eye, key(Key::O)),
            Self::ToggleGraphics => (
                "Graphics of the file",
                "Shows or hides the overlay planes that the file brings along",
                Icon::Shapes,
                key(Key::G),
            ),
            Self::ToggleShutter => (
                "Shutter of the file",
                "Hides what the file's display shutter covers, or shows it",
                Icon::Aperture,
                key(Key::J),
            ),
            Self::ToggleDoubts => (
                "Uncertainty",
                "Shows or hides the maps of how far results are to be trusted",
                Icon::CircleHelp,
                key(Key::U),
            ),
            Self::Peek => {
                ("Peek under overlays", "While held: overlays off, or on where they are off", Icon::EyeOff, key(Key::V))
            }
            Self::Flicker => (
                "Flicker",
                "Shows the base and the synthetic image in turn; Esc shows both again",
                Icon::ArrowLeftRight,
                key(Key::X),
            ),
            Self::Difference => {
                ("Difference layer", "The synthetic image minus its source, where their units agree", Icon::Diff, None)
            }
            Self::DeleteMeasurement => {
                ("Delete measurement", "Takes the chosen measurement away", Icon::Trash2, key(Key::Delete))
            }
            Self::SaveMeasurements => (
                "Save measurements…",
                "Writes those of the active series into a file: JSON to be opened again, or a CSV table",
                Icon::Save,
                None,
            ),
            Self::OpenMeasurements => (
                "Open measurements…",
                "Brings saved measurements back onto the image on which they were made",
                Icon::FolderOpen,
                None,
            ),
            Self::ToggleMeasurements => (
                "Measurements",
                "Shows or hides lengths, angles and regions",
                Icon::PencilRuler,
                Some(KeyboardShortcut::new(Modifiers::SHIFT, Key::D)),
            ),
            Self::ToggleCrosshair => (
                "Crosshair lines",
                "Shows or hides the crosshair",
                Icon::Crosshair,
                Some(KeyboardShortcut::new(Modifiers::SHIFT, Key::H)),
            ),
            Self::ToggleReferenceLines => {
                ("Reference lines", "Where the other viewports cut this one", Icon::Ruler, key(Key::R))
            }
            Self::ToggleSync => {
                ("Scroll together", "Viewports with different series move together", Icon::Columns2, key(Key::Y))
            }
            Self::ToggleHidePatient => {
                ("Hide the patient", "Names, numbers and dates are not shown", Icon::UserX, None)
            }
            Self::ToggleLightTheme => ("Light theme", "For lecture rooms; images stay on black", Icon::Sun, None),
            Self::ToggleDragBrightens => {
                ("Drag down brightens", "Else dragging down darkens the image", Icon::Contrast, None)
            }
            Self::ToggleStudies => ("Studies panel", "Shows or hides the left panel", Icon::PanelLeft, key(Key::F6)),
            Self::ToggleLayers => ("Layers panel", "Shows or hides the right panel", Icon::PanelRight, key(Key::F7)),
            Self::ToggleWhy => (
                "Why here?",
                "What is known at the cursor: value, spread, probabilities, origin",
                Icon::MessageCircleQuestionMark,
                key(Key::Q),
            ),
            Self::FullScreen => ("Full screen", "Only images", Icon::Fullscreen, key(Key::F11)),
            Self::Palette => ("All commands…", "Finds commands, series and presets", Icon::Search, ctrl(Key::P)),
            Self::Help => ("Keys and mouse", "What each key and button does", Icon::CircleHelp, key(Key::Questionmark)),
            Self::Settings => ("Settings", "How the window behaves", Icon::Settings, ctrl(Key::Comma)),
            Self::Keys => ("Change keys…", "Gives an action another key", Icon::Keyboard, None),
            Self::Log => ("Messages", "What failed and what was passed over", Icon::ScrollText, ctrl(Key::L)),
            Self::Tags => {
                ("Attributes of the file", "All attributes of this slice, with search", Icon::Tags, ctrl(Key::I))
            }
            Self::NewStudy => (
                "New reader study…",
                "Thinks up a blinded study step by step and makes the package for its readers",
                Icon::ClipboardList,
                None,
            ),
            Self::Metrics => (
                "Metrics…",
                "Measures an image or a label map against a reference: errors, similarity, overlap, distances",
                Icon::ChartSpline,
                ctrl(Key::M),
            ),
            Self::ReadStudy => (
                "Read a study package…",
                "Begins a session of a blinded study, or goes on with one, in a window of its own",
                Icon::BookOpenCheck,
                None,
            ),
            Self::AnalyseStudy => (
                "Analyse a study…",
                "Opens the truth of a study whose sessions are read, and writes its report",
                Icon::FileChartColumn,
                None,
            ),
            Self::PlayQuiz => (
                "Synthetic or real?",
                "A quiz: ten pieces of a head, half of them made by models; every answer is judged at once",
                Icon::GraduationCap,
                None,
            ),
            Self::Record => ("Record of the layer", "Where the newest result came from, as JSON", Icon::FileJson, None),
            Self::CancelJobs => ("Cancel running work", "Stops loading and models", Icon::X, None),
            Self::Quit => ("Quit", "Closes the window", Icon::X, ctrl(Key::Q)),
        }
    }

    /// All of them, in the order of the palette.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::OpenFiles, Self::OpenFolder, Self::TryDemo, Self::AddOverlay];
        // The first is the demo.
        all.extend((1..shipped::ALL.len() as u8).map(Self::StartTour));
        all.extend([Self::OpenTour, Self::TourNext, Self::TourBack, Self::TourStop, Self::TourAgain, Self::LeaveTour]);
        all.extend(Layout::ALL.map(Self::SetLayout));
        all.extend([Self::Maximise, Self::Undo, Self::Redo]);
        all.extend(Tool::ALL.map(Self::SetTool));
        all.extend([Self::Fit, Self::ActualSize, Self::Reset, Self::Leave]);
        all.extend([Self::AutoWindow, Self::HeaderWindow, Self::Invert]);
        all.extend((1..=9).map(Self::Preset));
        all.extend([-10, -1, 1, 10].map(Self::Slices));
        all.extend([Self::FirstSlice, Self::LastSlice, Self::NextSeries, Self::PreviousSeries, Self::NextViewport]);
        all.extend(View::ALL.map(Self::ShowView));
        all.extend([Self::ShowVolume, Self::AcquisitionPlanes, Self::ThinSlice]);
        all.extend([SlabMode::Mean, SlabMode::Mip, SlabMode::MinIp].map(Self::Slab));
        all.extend([Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic].map(Self::Interpolate));
        all.extend(Projection::ALL.map(Self::Project));
        all.extend([
            Self::ToggleText,
            Self::ToggleOverlays,
            Self::ToggleGraphics,
            Self::ToggleShutter,
            Self::ToggleDoubts,
            Self::Peek,
            Self::Flicker,
            Self::Difference,
            Self::DeleteMeasurement,
            Self::SaveMeasurements,
            Self::OpenMeasurements,
            Self::ToggleMeasurements,
            Self::ToggleCrosshair,
            Self::ToggleReferenceLines,
            Self::ToggleSync,
            Self::ToggleHidePatient,
            Self::ToggleLightTheme,
            Self::ToggleDragBrightens,
            Self::ToggleStudies,
            Self::ToggleLayers,
            Self::ToggleWhy,
            Self::FullScreen,
            Self::Palette,
            Self::Help,
            Self::Settings,
            Self::Keys,
            Self::Log,
            Self::Tags,
            Self::Record,
            Self::Metrics,
            Self::NewStudy,
            Self::ReadStudy,
            Self::AnalyseStudy,
            Self::PlayQuiz,
            Self::CancelJobs,
            Self::CloseAll,
            Self::Quit,
        ]);
        all
    }

    /// The heading that its key stands under in the help.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::OpenFiles
            | Self::OpenFolder
            | Self::TryDemo
            | Self::AddOverlay
            | Self::SaveMeasurements
            | Self::OpenMeasurements
            | Self::CloseAll
            | Self::Tags
            | Self::Record
            | Self::Metrics
            | Self::NewStudy
            | Self::ReadStudy
            | Self::AnalyseStudy
            | Self::PlayQuiz
            | Self::Log
            | Self::CancelJobs
            | Self::Quit => "Files",
            Self::SetTool(_) | Self::DeleteMeasurement => "Tools",
            Self::StartTour(_)
            | Self::OpenTour
            | Self::TourNext
            | Self::TourBack
            | Self::TourStop
            | Self::TourAgain
            | Self::LeaveTour => "Tours",
            Self::Preset(_) | Self::AutoWindow | Self::HeaderWindow | Self::Invert => "Window and level",
            Self::Slices(_) | Self::FirstSlice | Self::LastSlice | Self::NextSeries | Self::PreviousSeries => {
                "Slices and series"
            }
            Self::SetLayout(_)
            | Self::Maximise
            | Self::Undo
            | Self::Redo
            | Self::NextViewport
            | Self::Fit
            | Self::ActualSize
            | Self::Reset
            | Self::Leave
            | Self::ShowView(_)
            | Self::ShowVolume
            | Self::AcquisitionPlanes
            | Self::Slab(_)
            | Self::ThinSlice
            | Self::Interpolate(_)
            | Self::Project(_) => "Viewports",
            Self::ToggleText
            | Self::ToggleOverlays
            | Self::ToggleGraphics
            | Self::ToggleShutter
            | Self::ToggleDoubts
            | Self::Peek
            | Self::Flicker
            | Self::Difference
            | Self::ToggleMeasurements
            | Self::ToggleCrosshair
            | Self::ToggleReferenceLines
            | Self::ToggleSync
            | Self::ToggleHidePatient => "Over the images",
            Self::ToggleLightTheme
            | Self::ToggleDragBrightens
            | Self::ToggleStudies
            | Self::ToggleLayers
            | Self::ToggleWhy
            | Self::FullScreen
            | Self::Palette
            | Self::Help
            | Self::Settings
            | Self::Keys => "Program",
        }
    }

    /// Whether it opens something that takes the keyboard.
    #[must_use]
    pub fn opens_dialog(self) -> bool {
        matches!(
            self,
            Self::Palette
                | Self::Help
                | Self::Settings
                | Self::Keys
                | Self::Log
                | Self::Tags
                | Self::Record
                | Self::Metrics
                | Self::NewStudy
                | Self::ReadStudy
                | Self::AnalyseStudy
        )
    }

    /// Whether a key belongs to the viewports: not taken while a control of a panel has the focus, because that
    /// control needs the key itself.
    #[must_use]
    pub fn needs_viewport_focus(shortcut: KeyboardShortcut) -> bool {
        shortcut.modifiers == Modifiers::SHIFT
            || shortcut.modifiers.is_none()
                && matches!(
                    shortcut.logical_key,
                    Key::Space
                        | Key::Enter
                        | Key::Tab
                        | Key::ArrowUp
                        | Key::ArrowDown
                        | Key::ArrowLeft
                        | Key::ArrowRight
                        | Key::Home
                        | Key::End
                        | Key::Backspace
                        | Key::Delete
                )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_two_actions_share_a_key() {
        let mut seen = HashMap::new();
        for action in Action::all() {
            if let Some(s) = action.shortcut() {
                let other = seen.insert(format!("{s:?}"), action);
                assert!(other.is_none(), "{action:?} and {other:?} share {s:?}");
            }
        }
    }

    #[test]
    fn every_action_is_named_without_a_full_stop() {
        for action in Action::all() {
            assert!(!action.text().is_empty() && !action.text().ends_with('.'), "{action:?}");
            assert!(!action.hint().is_empty() && !action.hint().ends_with('.'), "{action:?}");
        }
    }
}
