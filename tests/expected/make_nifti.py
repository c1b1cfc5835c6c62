"""tests/data/nifti/* and tests/expected/nifti.json.

Headers are packed here by hand (nibabel would correct the odd ones), then read by nibabel and
SimpleITK. Values and affines are nibabel's, except where the NIfTI-1 standard says otherwise (neither
sform nor qform; units other than mm); `agree` and `differ` say what the two readers gave.
"""

import gzip
import hashlib
import json
import pathlib
import struct

import nibabel
import numpy as np
import SimpleITK

SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
HERE = pathlib.Path(__file__).resolve()
DATA = HERE.parents[1] / "data" / "nifti"
OUT = HERE.with_name("nifti.json")
CODES = {"u8": 2, "i16": 4, "i32": 8, "f32": 16, "f64": 64, "i8": 256, "u16": 512, "u32": 768,
         "i64": 1024, "u64": 1280, "rgb24": 128, "rgba32": 2304, "c64": 32}
TYPES = {"u8": "u1", "i16": "i2", "i32": "i4", "f32": "f4", "f64": "f8", "i8": "i1", "u16": "u2",
         "u32": "u4", "i64": "i8", "u64": "u8", "c64": "c8"}
SHAPE = (7, 6, 5)  # x, y, z
LPS = np.diag([-1.0, -1, 1, 1])


def rotation(quaternion):
    b, c, d = quaternion
    a = np.sqrt(max(0, 1 - b * b - c * c - d * d))
    return np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c]])


QUATERNION = (0.1, -0.2, 0.3)
PIXDIM = (0.9, 1.1, 2.5)
OFFSET = (-20.5, 11.25, 33.0)
STRAIGHT = np.array([[0.9, 0, 0, -20.5], [0, 1.1, 0, 11.25], [0, 0, 2.5, 33.0]])


def qform(qfac=1):
    affine = np.eye(4)
    affine[:3, :3] = rotation(QUATERNION) * PIXDIM * [1, 1, qfac]
    affine[:3, 3] = OFFSET
    return affine


def values(kind, shape=SHAPE):
    """x fastest when flattened in Fortran order; no symmetry, whole range of small types."""
    x = np.indices(shape)
    base = (x[0] * 37 + x[1] * 101 + x[2] * 17 + (x[3] * 53 if len(shape) > 3 else 0)) % 251
    return {
        "u8": base, "i8": base - 125, "i16": base * 260 - 32000, "u16": base * 260,
        "i32": base * 8_000_000 - 1_000_000_000, "u32": base * 17_000_000,
        "i64": base * 36 - 4000, "u64": base * 36, "f32": base / 7 - 10, "f64": base / 7 - 10,
        "c64": base + 1j * base,
    }[kind].astype(TYPES[kind])


def header(kind, shape, version=1, end="<", sform=None, sform_code=2, quaternion=None, qform_code=1,
           qfac=1, offset=OFFSET, slope=1.0, inter=0.0, units=2, pixdim=PIXDIM, single=True,
           extension=b"", magic=None, vox_offset=None, descrip=b""):
    dims = [len(shape), *shape] + [1] * (7 - len(shape))
    spacing = [qfac, *pixdim, 2.0, 0, 0, 0][:8]
    rows = np.zeros((3, 4)) if sform is None else np.asarray(sform)[:3]
    b, c, d = quaternion or (0, 0, 0)
    offset = offset if quaternion else (0, 0, 0)
    qcode, scode = (qform_code if quaternion else 0), (sform_code if sform is not None else 0)
    bits = {"rgb24": 24, "rgba32": 32}.get(kind) or 8 * np.dtype(TYPES[kind]).itemsize
    size = 348 if version == 1 else 540
    start = vox_offset if vox_offset is not None else (size + 4 + len(extension) if single else 0)
    if version == 1:
        magic = magic or (b"n+1\0" if single else b"ni1\0")
        raw = struct.pack(end + "i10s18sihcB8h3f4h8f3fhBB4fii80s24shh6f12f16s4s",
                          348, b"", b"", 0, 0, b"r", 0, *dims, 0, 0, 0, 0, CODES[kind], bits, 0,
                          *spacing, start, slope, inter, 0, 0, units, 0, 0, 0, 0, 0, 0, descrip, b"",
                          qcode, scode, b, c, d, *offset, *rows.ravel(), b"", magic)
    else:
        magic = (b"n+2\0" if single else b"ni2\0") + b"\r\n\x1a\n"
        raw = struct.pack(end + "i8shh8q3d8dq6d2q80s24sii6d12diii16sB15s",
                          540, magic, CODES[kind], bits, *dims, 0, 0, 0, *spacing, start, slope, inter,
                          0, 0, 0, 0, 0, 0, descrip, b"", qcode, scode, b, c, d, *offset,
                          *rows.ravel(), 0, units, 0, b"", 0, b"")
    assert len(raw) == size, len(raw)
    return raw + (struct.pack("4B", 1 if extension else 0, 0, 0, 0) + extension if single else b"")


