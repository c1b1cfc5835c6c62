//! What a report calls the fields of an outcome.

/// Fields as they stand in the JSON, and what a person reads instead.
const FIELDS: &[(&str, &str)] = &[
    ("F", "F"),
    ("afroc", "AFROC area"),
    ("area", "area"),
    ("areas", "area of each reader on all own cases (standard error after DeLong 1988)"),
    ("arms_at_rating", "sensitivity and false positives of the arms at the stated rating or higher"),
    ("at_rating", "at the stated rating"),
    ("auc", "area under the ROC curve"),
    ("beats", "beats"),
    ("by_confidence", "right choices by stated confidence"),
    ("cases_diseased", "diseased cases"),
    ("cases_normal", "normal cases"),
    ("chi2", "χ²"),
    ("ci", "interval"),
    ("clopper_pearson", "interval (Clopper-Pearson)"),
    ("comparison", "arms compared"),
    ("comparisons", "arms compared"),
    ("components", "mean squares and covariances"),
    ("cov1", "Cov1 (same reader, other modality)"),
    ("cov2", "Cov2 (same modality, other reader)"),
    ("cov3", "Cov3 (other modality and reader)"),
    ("covariance_components", "covariance components"),
    ("criterion_c", "criterion c"),
    ("dbm", "Dorfman-Berbaum-Metz: pseudovalues of the jackknife"),
    ("ddf", "denominator degrees of freedom"),
    ("delong", "each reader's arms compared (DeLong; standard error of the difference)"),
    ("df", "degrees of freedom"),
    ("df1", "numerator degrees of freedom"),
    ("differences", "differences of arms (standard error of the difference)"),
    ("dprime", "d′"),
    ("dprime_interval", "interval of d′"),
    ("dprime_loglinear", "d′ of the corrected share"),
    ("dprime_uncorrected", "d′ of the raw rates"),
    ("f", "F"),
    ("factors", "generalised to"),
    ("first_input_s", "median time to the first input, s"),
    ("fixed_cases", "random readers, fixed cases"),
    ("fixed_readers", "fixed readers, random cases"),
    ("froc", "FROC curve"),
    ("inferred_roc", "area of the inferred ROC curve"),
    ("interval_logit", "interval on the logit scale"),
    ("k", "number"),
    ("last_hash", "hash of the last line"),
    ("llf", "share of lesions marked"),
    ("ln_beta", "ln β"),
    ("lower_bound", "lower bound of the difference"),
    ("mean_squares", "mean squares"),
    ("means", "all readers (standard error of the mean over readers)"),
    ("modalities", "arms"),
    ("modality", "arm"),
    ("modality_means", "means of the arms (standard error of the mean over readers)"),
    ("mrmc", "readers and cases together (Obuchowski-Rockette)"),
    ("ms_c", "mean square of cases"),
    ("ms_r", "mean square of readers"),
    ("ms_rc", "mean square of readers by cases"),
    ("ms_t", "mean square of modalities"),
    ("ms_tc", "mean square of modalities by cases"),
    ("ms_tr", "mean square of modalities by readers"),
    ("ms_trc", "mean square of modalities by readers by cases"),
    ("n", "of"),
    ("n_nonzero", "pairs that differ"),
    ("nested", "cases nested in the arms"),
    ("nlf", "marks on no lesion, per case"),
    ("noninferior", "noninferior"),
    ("noninferiority", "noninferiority (new minus reference)"),
    ("of", "of what"),
    ("overall", "any arm differs"),
    ("p_above_lower", "p of no more than 0.5 less the margin"),
    ("p_below_upper", "p of no less than 0.5 and the margin"),
    ("p_exact", "exact p"),
    ("p_greater", "p of as many or more"),
    ("p_holm", "p after Holm"),
    ("p_less", "p of as many or fewer"),
    ("p_normal", "p (normal)"),
    ("p_normal_continuity", "p (normal, corrected for continuity)"),
    ("p_side_bias", "p of no side bias"),
    ("p_sign_test", "p of the sign test"),
    ("p_two_sided", "two-sided p"),
    ("pairs", "pairs"),
    ("per_session", "from one session to the next"),
    ("per_ten_trials", "over ten trials"),
    ("prefer_a", "first arm preferred"),
    ("prefer_b", "second arm preferred"),
    ("proportion_a", "share of the first arm"),
    ("quartiles_s", "quartiles, s"),
    ("random_readers_random_cases", "random readers, random cases"),
    ("rating", "stated rating (middle of the scale)"),
    ("rates", "sensitivity and specificity at the middle of the scale"),
    ("reader_differences", "each reader's differences (standard error over cases)"),
    ("readers_against", "areas of the readers against 0.5"),
    ("report", "all readers"),
    ("resamples", "draws that could be used"),
    ("se", "standard error"),
    ("se_dprime", "standard error of d′"),
    ("se_dprime_loglinear", "standard error of d′"),
    ("second_minus_first", "second showing of a case minus the first"),
    ("sides", "left images chosen"),
    ("single", "single arms"),
    ("statistic", "test statistic"),
    ("t", "t"),
    ("var_c", "variance of cases"),
    ("var_error", "error variance"),
    ("var_r", "variance of readers"),
    ("var_rc", "variance of readers by cases"),
    ("var_tc", "variance of modalities by cases"),
    ("var_tr", "variance of modalities by readers"),
    ("variance_components", "variance components"),
    ("vgc", "area under the VGC curve"),
    ("w_minus", "sum of negative ranks"),
    ("w_plus", "sum of positive ranks"),
    ("wafroc", "weighted AFROC area"),
    ("wilson", "interval (Wilson)"),
    ("z", "z"),
];

