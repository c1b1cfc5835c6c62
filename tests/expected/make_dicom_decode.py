"""tests/expected/dicom_decode.json: what pydicom decodes from every test file in its own wheel.

The files are not kept here: tests fetch the wheel with pip and read `pydicom/data/test_files`.
Values are stored values (no rescale, no palette), C order [frame][row][column][sample].
"""

import hashlib
import json
import pathlib
import warnings

import numpy as np
import pydicom
import SimpleITK
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import UID

warnings.simplefilter("ignore")
ROOT = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
OUT = pathlib.Path(__file__).with_name("dicom_decode.json")
assert pydicom.__version__ == "3.0.2"

DTYPES = {"|u1": "u8", "|i1": "i8", "<u2": "u16", "<i2": "i16", "<u4": "u32", "<i4": "i32"}
DTYPES |= {"<f4": "f32", "<f8": "f64"}
# Decoders may differ this much from pydicom's, in stored units (JPEG leaves the inverse cosine
# transform and the colour conversion to the decoder; JPEG 2000's lossy wavelet is in floats).
TOLERANCE = {
    "1.2.840.10008.1.2.4.50": 3,
    "1.2.840.10008.1.2.4.51": 3,
    "1.2.840.10008.1.2.4.91": 2,
}


def summary(array):
    """Digest, range and a few values of an array [frame, row, column(, sample)]."""
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    frames, rows, columns = array.shape[:3]
    places = [
        (0, 0, 0),
        (0, rows // 2, columns // 2),
        (0, rows // 3, 2 * columns // 3),
        (0, 2 * rows // 3, columns // 3),
        (frames - 1, rows - 1, columns - 1),
        (frames // 2, rows // 4, columns // 2),
    ]
    return {
        "dtype": DTYPES[array.dtype.str],
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
        "min": finite.min().item(),
        "max": finite.max().item(),
        "mean": round(float(finite.mean(dtype=np.float64)), 6),
        "samples": [[*map(int, place), array[place].tolist()] for place in dict.fromkeys(places)],
    }


def transfer_syntax(dataset):
    meta = getattr(dataset, "file_meta", None)
    if meta is not None and "TransferSyntaxUID" in meta:
        return meta.TransferSyntaxUID, True
    implicit, little = dataset.original_encoding
    name = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
    return UID(name if little else "1.2.840.10008.1.2.2"), False


def frame_count(dataset):
    """Number of Frames; 1 where it is missing or no number (badVR.dcm says `1A`)."""
    try:
        return int(dataset.get("NumberOfFrames", 1) or 1)
    except ValueError:
        dataset.NumberOfFrames = 1
        return 1


def decode_otherwise(path, dataset, entry):
    """SimpleITK (GDCM), or the truncated pixels with zeros where there is nothing; None if neither."""
    need = dataset.Rows * dataset.Columns * entry["frames"] * dataset.BitsAllocated // 8
    have = dataset.PixelData
    if not dataset.file_meta.TransferSyntaxUID.is_compressed and len(have) < need:
        entry["truncated"] = {"bytes": len(have), "expected_bytes": need, "filled_with": 0}
        padded = np.frombuffer(have + bytes(need - len(have)), "<i2" if entry["signed"] else "<u2")
        return padded.reshape(entry["frames"], dataset.Rows, dataset.Columns)
    try:
        array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))
        entry["decoder"] = "SimpleITK"
        return array
    except RuntimeError:
        entry["nobody_can"] = "pydicom, GDCM and OpenJPEG all refuse: show the message"
        return None


def describe(path):
    try:
        dataset = pydicom.dcmread(path, force=True)
    except Exception as error:
        return {"dicom": False, "reason": f"{type(error).__name__}: {error}"[:120]}
    magic = path.read_bytes()[128:132] == b"DICM"
    if not magic and not any(pydicom.datadict.dictionary_has_tag(tag) for tag in dataset.keys()):
        return {"dicom": False, "reason": "neither a preamble nor a known first element"}
    syntax, stated = transfer_syntax(dataset)
    meta = getattr(dataset, "file_meta", {})
    sop_class = dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""
    entry = {
        "dicom": True,
        "image": False,
        "sop_class": UID(sop_class).name,
        "modality": dataset.get("Modality", "") or "",
        "transfer_syntax": str(syntax),
        "transfer_syntax_in_file": stated,
    }
    pixels = [k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in dataset]
    if not pixels or "Rows" not in dataset:
        entry["preamble"] = magic
        entry["elements"] = len(dataset)
        return entry
    entry |= {
        "image": True,
        "rows": dataset.Rows,
        "columns": dataset.Columns,
        "frames": frame_count(dataset),
        "samples_per_pixel": dataset.SamplesPerPixel,
        "photometric": str(dataset.PhotometricInterpretation),
        "bits": [dataset.BitsAllocated, dataset.get("BitsStored"), dataset.get("HighBit")],
        "signed": bool(dataset.get("PixelRepresentation", 0)),
        "planar": dataset.get("PlanarConfiguration"),
    }
    dataset.file_meta = getattr(dataset, "file_meta", pydicom.dataset.FileMetaDataset())
    dataset.file_meta.TransferSyntaxUID = syntax

    def decode(raw):
        array, _ = get_decoder(syntax).as_array(dataset, raw=raw, allow_excess_frames=False)
        return array.reshape(entry["frames"], *array.shape[array.ndim - shape_rank :])

    shape_rank = 2 if entry["samples_per_pixel"] == 1 else 3

    try:
        stored = decode(True)
    except Exception as error:
        entry["pydicom_cannot"] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        stored = decode_otherwise(path, dataset, entry)
        if stored is None:
            return entry
    if syntax in TOLERANCE or str(syntax) == "1.2.840.10008.1.2.4.81":
        entry["lossy"] = True
        entry["tolerance"] = TOLERANCE.get(syntax, 0)  # JPEG-LS near-lossless decodes exactly
    entry["stored"] = summary(stored)
    shown = None
    if entry["samples_per_pixel"] == 3:
        shown = decode(False)
    elif entry["photometric"] == "PALETTE COLOR":  # tables of 16 bits: to 0..255
        table = apply_color_lut(stored, dataset)
        shown = np.round(table / 257).astype(np.uint8) if table.dtype == np.uint16 else table
    if shown is not None:
        entry["rgb"] = {
            "mean": [round(float(shown[..., c].mean(dtype=np.float64)), 4) for c in range(3)],
            "samples": summary(shown)["samples"],
        }
        entry["rgb_tolerance"] = 4 if entry.get("lossy") else 1
    return entry


def main():
    files = sorted(p for p in ROOT.rglob("*") if p.is_file())
    table = {p.relative_to(ROOT).as_posix(): describe(p) for p in files}
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in table.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    for name, entry in table.items():
        problem = entry.get("reason") or entry.get("pydicom_cannot")
        if problem:
            print(name, "|", problem)


if __name__ == "__main__":
    main()