def body(array, end="<"):
    return array.astype(array.dtype.newbyteorder(end)).tobytes(order="F")


def colour(channels):
    x = np.indices(SHAPE)
    planes = [(x[0] * 30 + x[1] * 7 + 40 * c + x[2] * (c + 1)) % 256 for c in range(channels)]
    return np.stack(planes, -1).astype(np.uint8)  # [x, y, z, channel]


def write(name, data):
    path = DATA / name
    if name.endswith(".gz"):
        data = gzip.compress(data, 6, mtime=0)
    path.write_bytes(data)


def single(name, kind, array, end="<", **more):
    write(name, header(kind, array.shape, end=end, **more) + body(array, end))


CASES = {}


def case(name, about, which, affine, array, warnings=(), slope=1.0, inter=0.0, **more):
    """Note what is expected of `name`; affine is RAS, `array` [x, y, z(, t)] of stored values."""
    CASES[name] = (about, which, affine, array, list(warnings), slope, inter, more)


def make():
    DATA.mkdir(parents=True, exist_ok=True)
    for old in DATA.iterdir():
        old.unlink()
    straight = np.vstack([STRAIGHT, [0, 0, 0, 1]])
    for kind in TYPES:
        if kind == "c64":
            continue
        single(f"type_{kind}.nii", kind, values(kind), sform=STRAIGHT)
        case(f"type_{kind}.nii", f"every voxel a {kind}", "sform", straight, values(kind))
    i16 = values("i16")
    both = dict(sform=qform()[:3], quaternion=QUATERNION)

    def one(name, about, which, affine, array=i16, kind="i16", warnings=(), slope=1.0, inter=0.0,
            note=None, **how):
        single(name, kind, array, slope=slope, inter=inter, **how)
        real = (1.0, 0.0) if slope == 0 or not np.isfinite(slope) else (slope, inter)
        case(name, about, which, affine, array, warnings, *real, **({"note": note} if note else {}))

    one("compressed.nii.gz", "gzip", "sform", qform(), **both)
    one("big_endian.nii", "big endian", "sform", qform(), end=">", **both)
    one("big_endian.nii.gz", "big endian, gzip, f32", "sform", qform(), values("f32"), "f32", end=">", **both)
    one("nifti2.nii", "NIfTI-2", "sform", qform(), version=2, **both)
    one("nifti2_big_endian.nii.gz", "NIfTI-2, big endian, gzip", "sform", qform(), version=2, end=">", **both)
    write("pair.hdr", header("i16", SHAPE, single=False, **both))
    write("pair.img", body(i16))
    case("pair.hdr", "two files; opening pair.img gives the same", "sform", qform(), i16)
    write("pair_gz.hdr.gz", header("i16", SHAPE, single=False, **both))
    write("pair_gz.img.gz", body(i16))
    case("pair_gz.hdr.gz", "two files, both gzipped", "sform", qform(), i16)
    extension = struct.pack("<ii", 32, 6) + b"a comment".ljust(24, b"\0")
    one("extension.nii", "header extension of 32 bytes before the voxels", "sform", qform(), extension=extension, **both)
    one("four_d.nii.gz", "four time points, 2 s apart", "sform", qform(), values("i16", (*SHAPE, 4)),
        warnings=["time_points"], units=10, **both)
    one("five_d_singleton.nii", "dim 5 with a singleton fourth and fifth axis: a plain volume", "sform", qform(),
        i16.reshape(*SHAPE, 1, 1), **both)
    one("two_d.nii", "one slice: dim 2", "sform", qform(), i16[:, :, 0], **both)
    one("sform_only.nii", "sform alone, shear in it", "sform",
        np.array([[0.9, 0.1, 0, -20], [0, 1.1, 0.3, 11], [0.05, 0, 2.5, 33], [0, 0, 0, 1]]),
        sform=[[0.9, 0.1, 0, -20], [0, 1.1, 0.3, 11], [0.05, 0, 2.5, 33]])
    one("qform_only.nii", "qform alone", "qform", qform(), quaternion=QUATERNION)
    one("qform_qfac.nii", "qform alone, qfac -1: negative determinant", "qform", qform(-1),
        quaternion=QUATERNION, qfac=-1)
    one("qform_qfac_zero.nii", "qfac 0 counts as 1", "qform", qform(), quaternion=QUATERNION, qfac=0)
    one("agree.nii", "both, equal", "sform", qform(), **both)
    one("disagree.nii", "both, different: sform is used and the person told", "sform", straight,
        sform=STRAIGHT, quaternion=QUATERNION, warnings=["sform_qform_disagree"])
    one("disagree_slightly.nii", "both, 1e-4 mm apart: rounding, no warning", "sform",
        qform() + np.pad([[1e-4], [0], [0]], ((0, 1), (3, 0))),
        sform=(qform() + np.pad([[1e-4], [0], [0]], ((0, 1), (3, 0))))[:3], quaternion=QUATERNION)
    one("neither.nii", "no sform, no qform: spacing alone", "pixdim", np.diag([*PIXDIM, 1]),
        note="the standard's method 1: voxel 0 at the origin, axes i j k; orientation is unknown, so it may be "
             "shown as no_geometry. nibabel flips x and centres")
    left = np.array([[-0.9, 0, 0, 20], [0, 1.1, 0, -11], [0, 0, 2.5, 33], [0, 0, 0, 1.0]])
    one("negative_determinant.nii", "sform with x to the left", "sform", left, sform=left[:3])
    turned = np.array([[0, 0, 2.5, -20], [0.9, 0, 0, 11], [0, -1.1, 0, 33], [0, 0, 0, 1.0]])
    one("axes_turned.nii", "voxel axes along A, F and R", "sform", turned, sform=turned[:3])
    one("slope.nii", "scl_slope 0.5, scl_inter -100", "sform", qform(), slope=0.5, inter=-100.0, **both)
    one("slope_negative.nii", "scl_slope -2", "sform", qform(), slope=-2.0, inter=3.0, **both)
    one("slope_zero.nii", "scl_slope 0: no scaling, scl_inter ignored", "sform", qform(), slope=0.0, inter=7.0, **both)
    one("slope_nan.nii", "scl_slope NaN: no scaling", "sform", qform(), slope=float("nan"), inter=0.0, **both)
    holes = values("f32")
    holes[1, 2, 3], holes[0, 0, 0], holes[6, 5, 4] = np.nan, np.inf, -np.inf
    one("nan.nii", "NaN, infinity and minus infinity among floats; the range is of the finite", "sform", qform(),
        holes, "f32", **both)
    one("microns.nii", "xyzt_units micrometre: the affine is in mm all the same", "sform", qform(),
        units=3, sform=qform()[:3] * 1000, quaternion=QUATERNION, offset=[1000 * v for v in OFFSET],
        pixdim=[1000 * v for v in PIXDIM], note="expected in mm; nibabel leaves units to the caller")
    one("meters.nii", "xyzt_units metre", "sform", qform(), units=1, sform=qform()[:3] / 1000,
        quaternion=QUATERNION, offset=[v / 1000 for v in OFFSET], pixdim=[v / 1000 for v in PIXDIM])
    one("vox_offset.nii", "voxels begin at 512, 160 bytes of nothing before", "sform", qform(),
        extension=bytes(160), **both)
    raw = (DATA / "vox_offset.nii").read_bytes()  # no extension flag: plain padding
    write("vox_offset.nii", raw[:348] + bytes(164) + raw[512:])
    write("rgb24.nii", header("rgb24", SHAPE, **both) + colour(3).transpose(2, 1, 0, 3).tobytes())
    case("rgb24.nii", "RGB24", "sform", qform(), colour(3))
    write("rgba32.nii", header("rgba32", SHAPE, **both) + colour(4).transpose(2, 1, 0, 3).tobytes())
    case("rgba32.nii", "RGBA32: alpha is dropped", "sform", qform(), colour(4)[..., :3])
    write("complex.nii", header("c64", SHAPE, **both) + body(values("c64")))
    CASES["complex.nii"] = ("complex64: refused by name", None, None, None, None, 1, 0,
                            {"error": "complex voxels cannot be shown"})


