//! The statistics of reader studies.
//!
//! ```
//! use veritome::reader_study::analysis::{RatingsTable, ReportOptions, StudyReport};
//! let csv = "reader,modality,case,truth,rating\n\
//!     R1,CT,1,0,2\nR1,CT,2,0,1\nR1,CT,3,1,4\nR1,CT,4,1,2\n\
//!     R2,CT,1,0,1\nR2,CT,2,0,3\nR2,CT,3,1,5\nR2,CT,4,1,3\n\
//!     R1,MR,1,0,1\nR1,MR,2,0,1\nR1,MR,3,1,5\nR1,MR,4,1,4\n\
//!     R2,MR,1,0,2\nR2,MR,2,0,2\nR2,MR,3,1,4\nR2,MR,4,1,2\n";
//! let ratings = RatingsTable::parse("ratings.csv", csv.as_bytes())?.crossed()?;
//! let report = StudyReport::new(&ratings, &ReportOptions::default())?;
//! assert_eq!((report.n.readers, report.n.modalities), (2, 2));
//! assert!((report.auc[0].auc - 0.875).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From ratings to a comparison of modalities:
//! - [`ratings`]: the table `reader,modality,case,truth,rating` as it stands in a file
//! - [`crossed`]: the same once it is known that every reader read every case in every modality
//! - [`roc`]: ROC points, area, its standard errors and intervals; [`average_roc`]: the mean curve of several readers;
//!   [`delong`]: two areas compared
//! - [`figure_of_merit`]: what is compared, area or a rate at a threshold
//! - [`covariance`]: how the figures vary together over cases; [`estimates`]: figures and covariance in one
//! - [`components`]: mean squares, covariance and variance components
//! - [`mrmc`]: Obuchowski-Rockette, three ways; [`single_modality`]: one modality against a fixed value
//! - [`dbm`]: its Dorfman-Berbaum-Metz twin on pseudovalues
//! - [`margin`]: noninferiority and equivalence; [`multiplicity`]: many p values at once
//! - [`power`]: power and sample size
//! - [`free_response`]: any number of marks a case; [`free_response_cases`]: which cases count; [`free_response_study`]: many
//!   readers of it; [`operating_point`]: sensitivity and false positives at one rating
//! - [`report`], [`mrmc_report`]: the JSON of `study analyze`; [`methods_text`]: the same for people
//!
//! Other designs:
//! - [`proportion`]: a share against chance; [`detection`]: d' of yes/no and forced choice
//! - [`agreement`]: kappa; [`krippendorff`]: alpha; [`intraclass`]: ICC; [`limits_of_agreement`]: Bland-Altman
//! - [`paired`]: McNemar and Wilcoxon; [`preference`]: side by side; [`grading`]: visual grading; [`confidence`]: calibration
//!
//! [`distribution`] holds the tails and quantiles that all of them use.

pub mod agreement;
pub mod average_roc;
pub mod components;
pub mod confidence;
pub mod covariance;
pub mod crossed;
pub mod dbm;
pub mod delong;
pub mod detection;
pub mod distribution;
pub mod errors;
pub mod estimates;
pub mod figure_of_merit;
pub mod free_response;
pub mod free_response_cases;
pub mod free_response_study;
pub mod grading;
pub mod intraclass;
pub mod krippendorff;
pub mod limits_of_agreement;
pub mod margin;
pub mod methods_text;
pub mod mrmc;
pub mod mrmc_report;
pub mod multiplicity;
pub mod operating_point;
pub mod paired;
pub mod power;
pub mod preference;
pub mod proportion;
pub mod ratings;
pub mod report;
pub mod roc;
pub mod single_modality;

pub use covariance::CovarianceMethod;
pub use crossed::CrossedRatings;
pub use errors::{AnalysisError, RatingsError, Reading};
pub use estimates::Estimates;
pub use figure_of_merit::FigureOfMerit;
pub use ratings::RatingsTable;
pub use report::{ReportOptions, StudyReport};
