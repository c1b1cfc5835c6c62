//! The cases that a free-response analysis rests on: those that every reader reads in every arm.
//!
//! The same rule says so of a plan, before anybody reads, and of the logs.

use std::collections::BTreeSet;

use super::free_response::{CASES_FOR_AREA, CASES_FOR_INTERVAL};

/// How many cases every reader reads in one arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmCases {
    /// The arm.
    pub arm: String,
    /// Cases without disease.
    pub normal: usize,
    /// Cases with lesions.
    pub diseased: usize,
}

/// What every reader reads in every arm, and in each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCases {
    /// Cases that every reader reads in every arm.
    pub shared: BTreeSet<String>,
    /// Cases that somebody reads, but not everybody in every arm.
    pub left_out: BTreeSet<String>,
    /// How many of `shared` are normal.
    pub normal: usize,
    /// How many of `shared` are diseased.
    pub diseased: usize,
    /// Each arm by itself.
    pub arms: Vec<ArmCases>,
}

/// Too few cases of one truth are read by every reader in every arm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "free response is compared on the cases that every reader reads in every arm: at least {needed} normal and {needed} diseased \
     are needed, and there are {} normal and {} diseased ({})",
    .cases.normal,
    .cases.diseased,
    in_each_arm(&.cases.arms)
)]
pub struct TooFewCases {
    /// The least of either truth.
    pub needed: usize,
    /// What there is.
    pub cases: SharedCases,
}

fn in_each_arm(arms: &[ArmCases]) -> String {
    let one = |arm: &ArmCases| format!("{} normal and {} diseased in arm `{}`", arm.normal, arm.diseased, arm.arm);
    format!("every reader reads {}", arms.iter().map(one).collect::<Vec<_>>().join(", "))
}

impl SharedCases {
    /// Of what is read: `arms` holds each arm's name with the cases of every reader, the readers of all arms being the
    /// same ones in the same order.
    pub fn of(arms: &[(String, Vec<BTreeSet<&str>>)], is_diseased: impl Fn(&str) -> bool) -> Self {
        let any: BTreeSet<&str> = arms.iter().flat_map(|(_, readers)| readers.iter().flatten().copied()).collect();
        let by_all = |readers: &[BTreeSet<&str>], case: &str| readers.iter().all(|cases| cases.contains(case));
        let counted = |cases: &BTreeSet<&str>| {
            let diseased = cases.iter().filter(|case| is_diseased(case)).count();
            (cases.len() - diseased, diseased)
        };
        let of_arm = |(arm, readers): &(String, Vec<BTreeSet<&str>>)| {
            let (normal, diseased) = counted(&any.iter().copied().filter(|case| by_all(readers, case)).collect());
            ArmCases { arm: arm.clone(), normal, diseased }
        };
        let (shared, left_out): (BTreeSet<&str>, BTreeSet<&str>) =
            any.iter().partition(|case| arms.iter().all(|(_, readers)| by_all(readers, case)));
        let (normal, diseased) = counted(&shared);
        let owned = |cases: BTreeSet<&str>| cases.into_iter().map(str::to_owned).collect();
        Self {
            arms: arms.iter().map(of_arm).collect(),
            shared: owned(shared),
            left_out: owned(left_out),
            normal,
            diseased,
        }
    }

    /// `Ok` when an area can be had.
    ///
    /// # Errors
    /// When there is no case of one truth.
    pub fn suffice_for_area(&self) -> Result<(), TooFewCases> {
        self.suffice(CASES_FOR_AREA)
    }

    /// `Ok` when intervals and comparisons can be had too, which leave out each case in turn.
    ///
    /// # Errors
    /// When there are fewer than 2 cases of one truth.
    pub fn suffice_for_interval(&self) -> Result<(), TooFewCases> {
        self.suffice(CASES_FOR_INTERVAL)
    }

    fn suffice(&self, needed: usize) -> Result<(), TooFewCases> {
        if self.normal.min(self.diseased) >= needed { Ok(()) } else { Err(TooFewCases { needed, cases: self.clone() }) }
    }
}