def sitk_answer(path, affine, real):
    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        return str(error).strip().splitlines()[-1].replace(str(path), path.name)[-100:]
    if image.GetDimension() > 3:
        image = image[(slice(None),) * 3 + (0,) * (image.GetDimension() - 3)]
    if image.GetDimension() < 3:
        return "2 dimensions"
    got = np.eye(4)
    got[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    got[:3, 3] = image.GetOrigin()
    if not np.allclose(got, LPS @ affine, atol=1e-3):
        return f"affine {np.round(got[:3], 3).tolist()}"
    array = SimpleITK.GetArrayFromImage(image)
    array = array.transpose(2, 1, 0, *range(3, array.ndim))
    volume = real if real.ndim == array.ndim else real[..., 0]
    if array.shape[-1] == 4 and volume.shape[-1] == 3:
        array = array[..., :3]
    return None if np.allclose(array, volume, rtol=1e-5, atol=1e-3, equal_nan=True) else "values"


def nibabel_answer(path, affine, real):
    try:
        image = nibabel.load(path)
    except Exception as error:
        return str(error)[:100]
    if not np.allclose(image.affine, affine, atol=1e-3):
        return f"affine {np.round(LPS[:3] @ image.affine, 3).tolist()} (LPS)"
    data = np.asarray(image.dataobj)
    if data.dtype.names:
        data = np.stack([data[n] for n in data.dtype.names[:3]], -1)
    data = data.reshape(real.shape)
    return None if np.allclose(data, real, rtol=1e-5, atol=1e-3, equal_nan=True) else "values"


def entry(name):
    about, which, affine, array, warnings, slope, inter, more = CASES[name]
    if affine is None:
        return {"about": about, **more}
    rgb = name.startswith("rgb")
    if not rgb:
        array = array.reshape((array.shape + (1, 1))[: max(3, array.ndim)] if array.ndim != 5 else array.shape[:3])
    t_first = array.transpose(2, 1, 0, 3)[None] if rgb else np.atleast_3d(array).T.reshape(
        (-1, *np.atleast_3d(array).shape[:3][::-1]))
    stored = np.ascontiguousarray(t_first.astype(t_first.dtype.newbyteorder("<")))
    real = stored if rgb else stored.astype(np.float64) * slope + inter
    t, z, y, x = stored.shape[:4]
    places = [(0, 0, 0, 0), (0, 0, 1, x - 1), (0, z - 1, y - 1, 1), (0, z // 2, 2, 3), (t - 1, z // 2, 1, 2),
              (t - 1, z - 1, y - 1, x - 1)]
    lps = LPS @ affine
    made = {
        "about": about, "which": which,
        "dims": [x, y, z], "frames": t,
        "dtype_in_file": "rgb8" if rgb else next(k for k, v in TYPES.items() if np.dtype(v) == array.dtype.newbyteorder("=")),
        "spacing_mm": [round(float(v), 5) for v in np.linalg.norm(affine[:3, :3], axis=0)],
        "affine_lps": [[round(float(v), 5) + 0.0 for v in row] for row in lps],
        "stored_sha256": hashlib.sha256(stored.tobytes()).hexdigest(),
        "real": [[i[0], i[3], i[2], i[1], as_json(real[i])] for i in dict.fromkeys(places)],
        "warnings": warnings, **more,
    }
    if not rgb:
        made["f64_sha256"] = hashlib.sha256(stored.astype("<f8").tobytes()).hexdigest()
        finite = real[np.isfinite(real)]
        made["range"] = [float(finite.min()), float(finite.max())]
        made["mean"] = round(float(finite.mean()), 6)
        if (slope, inter) != (1.0, 0.0):
            made["rescale"] = [slope, inter]
    flat = np.asarray(array) if rgb else array.astype(np.float64) * slope + inter
    answers = {"nibabel": nibabel_answer(DATA / name, affine, flat),
               "SimpleITK": sitk_answer(DATA / name, affine, flat)}
    made["agree"] = [k for k, v in answers.items() if v is None]
    if any(answers.values()):
        made["differ"] = {k: v for k, v in answers.items() if v}
    return made


def as_json(value):
    value = np.asarray(value)
    if value.ndim:
        return value.tolist()
    value = value.item()
    return value if np.isfinite(value) else str(value)  # "nan", "inf", "-inf"


def main():
    make()
    table = {name: entry(name) for name in CASES}
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in table.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    for name, made in table.items():
        print(name, made.get("agree"), made.get("differ", ""))


if __name__ == "__main__":
    main()
