"""CARD.md and the table of docs/model-results.md, written from the evaluation's JSON and from nothing else."""

import json

from . import data
from .export import FOLDER, RESULTS
from .models import NAMES, recipe

WHERE = {"cpu": "on two shared processor cores, no graphics processor",
         "cuda": "of the wall on one H100 graphics processor that trained several models at once"}
LABELS = {"higher": "higher is better", "lower": "lower is better"}


def read(name):
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def number(metric, value):
    return f"{value:.2f}" if "PSNR" in metric else f"{value:.1f}" if "HU" in metric else f"{value:.3f}"


def cell(metric, row):
    return f"{number(metric, row['mean'])} ({number(metric, row['low'])} to {number(metric, row['high'])})"


def versus(metric, row):
    d = row["difference"]
    return f"{number(metric, d['mean'])} ({number(metric, d['low'])} to {number(metric, d['high'])}), {d['wins']} of {d['n']}"


def tables(r):
    s = r["summary"]
    out = [f"Cases: {r['case']}; {s['cases']} of them. In brackets the 95 % bootstrap interval over cases. "
           f"{r['interval_note']}", "",
           "| Metric | " + " | ".join([s["ours"], *s["baselines"]]) + " |",
           "|---" * (2 + len(s["baselines"])) + "|"]
    for metric, row in s["all"].items():
        out.append(f"| {metric}, {LABELS[s['metrics'][metric]]} | " +
                   " | ".join(cell(metric, row[m]) for m in [s["ours"], *s["baselines"]]) + " |")
    out += ["", "Advantage over each baseline, case by case (positive is better), and in how many cases:", "",
            "| Metric | " + " | ".join(s["baselines"]) + " |", "|---" * (1 + len(s["baselines"])) + "|"]
    for metric, row in s["all"].items():
        out.append(f"| {metric} | " + " | ".join(versus(metric, row[b]) for b in s["baselines"]) + " |")
    for group, members in s["groups"].items():
        metrics = list(s["all"])
        out += ["", f"By {group}:", "",
                f"| {group.capitalize()} | n | " + " | ".join(f"{m}: {k}" for m in metrics for k in [s["ours"], *s["baselines"]])
                + " |", "|---" * (2 + len(metrics) * (1 + len(s["baselines"]))) + "|"]
        for m in members:
            t = m["table"]
            out.append(f"| {m['member']} | {t[metrics[0]][s['ours']]['n']} | " +
                       " | ".join(number(k, t[k][b]["mean"]) for k in metrics for b in [s["ours"], *s["baselines"]]) + " |")
    return out


def sources(names):
    out = ["| Image | From | Licence | SHA-256 |", "|---|---|---|---|"]
    for n in names:
        s = data.SOURCES[n]
        out.append(f"| {s.title} | {s.package.replace(' ', ' `', 1)}` | {s.license} | `{s.sha256[:16]}…` |")
    return out


