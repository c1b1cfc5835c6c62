"""tests/data/nrrd/* and tests/expected/nrrd.json.

Headers are text written here by hand; values and affine come from the same numbers, and are compared
with SimpleITK (`agree`, `differ`) and pynrrd (voxels only).
"""

import bz2
import gzip
import hashlib
import json
import pathlib

import nrrd
import numpy as np
import SimpleITK

from make_nifti import TYPES, as_json, values

SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
HERE = pathlib.Path(__file__).resolve()
DATA = HERE.parents[1] / "data" / "nrrd"
OUT = HERE.with_name("nrrd.json")
NAMES = {"u8": "uchar", "i8": "int8", "i16": "short", "u16": "unsigned short", "i32": "int", "u32": "uint32",
         "i64": "long long", "u64": "unsigned long long int", "f32": "float", "f64": "double"}
SHAPE = (7, 6, 5)
# voxel -> space, an oblique grid of 0.9 x 1.1 x 2.5 mm
MATRIX = np.array([[0.85, -0.2, 0.3], [0.2, 1.05, 0.4], [-0.2158, -0.256, 2.449]])
MATRIX = np.linalg.qr(MATRIX)[0] * np.sign(np.diag(np.linalg.qr(MATRIX)[1])) * [0.9, 1.1, 2.5]
ORIGIN = np.array([-20.5, 11.25, 33.0])
CASES = {}


def vector(v):
    return "(" + ",".join(f"{x:.10g}" for x in v) + ")"


def text(kind, shape=SHAPE, space="left-posterior-superior", matrix=MATRIX, origin=ORIGIN, encoding="raw",
         endian="little", lines=(), version=4, before=(), dimension=None, directions=None):
    rows = [f"NRRD000{version}", "# made by make_nrrd.py", f"type: {NAMES[kind]}",
            f"dimension: {dimension or len(shape)}"]
    if space:
        rows.append(f"space: {space}")
    rows.append("sizes: " + " ".join(map(str, [*before, *shape])))
    if space:
        rows.append("space directions: " + (directions or " ".join(vector(matrix[:, i]) for i in range(3))))
    rows += [*lines, f"encoding: {encoding}"]
    if np.dtype(TYPES[kind]).itemsize > 1 and encoding not in ("ascii", "text", "txt"):
        rows.append(f"endian: {endian}")
    if space:
        rows.append("space origin: " + vector(origin))
    return "\n".join(rows) + "\n"


def body(array, endian="little"):
    return array.astype(array.dtype.newbyteorder("<" if endian == "little" else ">")).tobytes(order="F")


