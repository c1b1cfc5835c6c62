//! Words that name an arm, and the form of a text.

/// Beginnings of words that tell.
const TELLTALE_BEGINNINGS: &[&str] = &[
    "synth",
    "fake",
    "generat",
    "artific",
    "simulat",
    "diffus",
    "predict",
    "origin",
    "reconstr",
    "authentic",
    "acquir",
];
/// Whole words that tell.
const TELLTALE_WORDS: &[&str] = &[
    "gan", "gans", "syn", "sct", "smr", "real", "reals", "pred", "preds", "output", "outputs", "orig", "gt", "ai",
    "ddpm", "ddim", "vae", "unet", "sampled", "true", "truth",
];
/// Names that tell wherever they stand, without regard to what is between their letters.
const TELLTALE_NAMES: &[&str] = &["cyclegan", "stylegan", "pix2pix", "groundtruth"];

/// The tell-tale words in a text, lower case, each once; `names` (of models) are found wherever they stand.
#[must_use]
pub fn telltale_words(text: &str, names: &[String]) -> Vec<String> {
    let squashed = squash(text);
    let mut found: Vec<String> =
        TELLTALE_NAMES.iter().filter(|name| squashed.contains(*name)).map(|n| (*n).into()).collect();
    let names = names.iter().map(|name| squash(name)).filter(|name| name.len() >= 2);
    found.extend(names.filter(|name| squashed.contains(name.as_str())));
    let telling = |word: &String| {
        TELLTALE_WORDS.contains(&word.as_str()) || TELLTALE_BEGINNINGS.iter().any(|start| word.starts_with(start))
    };
    found.extend(words(text).into_iter().filter(telling));
    found.sort();
    found.dedup();
    found
}

/// Letters and digits alone, lower case.
fn squash(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Runs of letters, lower case; `T1Pred_synCT` is t, pred, syn, ct.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut before_is_lower = false;
    for c in text.chars() {
        if !c.is_alphabetic() || (before_is_lower && c.is_uppercase()) {
            found.push(std::mem::take(&mut word));
        }
        before_is_lower = c.is_lowercase();
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
    }
    found.push(word);
    found.retain(|word| !word.is_empty());
    found
}

/// What a text looks like: each run of letters becomes `a`, each run of digits `9`, spaces one space; of identifiers of
/// digits and dots the first three numbers stay (the root that names who made them).
#[must_use]
pub fn form(text: &str) -> String {
    let text = text.trim();
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() >= 4 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) {
        return format!("{}.…", parts[..3].join("."));
    }
    let class = |c: char| match c {
        c if c.is_alphabetic() => 'a',
        c if c.is_numeric() => '9',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    let mut form = String::new();
    for c in text.chars().map(class) {
        if !(matches!(c, 'a' | '9' | ' ') && form.ends_with(c)) {
            form.push(c);
        }
    }
    form
}

/// The number that a text is: a plain one, or a date or time such as `2025-11-20` and `14:05:59` read as its digits.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_date = text.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b"-:/. T".contains(&b))
        && text.bytes().any(|b| b"-:/ T".contains(&b));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if is_date { digits.parse().ok() } else { text.parse().ok().filter(|n: &f64| n.is_finite()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_parts_of_other_words_are_not() {
        let none: [String; 0] = [];
        for text in ["organ", "realistic T1", "Morgan", "abdomen", "predator", "reality", "pain"] {
            assert_eq!(telltale_words(text, &none), none, "{text}");
        }
        for (text, words) in [
            ("T1_pred_003.nii.gz", vec!["pred"]),
            ("case7synCT", vec!["syn"]),
            ("ORIGINAL\\PRIMARY", vec!["original"]),
            ("out/fakeB", vec!["fake"]),
            ("Cycle-GAN", vec!["cyclegan", "gan"]),
            ("SyntheticData=YES", vec!["synthetic"]),
        ] {
            assert_eq!(telltale_words(text, &none), words, "{text}");
        }
        assert_eq!(telltale_words("run_My-Net_2", &["mynet".into()]), ["mynet"]);
        assert_eq!(telltale_words("anything", &["".into()]), none);
    }

    #[test]
    fn forms_keep_what_a_name_looks_like() {
        assert_eq!(form("T1_pred_003.nii.gz"), "a9_a_9.a.a");
        assert_eq!(form("1.2.840.10008.5"), "1.2.840.…");
        assert_eq!(form("2.25.1234.1"), "2.25.1234.…");
        assert_eq!(number("2025-11-20"), Some(20_251_120.0));
        assert_eq!(number("20251120"), Some(20_251_120.0));
        assert_eq!((number("-3.5"), number("1.2.840.1"), number("nan"), number("")), (Some(-3.5), None, None, None));
    }
}
