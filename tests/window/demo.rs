//! The demo model in a real window: its mask comes, hides under the key and comes back, and its card says what is known.

use std::time::Duration;

use veritome::inference::runtime;
use veritome::io::{folders, samples};
use veritome::jobs::Control;

use super::{Desktop, Killed, SIZE, alone, brightness, missing_tools, wait_for};

#[test]
fn the_demo_model_runs_and_its_overlay_goes_and_comes_in_a_real_window() {
    let _alone = alone();
    let required = std::env::var_os("VERITOME_REQUIRE_DISPLAY").is_some();
    let missing = missing_tools();
    if !missing.is_empty() {
        assert!(!required, "VERITOME_REQUIRE_DISPLAY is set and {missing:?} cannot be found");
        println!("skipped: {missing:?} cannot be found");
        return;
    }
    runtime::ensure(&Control::new()).unwrap();
    samples::head(&Control::new()).unwrap();
    let desktop = Desktop::start().expect("Xvfb starts");
    // What is fetched is shared; settings are the test's own.
    let (shared, own) = (folders::data().unwrap(), desktop.folder.path().join("data"));
    std::fs::create_dir_all(&own).unwrap();
    for part in ["runtime", "samples"] {
        if shared.join(part).is_dir() {
            std::os::unix::fs::symlink(shared.join(part), own.join(part)).unwrap();
        }
    }
    let _program =
        Killed(desktop.command(env!("CARGO_BIN_EXE_veritome")).arg("open").env("VERITOME_DATA", &own).spawn().unwrap());
    let find = || {
        let found = desktop.command("xdotool").args(["search", "--onlyvisible", "--name", "."]).output().ok()?;
        String::from_utf8_lossy(&found.stdout).lines().last().map(str::to_owned)
    };
    let window = wait_for(Duration::from_secs(60), find).expect("the window is found");
    let (width, height) = (SIZE.0.to_string(), SIZE.1.to_string());
    desktop.input(&["windowmove", &window, "0", "0", "windowsize", &window, &width, &height]);
    desktop.input(&["windowfocus", &window]);
    desktop.settled();

    // The palette starts the demo.
    desktop.input(&["key", "ctrl+p"]);
    desktop.settled();
    desktop.input(&["type", "try the demo"]);
    desktop.settled();
    desktop.input(&["key", "Return"]);
    let shown = wait_for(Duration::from_secs(240), || (brightness(&desktop.picture()) > 12.0).then_some(()));
    assert!(shown.is_some(), "the head is shown");
    // The second step of the tour finds the brain.
    desktop.input(&["key", "Next"]);
    // The mask is brown: red above blue, in the upper left viewport, right of the tour.
    let brown = |picture: &image::RgbImage| {
        let (w, h) = SIZE;
        let inside = |x: u32, y: u32| (3 * w / 10..w / 2).contains(&x) && (h / 12..h / 2).contains(&y);
        let is = |p: &image::Rgb<u8>| i16::from(p.0[0]) > i16::from(p.0[2]) + 30;
        picture.enumerate_pixels().filter(|(x, y, p)| inside(*x, *y) && is(p)).count()
    };
    let masked = wait_for(Duration::from_secs(240), || {
        let picture = desktop.settled();
        (brown(&picture) > 3000).then_some(picture)
    });
    let masked = masked.expect("the mask lies over the brain");
    // Other things change too (messages go, the volume refines itself): what counts is the mask.
    let all = brown(&masked);
    let becomes = |seen: bool| {
        let is = |n: usize| if seen { n > all / 2 } else { n < all / 10 };
        wait_for(Duration::from_secs(30), || is(brown(&desktop.picture())).then_some(())).is_some()
    };
    desktop.input(&["key", "o"]);
    assert!(becomes(false), "O hides the mask");
    desktop.input(&["key", "o"]);
    assert!(becomes(true), "O shows it again");
    desktop.input(&["keydown", "v"]);
    assert!(becomes(false), "V, held down, peeks under it");
    desktop.input(&["keyup", "v"]);
    assert!(becomes(true), "and lets go");
    // The demo runs mirrored too: U hides the map of how sure the model is, and nothing else, and brings it back.
    let colours = |picture: &image::RgbImage| {
        // Viridis: green or blue well above red, where the head is grey and the mask brown.
        let (w, h) = SIZE;
        let inside = |x: u32, y: u32| (3 * w / 10..w / 2).contains(&x) && (h / 12..h / 2).contains(&y);
        let is = |p: &image::Rgb<u8>| i16::from(p.0[1]).max(i16::from(p.0[2])) > i16::from(p.0[0]) + 25;
        picture.enumerate_pixels().filter(|(x, y, p)| inside(*x, *y) && is(p)).count()
    };
    let unsure = colours(&desktop.settled());
    assert!(unsure > 150, "the border of the brain is uncertain: {unsure} pixels");
    let unsure_becomes = |seen: bool| {
        let is = |n: usize| if seen { n > unsure / 2 } else { n < unsure / 4 };
        wait_for(Duration::from_secs(30), || is(colours(&desktop.picture())).then_some(())).is_some()
    };
    desktop.input(&["key", "u"]);
    assert!(unsure_becomes(false), "U hides the uncertainty");
    assert!(becomes(true), "and leaves the mask");
    desktop.input(&["key", "u"]);
    assert!(unsure_becomes(true), "U brings it back");
    desktop.input(&["key", "q"]);
    let why = desktop.settled();
    if let Some(folder) = std::env::var_os("VERITOME_PICTURES") {
        why.save(std::path::Path::new(&folder).join("window_demo.png")).unwrap();
    }
}