def card(name):
    """The text of CARD.md."""
    r, module = read(name), recipe(name)
    words, t = module.CARD, r["export"]["training"]
    files = r["export"].get("files", {"network": {"file": "model.onnx", "sha256": r["export"]["sha256"]}}).values()
    hashes = [f"{f['file']} SHA-256 `{f['sha256']}`" for f in files]
    lines = [
        f"# {words['title']}", "",
        f"**Task** {words['task']}",
        "**Status** Demonstration. Not a medical device.",
        f"**Licence** {words['license']}",
        f"**Version** {r['version']}, {', '.join(hashes)}", "",
        "This card is generated from the evaluation's JSON (`models/recipes/results`) by "
        f"`python -m veritome_recipes evaluate {name}`.", "",
        "## Intended use", words["intended_use"], "",
        "## Not for", words["not_for"], "",
        "## Data", "Trained on:", "", *sources(module.TRAINED_ON), "",
        "Tested on, never trained on:", "", *sources(module.TESTED_ON), "", words["data"], "",
        "## Method", words["method"], "",
        f"{r['export']['parameters']:,} parameters, {r['export']['bytes']:,} bytes, opset {r['export']['opset']}, IR "
        f"{r['export']['ir']}; ONNX Runtime and PyTorch differ by at most {r['export']['onnx_difference']:.1e} on a random "
        f"image. {t['steps']:,} steps in {t['minutes']} minutes {', then '.join(WHERE[d] for d in t.get('device', 'cpu').split())}; "
        f"seed {t['seed']}.", "",
        "## Measured", *tables(r), "", words["baseline"], "",
    ]
    for extra in r.get("extra", []):
        lines += [f"### {extra['title']}", extra["text"], ""]
        if "rows" in extra:
            lines += ["| " + " | ".join(extra["columns"]) + " |", "|---" * len(extra["columns"]) + "|",
                      *["| " + " | ".join(map(str, row)) + " |" for row in extra["rows"]], ""]
    lines += [f"Time: {r['time']}", "", "## Pictures"]
    for p in r["pictures"]:
        lines += [f"![{p['text']}]({p['file']})", "", p["text"], ""]
    lines += ["## What it invents, and where it fails", words["invents"], ""]
    found = calibration(r.get("calibration"))
    if found or words.get("calibration"):
        lines += ["## Calibration and guard", *found, words.get("calibration", ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def calibration(found):
    """What `veritome calibrate` measured, as sentences."""
    if not found:
        return []
    out = [f"By `veritome calibrate` on {len(found['cases'])} generated heads that neither trained nor tested the network, and "
           f"checked on {len(found['held_out'])} more. Generated heads are easier than real ones: on real images the numbers "
           "below are at best this good.", ""]
    if t := found.get("temperature"):
        out += [f"- Temperature {t['temperature']:.3f}; expected calibration error {t['ece_before']:.3f} before, "
                f"{t['ece_after']:.3f} after."]
    if i := found.get("interval"):
        width = "times the standard deviation shown" if i["residual"] == "scaled" else "units of the output"
        held = "" if i.get("coverage_cases") is None else (
            f"; of the heads held aside {i['coverage_cases']:.0%} were covered, and {i['coverage_voxels']:.0%} of their voxels")
        out += [f"- Interval at alpha {i['alpha']}: ± {i['quantile']:.4g} {width} ({i['n']} heads){held}."]
    g = found["guard"]
    for name, key in (("Voxel size", "spacing_mm_range"), ("Field of view", "field_of_view_mm")):
        if g.get(key):
            out += [f"- {name} {g[key][0]:.3g} to {g[key][1]:.3g} mm."]
    if g.get("histogram_max_distance") is not None:
        out += [f"- Histogram: at most {g['histogram_max_distance']:.3f} from the heads' mean."]
    return out + [f"- {w}" for w in found.get("warnings", [])] + [""]


def table():
    """docs/model-results.md"""
    out = ["# What the models are worth", "",
           "Generated by `python -m veritome_recipes table` from `models/recipes/results/*.json`; do not edit. Each model "
           "beside the simple method that a sceptic would name, on images that were not trained on; 95 % bootstrap "
           "intervals over cases in brackets. A model that does not beat its baseline is listed and not shipped.", "",
           "| Model | Shipped | Metric | Model's | Baseline | Baseline's | Advantage, cases won |", "|---|---|---|---|---|---|---|"]
    for name in NAMES:
        r = read(name)
        if r is None:
            continue
        s = r["summary"]
        shipped = "yes" if (FOLDER / name / "manifest.toml").exists() else "no"
        for metric, row in s["all"].items():
            for b in s["baselines"]:
                out.append(f"| {name} | {shipped} | {metric}, {LABELS[s['metrics'][metric]]} | {cell(metric, row[s['ours']])} | {b} | "
                           f"{cell(metric, row[b])} | {versus(metric, row[b])} |")
    for name in NAMES:
        r = read(name)
        if r is None:
            out += ["", f"## {name}", "", "Not evaluated yet: no network has been trained to the end."]
            continue
        t = r["export"]["training"]
        out += ["", f"## {name}", "", f"{t['steps']:,} steps, {t['minutes']} minutes.", "", r["verdict"], "", *tables(r)]
        for extra in r.get("extra", []):
            out += ["", f"### {extra['title']}", "", extra["text"]]
            if "rows" in extra:
                out += ["", "| " + " | ".join(extra["columns"]) + " |", "|---" * len(extra["columns"]) + "|",
                        *["| " + " | ".join(map(str, row)) + " |" for row in extra["rows"]]]
    file = RESULTS / "trials.json"
    if file.exists():
        out += ["", "## Trials under way", "", "A look at a checkpoint on one block of a test head: too little to ship by, "
                "enough to say that a network is not there yet."]
        for t in json.loads(file.read_text()):
            out += ["", f"{t['name']}, {t['training']['steps']:,} steps. {t['note']}", "",
                    "| " + " | ".join(t["columns"]) + " |", "|---" * len(t["columns"]) + "|",
                    *["| " + " | ".join(map(str, row)) + " |" for row in t["rows"]]]
    text = "\n".join(out) + "\n"
    (data.ROOT / "docs" / "model-results.md").write_text(text)
    summary()
    return text


BEGIN, END = "<!-- results: written by veritome_recipes, do not edit -->", "<!-- end of results -->"


def summary():
    """The short table between the marks in docs/models.md."""
    file = data.ROOT / "docs" / "models.md"
    if not file.exists():
        return
    text = file.read_text()
    if BEGIN not in text:
        return
    rows = ["| Model | Ships | Measured on images that were not trained on | Model | Baseline |", "|---|---|---|---|---|"]
    for name in NAMES:
        r = read(name)
        if r is None:
            rows.append(f"| {name} | no | not trained | | |")
            continue
        s, shipped = r["summary"], (FOLDER / name / "manifest.toml").exists()
        for metric, row in s["all"].items():
            # The baseline that comes nearest.
            b = min(s["baselines"], key=lambda b: row[b]["difference"]["mean"])
            rows.append(f"| {name} | {'yes' if shipped else 'no'} | {metric}, {LABELS[s['metrics'][metric]]} | "
                        f"{cell(metric, row[s['ours']])} | {b}: {cell(metric, row[b])} |")
    before, rest = text.split(BEGIN, 1)
    file.write_text(before + BEGIN + "\n\n" + "\n".join(rows) + "\n\n" + END + rest.split(END, 1)[1])


def rewrite(name):
    """CARD.md of a shipped model anew."""
    file = FOLDER / name / "CARD.md"
    if file.exists():
        file.write_text(card(name))
