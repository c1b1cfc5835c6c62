//! The kit for reports: every plot on one page. `VERITOME_GALLERY=FILE.html` keeps the page to be looked at.

use veritome::report::plots::bland_altman::Level;
use veritome::report::plots::{
    Axis, BlandAltman, BoxPlot, BoxRow, Curve, Forest, ForestRow, Histogram, Line, LineSeries, Point, Reliability,
    ReliabilityBin, ReliabilityCurve, Scatter, ScatterSeries, froc, roc,
};
use veritome::report::{Banner, Cell, Column, Figure, Href, Page, Section, Table, Text, Width};

/// Numbers that look like noise, the same on every machine.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..n).map(|_| (0..6).map(|_| uniform()).sum::<f64>() - 3.0).collect()
}

fn points(values: &[f64]) -> Vec<Point> {
    let named = |(n, v): (usize, &f64)| Point::new(*v, 0.0).named(format!("case {n}"), Some(Href::anchor("x")));
    values.iter().enumerate().map(named).collect()
}

fn boxes() -> String {
    let row = |name: &str, n, seed, mean| BoxRow {
        name: name.into(),
        points: points(&noise(n, seed).iter().map(|v| mean + 0.03 * v).collect::<Vec<_>>()),
    };
    let rows = vec![
        row("U-Net baseline", 60, 3, 0.84),
        row("A model whose name is a good deal too long for the room v2.1", 60, 4, 0.88),
        row("nnU-Net", 900, 5, 0.90),
        row("VAE", 9, 6, 0.79),
    ];
    BoxPlot::new(Axis::new("SSIM", ""), rows).svg()
}

fn half_boxes() -> String {
    let row = |name: &str, seed, mean: f64| BoxRow {
        name: name.into(),
        points: points(&noise(40, seed).iter().map(|v| (mean + 12.0 * v).abs()).collect::<Vec<_>>()),
    };
    BoxPlot::new(Axis::new("MAE", "HU"), vec![row("A", 7, 50.0), row("A longer name of a model", 8, 44.0)]).half().svg()
}

fn bland_altman(half: bool) -> String {
    let (means, errors) = (noise(40, 9), noise(40, 10));
    let points: Vec<Point> =
        means.iter().zip(&errors).map(|(m, e)| Point::new(1200.0 + 140.0 * m, 12.0 + 18.0 * e)).collect();
    let level = |at: f64, half: f64| Level { at, interval: [at - half, at + half] };
    BlandAltman {
        mean: Axis::new("Mean of test and reference", "ml"),
        difference: Axis::new("Test − reference", "ml"),
        points,
        bias: level(12.0, 3.5),
        lower: level(-12.6, 6.0),
        upper: level(36.6, 6.0),
        series: usize::from(half),
        half,
    }
    .svg()
}

fn scatter() -> String {
    let series = |name: &str, seed| ScatterSeries {
        name: name.into(),
        points: noise(50, seed)
            .iter()
            .zip(noise(50, seed + 50))
            .map(|(a, b)| Point::new(40.0 + 9.0 * a, 41.0 + 9.0 * a + 3.0 * b))
            .collect(),
    };
    let (x, y) = (Axis::new("Reference volume", "ml"), Axis::new("Test volume", "ml"));
    Scatter {
        x,
        y,
        series: vec![series("U-Net", 20), series("nnU-Net", 21)],
        identity: true,
        first_look: 0,
        half: true,
    }
    .svg()
}

fn reliability() -> String {
    let bin = |n: usize, off: f64, count: u64| {
        let mean = (n as f64 + 0.5) / 10.0;
        let share = (mean + off * (mean - 0.5)).clamp(0.0, 1.0);
        let interval = Some([(share - 0.08).max(0.0), (share + 0.08).min(1.0)]);
        ReliabilityBin {
            mean_probability: mean,
            share_positive: share,
            interval,
            n: count,
            range: [n as f64 / 10.0, (n as f64 + 1.0) / 10.0],
        }
    };
    let curve = |name: &str, off: f64| ReliabilityCurve {
        name: name.into(),
        bins: (0..10).map(|n| bin(n, off, 400 + 90 * (n as u64).abs_diff(5).pow(2))).collect(),
    };
    Reliability { curves: vec![curve("before, ECE 0.094", -0.35), curve("after, ECE 0.021", -0.05)] }.svg()
}

fn forest() -> String {
    let row = |name: &str, n: usize, at: f64, half: f64, weak: bool| ForestRow::Estimate {
        name: name.into(),
        n: format!("n = {n}"),
        at,
        interval: Some([at - half, at + half]),
        words: format!("{at:.3} ({:.3} to {:.3})", at - half, at + half),
        series: 0,
        weak,
    };
    let rows = vec![
        ForestRow::Group("Sex".into()),
        row("F", 41, 0.871, 0.018, false),
        row("M", 39, 0.866, 0.019, false),
        ForestRow::Group("Age".into()),
        row("0 to below 40", 22, 0.885, 0.02, false),
        row("40 to below 65", 31, 0.871, 0.02, false),
        row("65 to 120", 27, 0.848, 0.025, false),
        ForestRow::Group("Scanner".into()),
        row("Siemens Magnetom Skyra fit with a long name", 46, 0.880, 0.014, false),
        row("GE Signa", 31, 0.859, 0.02, false),
        row("Philips Ingenia", 3, 0.81, 0.06, true),
        ForestRow::None { name: "Canon".into(), reason: "every case failed".into() },
    ];
    Forest {
        axis: Axis::new("Mean Dice", ""),
        words_title: "Mean (95 % interval)".into(),
        reference: Some(0.868),
        rows,
    }
    .svg()
}

