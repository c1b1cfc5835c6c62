//! Self-contained HTML reports: one file without scripts or network, for the screen and for paper.
//!
//! ```
//! use veritome::report::{Banner, Column, Figure, Page, Section, Table, plots};
//! let histogram = plots::Histogram::new(plots::Axis::new("Error", "HU"), &[1.0, 2.0, 2.5, 3.0]);
//! let mut table = Table::new("Errors", vec![Column::text("Case"), Column::number("Error", "HU")]);
//! table.row(["p01", "2.5"]);
//! let mut section = Section::new("Results");
//! section.table(table);
//! section.figure(Figure::svg(histogram.svg(), "How errors are spread", "Histogram of four errors from 1 to 3 HU"));
//! let mut page = Page::new("Evaluation");
//! page.banner(Banner::Simulated("The numbers in this report were made up".into()));
//! page.section(section);
//! assert!(page.html().contains("<h2 id=\"results\">Results</h2>"));
//! ```
//!
//! - [`page`]: [`Page`], its banners, sections and blocks; `page.css`
//! - [`table`]: [`Table`] with units, alignment and footnotes
//! - [`figure`]: [`Figure`], [`Picture`]; what is synthetic carries its badge
//! - [`text`]: [`Text`] of plain, strong, code and linked spans; [`Href`]; escaping
//! - [`numbers`]: every number of a report is written here
//! - [`plots`]: box plot, Bland-Altman, reliability, ROC, FROC, scatter, forest, histogram, line

pub mod figure;
pub mod numbers;
pub mod page;
pub mod plots;
pub mod table;
pub mod text;

pub use figure::{Figure, Picture, Width};
pub use page::{Banner, Page, Section};
pub use table::{Align, Cell, Column, Table};
pub use text::{Href, Text};
