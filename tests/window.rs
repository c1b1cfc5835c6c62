//! One walk through a real window under Xvfb: open, click, press keys, take pictures, and look whether the pixels changed
//! as they should. Needs `Xvfb`, `xdotool`, ImageMagick's `import` and a Vulkan driver; skipped with a line where one is
//! missing, unless VERITOME_REQUIRE_DISPLAY is set.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

#[path = "window/demo.rs"]
mod demo;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

const SIZE: (u32, u32) = (1280, 800);

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Desktop {
    display: String,
    folder: tempfile::TempDir,
    _server: Killed,
}

impl Desktop {
    /// A virtual display of its own, on a number that the server chooses.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("number");
        let screen = format!("{}x{}x24", SIZE.0, SIZE.1);
        let script =
            format!("exec Xvfb -displayfd 1 -screen 0 {screen} -nolisten tcp > '{}' 2>/dev/null", number.display());
        let server = Killed(Command::new("sh").args(["-c", &script]).spawn().ok()?);
        let display = wait_for(Duration::from_secs(20), || {
            std::fs::read_to_string(&number).ok().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty())
        })?;
        Some(Self { display: format!(":{display}"), folder, _server: server })
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY").env("XDG_RUNTIME_DIR", self.folder.path());
        command
    }

    fn input(&self, steps: &[&str]) {
        let status = self.command("xdotool").args(steps).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "xdotool {steps:?}");
        sleep(Duration::from_millis(120));
    }

    fn picture(&self) -> image::RgbImage {
        let path = self.folder.path().join("screen.png");
        assert!(self.command("import").args(["-window", "root"]).arg(&path).status().unwrap().success());
        image::open(&path).unwrap().to_rgb8()
    }

    /// A picture once two in a row are the same, so that nothing is judged in mid-change.
    fn settled(&self) -> image::RgbImage {
        let mut last = self.picture();
        wait_for(Duration::from_secs(20), || {
            sleep(Duration::from_millis(250));
            let next = self.picture();
            let still = next == last;
            last = next;
            still.then(|| last.clone())
        })
        .unwrap_or(last)
    }

    /// The picture after the window answered: a slow machine shows the old one for a while.
    fn answered(&self, before: &image::RgbImage) -> image::RgbImage {
        let _ = wait_for(Duration::from_secs(20), || (change(before, &self.picture()) > 0.002).then_some(()));
        self.settled()
    }

    /// The picture after a double click. Where a frame takes longer than two clicks may lie apart, once more.
    fn double_click(&self, before: &image::RgbImage) -> image::RgbImage {
        let mut after = before.clone();
        for delay in ["60", "10", "1"] {
            self.input(&["click", "--repeat", "2", "--delay", delay, "1"]);
            after = self.answered(before);
            if change(before, &after) > 0.002 {
                break;
            }
        }
        after
    }
}

/// One window at a time: two of them on a small machine draw too slowly for two clicks to be one double click.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_for<T>(limit: Duration, mut f: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(value) = f() {
            return Some(value);
        }
        sleep(Duration::from_millis(50));
    }
    None
}

/// The share of pixels in the middle of the screen (the viewports) that differ.
fn change(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
    let (w, h) = SIZE;
    let (x0, x1, y0, y1) = (w / 4, w * 3 / 4, h / 8, h * 7 / 8);
    let mut differ = 0;
    for y in y0..y1 {
        for x in x0..x1 {
            let far = a.get_pixel(x, y).0.iter().zip(b.get_pixel(x, y).0).any(|(p, q)| p.abs_diff(q) > 8);
            differ += u32::from(far);
        }
    }
    f64::from(differ) / f64::from((x1 - x0) * (y1 - y0))
}

fn brightness(a: &image::RgbImage) -> f64 {
    let (w, h) = SIZE;
    let mut sum = 0.0;
    for y in h / 8..h * 7 / 8 {
        for x in w / 4..w * 3 / 4 {
            sum += f64::from(a.get_pixel(x, y).0[1]);
        }
    }
    sum / f64::from(w * h * 3 / 8)
}

