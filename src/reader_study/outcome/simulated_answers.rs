//! How a simulated reader answers: equal-variance signal detection with a criterion.

use crate::reader_study::design::{AnswerKind, AnswerValue, AsksFor, Case, Design, Plan, Question, RatedMark};
use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal, Uniform};

use crate::reader_study::analysis::distribution::normal_upper;

/// Who reads, and how well.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedReader {
    /// The reader's id in the plan.
    pub id: String,
    /// By arm, in standard deviations of the reader's evidence: d' of telling it from real images (yes/no, forced choice),
    /// d' of disease in it (roc, aided, free response), its quality (grading, approval), its attraction (preference). An
    /// arm that is not named has 0.
    pub skill: BTreeMap<String, f64>,
    /// Criterion c: above 0 the reader says "synthetic" or "diseased" less often than an unbiased one.
    pub criterion: f64,
    /// Pull to the left image of a pair, in standard deviations.
    pub side_bias: f64,
    /// Share of the evidence's variance that belongs to the image and is the same for all readers, 0 to below 1.
    pub shared_variance: f64,
    /// Median reading time, s.
    pub median_seconds: f64,
    /// Marks on places without a lesion that come to mind in a case, on average (free response).
    pub non_lesion_places: f64,
}

impl SimulatedReader {
    /// A reader with one skill in every arm of `plan` (for yes/no and forced choice: in the synthetic ones).
    #[must_use]
    pub fn new(id: &str, skill: f64, plan: &Plan) -> Self {
        Self {
            id: id.to_owned(),
            skill: plan.modalities.iter().map(|m| (m.name.clone(), skill)).collect(),
            criterion: 0.0,
            side_bias: 0.0,
            shared_variance: 0.3,
            median_seconds: 12.0,
            non_lesion_places: 0.8,
        }
    }

    fn skill(&self, arm: &str) -> f64 {
        self.skill.get(arm).copied().unwrap_or_default()
    }
}

/// What a simulated reader sees: the truth that a human would have to find.
pub(super) struct Seen<'a> {
    pub design: Design,
    pub plan: &'a Plan,
    pub reader: &'a SimulatedReader,
    pub modalities: &'a [String],
    /// Of each image.
    pub cases: Vec<&'a Case>,
    /// What all readers see alike in each image, standard normal.
    pub of_image: Vec<f64>,
}