/// Values that are names of ours.
const VALUES: &[(&str, &str)] = &[
    ("random_readers_random_cases", "random readers, random cases"),
    ("fixed_readers", "fixed readers, random cases"),
    ("fixed_cases", "random readers, fixed cases"),
    ("time_limit", "time limit"),
    ("not_begun", "not begun"),
    ("log_seconds", "logarithm of the reading time"),
    ("correct", "right answers"),
    ("yes_no", "yes or no"),
    ("forced_choice", "forced choice"),
    ("free_response", "free response"),
    ("roc", "ROC"),
];

/// One field in words.
pub(super) fn field(name: &str) -> String {
    let known = FIELDS.iter().find(|(key, _)| *key == name).map(|(_, words)| (*words).to_owned());
    known.unwrap_or_else(|| name.replace('_', " ").replace("dprime", "d′").replace("auc", "AUC"))
}

/// A path of fields, `hits share`, as the head of a column.
pub(super) fn title(path: &str) -> String {
    let text = path.split(' ').map(field).collect::<Vec<_>>().join(", ");
    let mut letters = text.chars();
    // A letter that is a symbol keeps its case.
    if text.chars().nth(1).is_none_or(|second| !second.is_alphabetic()) {
        return text;
    }
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// A value that is a name of ours in words; any other as it is.
pub(super) fn value(text: &str) -> String {
    VALUES.iter().find(|(key, _)| *key == text).map_or_else(|| text.to_owned(), |(_, words)| (*words).to_owned())
}

/// Whether two numbers of that name are the ends of an interval.
pub(super) fn is_interval(name: &str) -> bool {
    name.ends_with("interval") || matches!(name, "ci" | "clopper_pearson" | "wilson" | "interval_logit")
}

/// Whether the field says which row it is, rather than what came of it.
pub(super) fn is_identity(path: &str) -> bool {
    const IDENTITY: [&str; 16] = [
        "reader",
        "modality",
        "modalities",
        "figure",
        "question",
        "factors",
        "of",
        "name",
        "new",
        "reference",
        "session",
        "role",
        "log",
        "id",
        "number",
        "option",
    ];
    IDENTITY.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_words_and_symbols_keep_their_case() {
        assert_eq!(title("hits share"), "Hits, share");
        assert_eq!(title("ddf"), "Denominator degrees of freedom");
        assert_eq!((title("p"), title("d'"), title("z")), ("p".to_owned(), "d'".to_owned(), "z".to_owned()));
        assert!(is_interval("dprime_interval") && !is_interval("medians"));
    }
}