fn curves() -> [String; 2] {
    let curve = |name: &str, power: f64| Curve {
        name: name.into(),
        points: (0..=40).map(|n| f64::from(n) / 40.0).map(|x| [x, x.powf(power)]).collect(),
        look: None,
    };
    let roc_curves = [
        curve("U-Net, AUC 0.80 (0.72 to 0.87)", 0.25),
        curve("nnU-Net, AUC 0.91 (0.85 to 0.96)", 0.1),
        curve("VAE, AUC 0.66 (0.57 to 0.75)", 0.5),
    ];
    let found = |name: &str, k: f64| Curve {
        name: name.into(),
        points: (0..=40).map(|n| f64::from(n) / 10.0).map(|x| [x, 0.92 * (1.0 - (-k * x).exp())]).collect(),
        look: None,
    };
    [roc(&roc_curves), froc(&[found("Reader 1", 2.0), found("Reader 2", 1.1)], 0.0)]
}

fn lines() -> String {
    let series = |name: &str, seed, slope: f64| {
        let values: Vec<f64> =
            noise(12, seed).iter().enumerate().map(|(n, v)| 0.6 + slope * n as f64 + 0.03 * v).collect();
        LineSeries {
            name: name.into(),
            points: values
                .iter()
                .enumerate()
                .map(|(n, v)| [n as f64 + 1.0, if n == 7 { f64::NAN } else { *v }])
                .collect(),
            band: values.iter().map(|v| [v - 0.05, v + 0.05]).collect(),
        }
    };
    let axis = Axis::new("Trial, in blocks of ten", "");
    Line {
        x: axis,
        y: Axis::new("Share right", ""),
        series: vec![series("Reader 1", 31, 0.02), series("Reader 2", 32, 0.005)],
        marks: true,
        half: false,
    }
    .svg()
}

fn gallery() -> String {
    let mut page = Page::new("Every plot of the kit");
    page.lead("Made-up numbers, to be looked at");
    page.banner(Banner::Simulated("Every number on this page is made up".into()));
    page.banner(Banner::Synthetic("Images that a model made".into()));
    let mut one = Section::new("Spread");
    one.figure(Figure::svg(
        boxes(),
        "SSIM by model. Boxes are quartiles, whiskers end within 1.5 times the box",
        "Box plot",
    ));
    one.figures(vec![
        Figure::svg(half_boxes(), "MAE by model", "Box plot").width(Width::Half),
        Figure::svg(
            Histogram::new(Axis::new("MAE", "HU"), &noise(300, 30).iter().map(|v| 50.0 + 10.0 * v).collect::<Vec<_>>())
                .half()
                .svg(),
            "MAE",
            "Histogram",
        )
        .width(Width::Half),
    ]);
    let mut two = Section::new("Agreement");
    two.figure(Figure::svg(bland_altman(false), "Bland-Altman", "Bland-Altman"));
    two.figures(vec![
        Figure::svg(bland_altman(true), "Bland-Altman, half", "Bland-Altman").width(Width::Half),
        Figure::svg(scatter(), "Volumes", "Scatter plot").width(Width::Half),
    ]);
    let mut three = Section::new("Probabilities");
    let [roc, froc] = curves();
    three.figures(vec![
        Figure::svg(roc, "ROC curves", "ROC").width(Width::Half),
        Figure::svg(reliability(), "Reliability", "Reliability diagram").width(Width::Half),
        Figure::svg(froc, "FROC curves", "FROC").width(Width::Half),
    ]);
    let mut four = Section::new("Subgroups and time");
    four.figure(Figure::svg(forest(), "Mean Dice by subgroup. The dashed line is all cases together", "Forest plot"));
    four.figure(Figure::svg(lines(), "Share of right answers over the study", "Line plot"));
    let mut table = Table::new(
        "Numbers",
        vec![Column::text("Model"), Column::number("n", ""), Column::number("Mean", "HU"), Column::number("SD", "HU")],
    );
    let note = table.note(Text::from("One case failed: ").link("p07", Href::anchor("x")));
    table.group("MAE");
    table.row([Cell::from("U-Net"), "60".into(), "42.1".into(), "7.9".into()]);
    table.row([Cell::from("nnU-Net"), Cell::from("59").noted(note), "39.8".into(), "6.2".into()]);
    four.table(table);
    [one, two, three, four].into_iter().for_each(|s| page.section(s));
    page.html()
}

#[test]
fn every_plot_is_whole_and_nothing_is_fetched() {
    let html = gallery();
    if let Some(path) = std::env::var_os("VERITOME_GALLERY") {
        std::fs::write(path, &html).unwrap();
    }
    assert_eq!(html.matches("<svg ").count(), html.matches("</svg>").count());
    assert_eq!(html.matches("<figure").count(), 11);
    let outside = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!outside.contains("http") || outside.contains("http-equiv") && outside.matches("http").count() == 1);
    assert!(!html.contains("<script") && !html.contains("NaN") && html.contains("Figure 11"));
}
