//! The shipped quiz "Synthetic or real?": pieces of the demo's head, half of them made by the installed models.
//!
//! It is made where it is first played, and again when the head or a model has changed; the same seed and models give the
//! same cases.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::detail::{Difference, map};
use super::pairs::{LeftOut, Pair, floats, makes_images, pair, values};
use super::places::{Place, cut, places};
use crate::display::grey::auto_window;
use crate::error::Cancelled;
use crate::inference::manifest::{Model, models};
use crate::inference::runtime::{self, InstallError};
use crate::io::samples::{self, SampleError};
use crate::io::{self, IoError, write};
use crate::jobs::Control;
use crate::reader_study::design::draws::{Draws, Purpose};
use crate::reader_study::package::checksums::{sha256, sha256_of_file};
use crate::reader_study::package::{OwnerKey, PackageError, create, verify};
use crate::volume::{Provenance, Volume};

/// Who plays, as the log names it.
pub const PLAYER: &str = "player";
/// The seed of the quiz that everybody gets.
pub const SHIPPED_SEED: u64 = 1;
/// Cases of a round, half of each kind.
const CASES: usize = 10;
/// Changes with how cases are made, so that an old quiz is not taken for a new one.
const VERSION: u32 = 2;
/// What is known of the cases; beside the files of the package, and no part of it.
const INDEX: &str = "quiz.json";

/// A quiz that is ready to be played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quiz {
    /// The package.
    #[serde(skip)]
    pub package: PathBuf,
    /// What head, models and seed it was made of.
    pub made_of: String,
    /// The head.
    pub head: String,
    /// Its cases.
    pub cases: Vec<QuizCase>,
    /// Models that take no part.
    pub left_out: Vec<LeftOut>,
}

/// One case of the shipped quiz, with its truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuizCase {
    /// Its id.
    pub id: String,
    /// Whether the image that is shown is synthetic.
    pub synthetic: bool,
    /// The model that made the image, or the partner that it is held against.
    pub model: String,
    /// The middle of the piece: patient coordinates, LPS, mm.
    pub center_mm: [f64; 3],
    /// Its extent, mm.
    pub size_mm: [f64; 3],
    /// How the two images of the place differ; none where the acquired one is flat.
    pub difference: Option<Difference>,
}

/// Why there is no quiz.
#[derive(Debug, thiserror::Error)]
pub enum QuizError {
    /// The head could not be had.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A computed phantom is no acquired image.
    #[error(
        "the quiz needs an acquired head, and there is only the computed phantom ({reason}). Fetch the head with a network and pip (`veritome demo`), then try again"
    )]
    Phantom {
        /// Why the head is not there.
        reason: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The package could not be made.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// ONNX Runtime is not there and could not be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// No model can take part.
    #[error(
        "no installed model can take part in the quiz{}; `veritome models` lists those that are there",
        listed(left_out)
    )]
    NoModel {
        /// Why not.
        left_out: Vec<LeftOut>,
    },
    /// The head is no head.
    #[error("{}: {what}", path.display())]
    Head {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

fn listed(left_out: &[LeftOut]) -> String {
    let one = |l: &LeftOut| format!("{}: {}", l.model, l.why);
    if left_out.is_empty() {
        String::new()
    } else {
        format!(" ({})", left_out.iter().map(one).collect::<Vec<_>>().join("; "))
    }
}

/// The quiz in the data folder, made if it is not there or is of another head, other models or another seed.
///
/// # Errors
/// When there is no acquired head, no model that can take part, or no place for it.
pub fn ensure(seed: u64, control: &Control) -> Result<Quiz, QuizError> {
    let sample = samples::head(control)?;
    if sample.fallback {
        return Err(QuizError::Phantom { reason: sample.reason });
    }
    let installed: Vec<Model> = models().into_iter().filter_map(|found| found.model.ok()).collect();
    let suitable: Vec<Model> = installed.into_iter().filter(makes_images).collect();
    let data = io::folders::data().ok_or_else(|| QuizError::Head {
        path: sample.path.clone(),
        what: format!("there is no folder to keep a quiz in; set {}", io::folders::DATA_VARIABLE),
    })?;
    let made_of = made_of(&sample.path, &suitable, seed)?;
    let folder = data.join("quiz").join(format!("round-{seed}"));
    if let Some(quiz) = kept(&folder).filter(|quiz| quiz.made_of == made_of) {
        return Ok(quiz);
    }
    runtime::ensure(control)?;
    // What was made of other models goes, with the rounds that were played of it.
    match std::fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(IoError::system(&folder, e).into()),
        _ => {}
    }
    build(&sample.path, &sample.name, &suitable, seed, &folder, control)
}