def lps(space, matrix=MATRIX, origin=ORIGIN):
    sign = {"l": 1, "r": -1, "p": 1, "a": -1, "s": 1, "i": -1}
    names = space.replace("-", " ").split() if "-" in space else list(space)
    flip = np.diag([sign[n[0].lower()] for n in names[:3]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = flip @ matrix, flip @ origin
    return affine


def case(name, about, header, data, array, affine, warnings=(), **more):
    """One attached file; `array` is [x, y, z(, t)] or, for colours, [x, y, z, 3] with rgb=True."""
    if header is not None:
        (DATA / name).write_bytes(header.encode() + b"\n" + data)
    CASES[name] = (about, array, affine, list(warnings), more)


def make():
    DATA.mkdir(parents=True, exist_ok=True)
    for old in DATA.iterdir():
        old.unlink()
    for kind in NAMES:
        a = values(kind)
        case(f"type_{kind}.nrrd", f"every voxel `{NAMES[kind]}`", text(kind), body(a), a, lps("LPS"))
    a = values("i16")
    raw = body(a)

    def one(name, about, space="left-posterior-superior", data=raw, array=a, affine=None, warnings=(), note=None, **how):
        header = text("i16", space=space, **how)
        matrix, origin = how.get("matrix", MATRIX), how.get("origin", ORIGIN)
        affine = lps(space, matrix, origin) if affine is None else affine
        case(name, about, header, data, array, affine, warnings, **({"note": note} if note else {}))

    one("gzip.nrrd", "gzip", encoding="gzip", data=gzip.compress(raw, mtime=0))
    one("gz.nrrd", "gzip under its short name `gz`", encoding="gz", data=gzip.compress(raw, mtime=0))
    one("big_endian.nrrd", "big endian", endian="big", data=body(a, "big"))
    one("ascii.nrrd", "voxels as text", encoding="ascii", data=" ".join(map(str, a.ravel("F"))).encode() + b"\n")
    one("bzip2.nrrd", "bzip2: read, or refused by name", encoding="bzip2", data=bz2.compress(raw))
    one("ras.nrrd", "space right-anterior-superior", "right-anterior-superior")
    one("ras_short.nrrd", "space RAS, the short name", "RAS")
    one("las.nrrd", "space left-anterior-superior", "left-anterior-superior")
    one("lps_short.nrrd", "space LPS", "LPS")
    left = MATRIX * [-1, 1, 1]
    one("negative_determinant.nrrd", "first axis turned round", matrix=left)
    one("version_5.nrrd", "magic NRRD0005", version=5)
    one("key_values.nrrd", "key:=value pairs, comments, a measurement frame", lines=[
        "modality:=MR", "note:=a value: with a colon", "# a comment", "kinds: domain domain domain",
        "measurement frame: (1,0,0) (0,1,0) (0,0,1)", 'content: "a name"'], version=5)
    crlf = text("i16").replace("\n", "\r\n").encode() + b"\r\n"
    (DATA / "crlf.nrrd").write_bytes(crlf + raw)
    case("crlf.nrrd", "header lines end in CR LF", None, None, a, lps("LPS"))
    spacing = np.diag([0.9, 1.1, 2.5, 1.0])
    one("spacings.nrrd", "no space: `spacings` alone, orientation unknown", None, affine=spacing,
        lines=["spacings: 0.9 1.1 2.5"], note="SimpleITK: LPS axes, origin 0. May be shown as no_geometry")
    one("nothing.nrrd", "neither space nor spacings: 1 mm assumed, no geometry", None, affine=np.eye(4),
        note="may be shown as no_geometry")
    one("scanner_xyz.nrrd", "space scanner-xyz: not anatomical", "scanner-xyz", affine=lps("LPS"),
        note="SimpleITK takes it as LPS; may be shown as no_geometry")
    four = values("i16", (*SHAPE, 4))
    directions = " ".join(vector(MATRIX[:, i]) for i in range(3)) + " none"
    case("time_last.nrrd", "fourth axis `list`", text("i16", (*SHAPE, 4), directions=directions,
         lines=["kinds: domain domain domain list"]), body(four), four, lps("LPS"), ["time_points"])
    first = np.moveaxis(four, 3, 0)
    directions = "none " + " ".join(vector(MATRIX[:, i]) for i in range(3))
    case("time_first.nrrd", "`list` as the first, fastest axis", text("i16", (4, *SHAPE), directions=directions,
         lines=["kinds: list domain domain domain"]), body(first), four, lps("LPS"), ["time_points"])
    x = np.indices(SHAPE)
    rgb = np.stack([(x[0] * 30 + x[1] * 7 + 40 * c + x[2] * (c + 1)) % 256 for c in range(3)], 0).astype(np.uint8)
    case("rgb.nrrd", "`RGB-color` as the first axis", text("u8", (3, *SHAPE), directions=directions,
         lines=["kinds: RGB-color domain domain domain"]), body(rgb), np.moveaxis(rgb, 0, 3), lps("LPS"), rgb=True)
    holes = values("f32")
    holes[1, 2, 3], holes[0, 0, 0] = np.nan, np.inf
    case("nan.nrrd", "NaN and infinity", text("f32"), body(holes), holes, lps("LPS"))

    def detached(name, about, files, lines, **how):
        for file, data in files.items():
            (DATA / file).write_bytes(data)
        (DATA / name).write_bytes(text("i16", lines=lines, **how).encode())
        case(name, about, None, None, a, lps("LPS"))

    detached("detached.nhdr", "voxels in detached.raw", {"detached.raw": raw}, ["data file: detached.raw"])
    detached("detached_gz.nhdr", "voxels in detached.raw.gz", {"detached.raw.gz": gzip.compress(raw, mtime=0)},
             ["data file: detached.raw.gz"], encoding="gzip")
    detached("detached_skip.nhdr", "two lines and five bytes to skip", {"skip.raw": b"one\ntwo\n12345" + raw},
             ["data file: skip.raw", "line skip: 2", "byte skip: 5"])
    detached("detached_from_end.nhdr", "byte skip -1: the voxels are the end of the file",
             {"from_end.raw": b"a header of unknown length" + raw}, ["data file: from_end.raw", "byte skip: -1"])
    slices = {f"slice{z}.raw": body(a[:, :, z]) for z in range(5)}
    (DATA / "list.nhdr").write_bytes((text("i16") + "data file: LIST\n" + "".join(f"{f}\n" for f in slices)).encode())
    for file, data in slices.items():
        (DATA / file).write_bytes(data)
    case("list.nhdr", "one file a slice, LIST", None, None, a, lps("LPS"))
    (DATA / "pattern.nhdr").write_bytes((text("i16", lines=["data file: slice%d.raw 0 4 1"])).encode())
    case("pattern.nhdr", "one file a slice, by a printf pattern", None, None, a, lps("LPS"))


def peers(name, array, affine, rgb):
    answers = {}
    try:
        image = SimpleITK.ReadImage(str(DATA / name))
        n = image.GetDimension()
        got = np.eye(4)
        got[:3, :3] = (np.array(image.GetDirection()).reshape(n, n) * image.GetSpacing())[:3, :3]
        got[:3, 3] = image.GetOrigin()[:3]
        read = SimpleITK.GetArrayFromImage(image)
        mine = array.transpose(2, 1, 0, 3) if rgb or read.ndim == 4 and n == 3 else array.T
        if not np.allclose(got, affine, atol=1e-4):
            answers["SimpleITK"] = f"affine {np.round(got[:3], 4).tolist()}"
        elif read.shape != mine.shape or not np.allclose(read, mine, equal_nan=True):
            answers["SimpleITK"] = "values"
    except RuntimeError as error:
        answers["SimpleITK"] = str(error).strip().splitlines()[-1].replace(str(DATA) + "/", "")[-100:]
    try:
        read, _ = nrrd.read(str(DATA / name))
        if read.ndim == 4 and read.shape != array.shape:
            read = np.moveaxis(read, 0, 3)
        if not np.array_equal(read, array, equal_nan=array.dtype.kind == "f"):
            answers["pynrrd"] = "values"
    except Exception as error:
        answers["pynrrd"] = f"{type(error).__name__}: {error}".replace(str(DATA) + "/", "")[:100]
    return answers


def entry(name):
    about, array, affine, warnings, more = CASES[name]
    rgb = more.pop("rgb", False)
    stored = array.transpose(2, 1, 0, 3)[None] if rgb else array.T if array.ndim == 4 else array.T[None]
    stored = np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("<")))
    t, z, y, x = stored.shape[:4]
    places = [(0, 0, 0, 0), (0, 0, 1, x - 1), (0, z - 1, y - 1, 1), (0, z // 2, 2, 3), (t - 1, z // 2, 1, 2),
              (t - 1, z - 1, y - 1, x - 1)]
    made = {
        "about": about, "dims": [x, y, z], "frames": t,
        "dtype_in_file": "rgb8" if rgb else next(k for k, v in TYPES.items() if np.dtype(v) == array.dtype),
        "spacing_mm": [round(float(v), 5) for v in np.linalg.norm(affine[:3, :3], axis=0)],
        "affine_lps": [[round(float(v), 6) + 0.0 for v in row] for row in affine],
        "stored_sha256": hashlib.sha256(stored.tobytes()).hexdigest(),
        "real": [[i[0], i[3], i[2], i[1], as_json(stored[i])] for i in dict.fromkeys(places)],
        "warnings": warnings, **more,
    }
    if not rgb:
        finite = stored[np.isfinite(stored)].astype(np.float64)
        made["f64_sha256"] = hashlib.sha256(stored.astype("<f8").tobytes()).hexdigest()
        made["range"] = [float(finite.min()), float(finite.max())]
        made["mean"] = round(float(finite.mean()), 6)
    answers = peers(name, array, affine, rgb)
    made["agree"] = [k for k in ("SimpleITK", "pynrrd") if k not in answers]
    return made | ({"differ": answers} if answers else {})


def main():
    make()
    table = {name: entry(name) for name in CASES}
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in table.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    for name, made in table.items():
        print(name, made.get("agree"), made.get("differ", ""))


if __name__ == "__main__":
    main()