impl Seen<'_> {
    /// Evidence with mean `mean` and variance 1, partly the image's and partly this reading's.
    fn evidence(&self, image: usize, mean: f64, rng: &mut ChaCha8Rng) -> f64 {
        let shared = self.reader.shared_variance.clamp(0.0, 0.999);
        let own: f64 = StandardNormal.sample(rng);
        let of_image = self.of_image.get(image).copied().unwrap_or_default();
        mean + shared.sqrt() * of_image + (1.0 - shared).sqrt() * own
    }

    /// Whether there is what is looked for in an image, and how strong it is for this reader.
    fn signal(&self, image: usize) -> (bool, f64) {
        let arm = self.modalities.get(image).map_or("", String::as_str);
        let present = match self.design {
            Design::YesNo | Design::ForcedChoice => self.plan.modality(arm).is_some_and(|m| m.synthetic),
            _ => self.cases.first().and_then(|case| case.truth) == Some(true),
        };
        (present, self.reader.skill(arm))
    }

    /// Answers one question as the truth and the reader's skill have it.
    pub fn answer(&self, question: &Question, primary: bool, rng: &mut ChaCha8Rng) -> AnswerValue {
        match &question.answer {
            AnswerKind::Scale { from, to, .. } => AnswerValue::Number(self.grade(*from, *to, primary, rng)),
            AnswerKind::Choice { options, several } => {
                let text = self.choose(question, options, primary, rng);
                if *several { AnswerValue::Choices(vec![text]) } else { AnswerValue::Text(text) }
            }
            AnswerKind::Marks { from, to, .. } => AnswerValue::Marks(self.marks(*from, *to, rng)),
            AnswerKind::Text => AnswerValue::Text("simulated".into()),
        }
    }

    /// Midway between the truths; of several synthetic arms a reader cannot know which one it is.
    fn middle(&self) -> f64 {
        if self.design != Design::YesNo {
            return self.signal(0).1 / 2.0;
        }
        let arms = self.plan.synthetic_arms();
        arms.iter().map(|arm| self.reader.skill(arm)).sum::<f64>() / arms.len().max(1) as f64 / 2.0
    }

    /// A step of a scale: evidence is cut into steps of equal chance for a reader midway between the two truths, so that
    /// the middle of the scale is the criterion.
    fn grade(&self, from: i64, to: i64, primary: bool, rng: &mut ChaCha8Rng) -> f64 {
        let (present, skill) = self.signal(0);
        let judges_truth = matches!(self.design, Design::YesNo | Design::Roc | Design::Aided) && primary;
        let mean = if present || !judges_truth { skill } else { 0.0 };
        let middle = if judges_truth { self.middle() + self.reader.criterion } else { 0.0 };
        let evidence = self.evidence(0, mean, rng) - middle;
        step(evidence, from, to)
    }

    fn choose(&self, question: &Question, options: &[String], primary: bool, rng: &mut ChaCha8Rng) -> String {
        let at = if self.modalities.len() == 2 && primary {
            self.side(question, options.len(), rng)
        } else if self.design == Design::Approval && primary {
            let at = (options.len() - 1).saturating_sub(step(
                self.evidence(0, self.signal(0).1, rng),
                0,
                options.len() as i64 - 1,
            ) as usize);
            return question.ordered_options().get(at).cloned().unwrap_or_default();
        } else {
            step(self.evidence(0, self.signal(0).1, rng), 0, options.len() as i64 - 1) as usize
        };
        options.get(at).cloned().unwrap_or_default()
    }

    /// 0 for left, 1 for right, 2 for no preference where that is offered.
    fn side(&self, question: &Question, options: usize, rng: &mut ChaCha8Rng) -> usize {
        let strength = |image: usize| {
            let (present, skill) = self.signal(image);
            if self.design == Design::Preference || present { skill } else { 0.0 }
        };
        let difference = self.evidence(0, strength(0), rng) - self.evidence(1, strength(1), rng);
        if options > 2 && difference.abs() < 0.2 {
            return 2;
        }
        // What looks less synthetic is called real; what attracts more is preferred.
        let asks_for_real = self.design == Design::ForcedChoice && question.wanted() == AsksFor::Real;
        let to_left = if asks_for_real { -difference } else { difference };
        usize::from(to_left + self.reader.side_bias < 0.0)
    }

    /// Marks on lesions whose evidence exceeds the criterion, and on other places.
    fn marks(&self, from: i64, to: i64, rng: &mut ChaCha8Rng) -> Vec<RatedMark> {
        let mut marks = Vec::new();
        let Some(case) = self.cases.first() else { return marks };
        let skill = self.signal(0).1;
        let mut mark = |evidence: f64, position_mm: [f64; 3]| {
            if evidence > self.reader.criterion {
                marks.push(RatedMark { position_mm, rating: step(evidence - skill / 2.0, from, to) });
            }
        };
        for lesion in &case.lesions {
            mark(self.evidence(0, skill, rng), lesion.center_mm);
        }
        let places = Poisson::new(self.reader.non_lesion_places.max(1e-9)).map_or(0.0, |places| places.sample(rng));
        for place in 0..places as u32 {
            // Beyond every lesion's radius, and beside each other.
            let far = case.lesions.iter().map(|l| l.center_mm[0] + l.radius_mm).fold(0.0, f64::max);
            let evidence: f64 = StandardNormal.sample(rng);
            mark(evidence, [far + 10.0 + f64::from(place), 0.0, 0.0]);
        }
        marks
    }

    /// Seconds of reading: log-normal around the reader's median, a tenth shorter by the end of a list.
    pub fn seconds(&self, position_share: f64, rng: &mut ChaCha8Rng) -> f64 {
        let deviate: f64 = StandardNormal.sample(rng);
        self.reader.median_seconds.max(0.1) * (0.4 * deviate - 0.1 * position_share).exp()
    }

    /// A share of slices that was looked at.
    pub fn slices_share(rng: &mut ChaCha8Rng) -> f64 {
        Uniform::new(0.8, 1.0).map_or(1.0, |share| share.sample(rng))
    }
}

/// The step of `from..=to` that standard normal evidence falls into; all steps are equally likely at mean 0.
fn step(evidence: f64, from: i64, to: i64) -> f64 {
    let steps = (to - from + 1) as f64;
    let below = 1.0 - normal_upper(evidence);
    from as f64 + (below * steps).floor().clamp(0.0, steps - 1.0)
}