/// A quiz that was made before and is as it was made.
fn kept(folder: &Path) -> Option<Quiz> {
    let text = std::fs::read_to_string(folder.join(INDEX)).ok()?;
    let quiz: Quiz = serde_json::from_str(&text).ok()?;
    verify(folder).is_ok_and(|wrong| wrong.is_empty()).then(|| Quiz { package: folder.to_owned(), ..quiz })
}

/// What a quiz depends on, as one hash.
fn made_of(head: &Path, models: &[Model], seed: u64) -> Result<String, QuizError> {
    let mut text = format!("veritome-quiz/{VERSION}\n{seed}\n{}\n", sha256_of_file(head)?);
    for model in models {
        // Writing into a string cannot fail.
        let _ = write!(text, "{}", model.title());
        for file in model.manifest.files.0.values() {
            let _ = write!(text, " {}", file.sha256);
        }
        text.push('\n');
    }
    Ok(sha256(text.as_bytes()))
}

/// Makes the quiz of a head at `folder`, which holds nothing yet.
///
/// # Errors
/// When the head is no single grey image, no model can take part, or the disk takes no more.
pub fn build(
    head: &Path,
    name: &str,
    models: &[Model],
    seed: u64,
    folder: &Path,
    control: &Control,
) -> Result<Quiz, QuizError> {
    let made_of = made_of(head, models, seed)?;
    control.stage("Opening the head", 0);
    let (volume, _) = crate::reader_study::package::images::load(head, control)?;
    if volume.voxels.is_colour() || volume.provenance.is_synthetic() {
        let what = "the quiz needs an acquired grey image".to_owned();
        return Err(QuizError::Head { path: head.to_owned(), what });
    }
    let modality = if volume.modality.is_empty() { "MR".to_owned() } else { volume.modality.clone() };
    let volume = Volume { modality, ..floats(&volume) };
    let (mut pairs, mut left_out) = (Vec::new(), Vec::new());
    for model in models {
        match pair(model, &volume, seed, control)? {
            Ok(pair) => pairs.push(pair),
            Err(left) => left_out.push(left),
        }
    }
    if pairs.is_empty() {
        return Err(QuizError::NoModel { left_out });
    }
    let pieces = pieces(&pairs, seed, head)?;
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| IoError::system(parent, e))?;
    let making = tempfile::Builder::new().prefix(".veritome-quiz-").tempdir_in(parent);
    let making = making.map_err(|e| IoError::system(parent, e))?;
    let (plan, cases) = write_plan(making.path(), &pairs, &pieces, &volume, seed)?;
    // The truth of a quiz is in its lists: nobody needs to unseal it.
    create(&plan, folder, &OwnerKey::generate().recipient(), control)?;
    let quiz = Quiz { package: folder.to_owned(), made_of, head: name.to_owned(), cases, left_out };
    let index = folder.join(INDEX);
    let text = serde_json::to_string_pretty(&quiz).map_err(std::io::Error::other);
    text.and_then(|text| std::fs::write(&index, text)).map_err(|e| IoError::system(&index, e))?;
    Ok(quiz)
}

/// A case before it is cut.
struct Piece {
    /// Whose pair it is of.
    pair: usize,
    place: Place,
    synthetic: bool,
}

/// Half of the cases synthetic, half acquired, the models in turn in both halves: which grid an image has tells nothing.
fn pieces(pairs: &[Pair], seed: u64, head: &Path) -> Result<Vec<Piece>, QuizError> {
    let mut draws = Draws::of_list(seed, "places", 0, Purpose::Quiz);
    let mut free: Vec<Vec<Place>> = pairs.iter().map(|p| places(values(&p.real), p.real.size(), &mut draws)).collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for n in 0..CASES / 2 {
        for synthetic in [true, false] {
            // The same head is in all pairs: what one shows of it no other does. A model whose places are used up gives way.
            let mut found = None;
            for at in (0..pairs.len()).map(|step| (n + step) % pairs.len()) {
                let taken = |place: &Place| pieces.iter().any(|p| overlap(pairs, (at, place), (p.pair, &p.place)));
                let Some(places) = free.get_mut(at) else { continue };
                if let Some(i) = places.iter().position(|place| !taken(place)) {
                    found = Some((at, places.remove(i)));
                    break;
                }
            }
            let Some((at, place)) = found else { continue };
            pieces.push(Piece { pair: at, place, synthetic });
        }
    }
    let of = |synthetic: bool| pieces.iter().filter(|p| p.synthetic == synthetic).count();
    let each = of(true).min(of(false));
    if each == 0 {
        let what = "too little of it is head to cut pieces of both kinds".to_owned();
        return Err(QuizError::Head { path: head.to_owned(), what });
    }
    let mut kept = [0; 2];
    pieces.retain(|piece| {
        let count = &mut kept[usize::from(piece.synthetic)];
        *count += 1;
        *count <= each
    });
    Ok(pieces)
}