/// A ball with a bright core off its centre, written as NIfTI by hand so that the test needs no other module.
fn ball(folder: &Path) -> PathBuf {
    let n = 48_usize;
    let mut bytes = vec![0_u8; 352];
    bytes[0..4].copy_from_slice(&348_i32.to_le_bytes());
    for (i, d) in [3_i16, n as i16, n as i16, n as i16, 1, 1, 1, 1].iter().enumerate() {
        bytes[40 + 2 * i..42 + 2 * i].copy_from_slice(&d.to_le_bytes());
    }
    bytes[70..72].copy_from_slice(&4_i16.to_le_bytes());
    bytes[72..74].copy_from_slice(&16_i16.to_le_bytes());
    for i in 0..4 {
        bytes[76 + 4 * i..80 + 4 * i].copy_from_slice(&(if i == 0 { 1.0_f32 } else { 4.0 }).to_le_bytes());
    }
    bytes[108..112].copy_from_slice(&352.0_f32.to_le_bytes());
    bytes[112..116].copy_from_slice(&1.0_f32.to_le_bytes());
    bytes[123] = 2;
    bytes[254..256].copy_from_slice(&1_i16.to_le_bytes());
    for row in 0..3 {
        let at = 280 + 16 * row;
        bytes[at + 4 * row..at + 4 * row + 4].copy_from_slice(&4.0_f32.to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&(-94.0_f32).to_le_bytes());
    }
    bytes[344..348].copy_from_slice(b"n+1\0");
    for z in 0..n {
        for y in 0..n {
            for x in 0..n {
                let d = |c: [f64; 3]| {
                    ((x as f64 - c[0]).powi(2) + (y as f64 - c[1]).powi(2) + (z as f64 - c[2]).powi(2)).sqrt()
                };
                let value: i16 = if d([28.0, 26.0, 24.0]) < 6.0 {
                    900
                } else if d([23.5; 3]) < 20.0 {
                    300 + 5 * z as i16
                } else {
                    0
                };
                bytes.extend(value.to_le_bytes());
            }
        }
    }
    let path = folder.join("ball.nii");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What the walk needs and is not there.
fn missing_tools() -> Vec<&'static str> {
    let there = |tool: &str| {
        let look = format!("command -v {tool}");
        Command::new("sh").args(["-c", &look]).stdout(Stdio::null()).status().unwrap().success()
    };
    ["Xvfb", "xdotool", "import"].into_iter().filter(|t| !there(t)).collect()
}

#[test]
fn a_person_opens_scrolls_inverts_and_maximises_in_a_real_window() {
    let _alone = alone();
    let required = std::env::var_os("VERITOME_REQUIRE_DISPLAY").is_some();
    let missing = missing_tools();
    if !missing.is_empty() {
        assert!(!required, "VERITOME_REQUIRE_DISPLAY is set and {missing:?} cannot be found");
        println!("skipped: {missing:?} cannot be found");
        return;
    }
    let desktop = Desktop::start().expect("Xvfb starts");
    let file = ball(desktop.folder.path());
    let mut program = Killed(
        desktop
            .command(env!("CARGO_BIN_EXE_veritome"))
            .arg("open")
            .arg(&file)
            .env("VERITOME_DATA", desktop.folder.path().join("data"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let shown = wait_for(Duration::from_secs(60), || {
        if let Some(status) = program.0.try_wait().unwrap() {
            let mut text = String::new();
            use std::io::Read;
            program.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            panic!("the program ended by itself ({status}): {text}");
        }
        let picture = desktop.picture();
        (brightness(&picture) > 12.0).then_some(picture)
    });
    assert!(shown.is_some(), "the window shows the image within a minute");
    let window = String::from_utf8(
        desktop.command("xdotool").args(["search", "--onlyvisible", "--name", "."]).output().unwrap().stdout,
    )
    .unwrap();
    let window = window.lines().last().expect("the window is found").to_owned();
    desktop.input(&["windowmove", &window, "0", "0", "windowsize", &window, &SIZE.0.to_string(), &SIZE.1.to_string()]);
    desktop.input(&["windowfocus", &window]);
    desktop.input(&["mousemove", "500", "260"]);
    let before = desktop.settled();

    // The wheel scrolls the slice under the pointer.
    desktop.input(&["click", "--repeat", "12", "5"]);
    let scrolled = desktop.answered(&before);
    assert!(change(&before, &scrolled) > 0.005, "scrolling changes the picture: {}", change(&before, &scrolled));

    // I inverts: dark surroundings become bright.
    desktop.input(&["key", "i"]);
    let inverted = desktop.answered(&scrolled);
    assert!(
        brightness(&inverted) > brightness(&scrolled) + 10.0,
        "inverting brightens: {} to {}",
        brightness(&scrolled),
        brightness(&inverted)
    );
    desktop.input(&["key", "i"]);
    let back = desktop.answered(&inverted);
    assert!(change(&scrolled, &back) < 0.002, "inverting twice changes nothing: {}", change(&scrolled, &back));

    // A double click maximises the viewport, another brings the layout back.
    let maximised = desktop.double_click(&back);
    assert!(change(&back, &maximised) > 0.03, "maximising changes the layout: {}", change(&back, &maximised));
    let restored = desktop.double_click(&maximised);
    assert!(change(&back, &restored) < 0.01, "and back: {}", change(&back, &restored));

    // The palette opens by its key and closes by Esc.
    desktop.input(&["key", "ctrl+p"]);
    let palette = desktop.answered(&restored);
    assert!(change(&restored, &palette) > 0.01, "the palette shows: {}", change(&restored, &palette));
    desktop.input(&["key", "Escape"]);
    assert!(change(&restored, &desktop.answered(&palette)) < 0.01, "the palette is gone");
}
