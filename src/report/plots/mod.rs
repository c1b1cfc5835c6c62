//! Plots as SVG by plotters: colours that the colour-blind and a grey printer tell apart, marks that differ too.
//!
//! Every plot is a struct of what it shows with a method `svg`, which gives a complete SVG document whose ink is the colour of the
//! text around it. The kit draws numbers and computes none but quartiles and places: limits, areas and intervals come from
//! whoever knows how they were found.
//!
//! - [`axis`]: [`Axis`], [`Point`]; `scale`, `frame`, `legend`: what plots share
//! - `canvas`: the SVG; [`palette`]: colours, marks and dashes of series; `text_width`: how long words are
//! - [`box_plot`], [`bland_altman`], [`scatter`], [`histogram`], [`line`](mod@line), [`forest`], [`reliability`], [`mod@roc`] (ROC, precision-recall and FROC)
//! - [`quartiles`]: the five numbers of a box

pub mod axis;
pub mod bland_altman;
pub mod box_plot;
mod canvas;
pub mod forest;
mod frame;
pub mod histogram;
mod legend;
pub mod line;
pub mod palette;
pub mod quartiles;
pub mod reliability;
pub mod roc;
mod scale;
pub mod scatter;
mod text_width;

pub use axis::{Axis, Point};
pub use bland_altman::BlandAltman;
pub use box_plot::{BoxPlot, BoxRow};
pub use forest::{Forest, ForestRow};
pub use histogram::Histogram;
pub use line::{Line, LineSeries};
pub use palette::Look;
pub use quartiles::Quartiles;
pub use reliability::{Reliability, ReliabilityBin, ReliabilityCurve};
pub use roc::{Curve, froc, precision_recall, roc};
pub use scatter::{Scatter, ScatterSeries};