/// Whether two blocks share a part of the patient.
fn overlap(pairs: &[Pair], a: (usize, &Place), b: (usize, &Place)) -> bool {
    let ends = |(pair, place): (usize, &Place)| {
        let geometry = &pairs.get(pair)?.real.geometry;
        let corner = |of: fn(usize, usize) -> usize| {
            let v: [f64; 3] = std::array::from_fn(|x| of(place.first[x], place.size[x]) as f64 - 0.5);
            geometry.to_patient(crate::volume::VoxelPoint(v.into())).0
        };
        let (first, last) = (corner(|first, _| first), corner(|first, size| first + size));
        Some((first.min(last), first.max(last)))
    };
    match (ends(a), ends(b)) {
        // Neighbours touch.
        (Some((l, h)), Some((l2, h2))) => (0..3).all(|x| l[x] + 0.01 < h2[x] && l2[x] + 0.01 < h[x]),
        _ => true,
    }
}

/// Cuts the pieces into `folder` and writes the plan beside them.
fn write_plan(
    folder: &Path,
    pairs: &[Pair],
    pieces: &[Piece],
    head: &Volume,
    seed: u64,
) -> Result<(PathBuf, Vec<QuizCase>), QuizError> {
    let window = auto_window(head);
    let mut plan = format!(
        "title = \"Synthetic or real?\"\ndesign = \"yes_no\"\nseed = {seed}\n\
         instructions = \"\"\"\nEach image is a piece of one head. Half of them are as the scanner gave them, half were made by a \
         model.\n\nTake your time: nothing is measured, and nothing leaves this computer. After each answer you see the truth, \
         what made the image, and what to look for. The hint shows where the made image of the place differs from the acquired \
         one, without saying which of the two this is; asked for before you answer, it costs half a point.\n\"\"\"\n\
         [reading]\ntools = [\"window\", \"zoom\", \"pan\", \"scroll\", \"invert\"]\nwindow = [{}, {}]\n\
         [[reader]]\nid = \"{PLAYER}\"\n\
         [[question]]\nid = \"kind\"\ntext = \"Is this image real or synthetic?\"\nkind = \"choice\"\n\
         options = [\"real\", \"synthetic\"]\n",
        window.center, window.width
    );
    plan += "[[modality]]\nname = \"acquired\"\nsynthetic = false\n";
    let shown = |at: usize| pieces.iter().any(|piece| piece.pair == at && piece.synthetic);
    for (_, pair) in pairs.iter().enumerate().filter(|(at, _)| shown(*at)) {
        let _ = write!(plan, "[[modality]]\nname = {:?}\nsynthetic = true\nmodel = {:?}\n", pair.model, pair.title);
    }
    let mut cases = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        let Some(pair) = pairs.get(piece.pair) else { continue };
        let id = format!("c{:02}", n + 1);
        let both = cut(&pair.real, piece.place, &id).zip(cut(&pair.made, piece.place, &id));
        let Some((real, made)) = both else { continue };
        let difference = Difference::of(values(&real), values(&made), real.size());
        let image = format!("{id}.nii.gz");
        let (file, arm) = if piece.synthetic { (&made, pair.model.as_str()) } else { (&real, "acquired") };
        let provenance =
            if piece.synthetic { made.provenance.clone() } else { Provenance::acquired(vec![head.name.clone()]) };
        write::write(&[Volume { provenance, ..file.clone() }], &folder.join(&image))?;
        let _ = write!(plan, "[[case]]\nid = \"{id}\"\ntraining = true\nimages = {{ {arm:?} = \"{image}\" }}\n");
        if let Some(map) = map(values(&real), values(&made), &real.geometry) {
            let hint = format!("{id}-hint.nii.gz");
            write::write(&[map], &folder.join(&hint))?;
            let _ = writeln!(plan, "hint = \"{hint}\"");
        }
        if let Some(difference) = difference {
            let _ = writeln!(plan, "tell = {:?}", difference.words(piece.synthetic));
        }
        let geometry = &real.geometry;
        cases.push(QuizCase {
            id,
            synthetic: piece.synthetic,
            model: pair.title.clone(),
            center_mm: geometry.center().0.to_array(),
            size_mm: std::array::from_fn(|a| geometry.spacing_mm()[a] * geometry.size()[a] as f64),
            difference,
        });
    }
    let path = folder.join("plan.toml");
    std::fs::write(&path, plan).map_err(|e| IoError::system(&path, e))?;
    Ok((path, cases))
}
