"""What the small DICOM cases share: a lopsided phantom, datasets, and what a right reader makes of them.

Everything is deterministic (UIDs from hashes, fixed dates), so running a script twice changes nothing.
"""

import hashlib
import pathlib
import shutil

import nibabel
import numpy as np
from pydicom import dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

# JPEG XL is younger than pydicom 3.0.2.
UID_dictionary["1.2.840.10008.1.2.4.110"] = (
    "JPEG XL Lossless", "Transfer Syntax", "", "", "JPEGXLLossless")
ROOT = pathlib.Path(__file__).resolve().parents[1] / "data" / "dicom"
SOP = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "OT": "1.2.840.10008.5.1.4.1.1.7",
    "US": "1.2.840.10008.5.1.4.1.1.3.1",
    "enhanced CT": "1.2.840.10008.5.1.4.1.1.2.1",
    "enhanced MR": "1.2.840.10008.5.1.4.1.1.4.1",
    "parametric map": "1.2.840.10008.5.1.4.1.1.30",
}
AXIAL = [1, 0, 0, 0, 1, 0]
SHUFFLED = [3, 0, 5, 1, 7, 4, 2, 6]  # file number of slice k, so that names do not follow positions


def uid(*parts):
    return generate_uid(entropy_srcs=["veritome fixtures", *map(str, parts)])


def phantom(nz, ny=20, nx=24, seed=0):
    """[z, y, x], 0..2000, no symmetry: a bright box in a corner over a residue pattern."""
    z, y, x = np.mgrid[:nz, :ny, :nx]
    values = (7 * x + 31 * y + 211 * z + 97 * seed) % 1201
    box = (x > nx // 2) & (y < ny // 3) & (z < max(1, nz // 2))
    return (values + 799 * box).astype(np.uint16)


def fresh(case):
    """An empty folder for the case."""
    folder = ROOT / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def dataset(case, number, modality="CT", series=1, study=1, sop=None):
    """The attributes that every instance has."""
    ds = Dataset()
    ds.SOPClassUID = SOP.get(sop or modality, SOP["OT"])
    ds.SOPInstanceUID = uid(case, study, series, number)
    ds.StudyInstanceUID = uid(case, study)
    ds.SeriesInstanceUID = uid(case, study, "series", series)
    ds.FrameOfReferenceUID = uid(case, study, "frame")
    ds.PatientName, ds.PatientID = "Phantom^Veritome", f"VT-{case}"
    ds.StudyDate, ds.StudyTime = "20240229", "101500"
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = modality, series, case.replace("_", " ")
    ds.InstanceNumber = number
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    return ds


def place(ds, position, orientation=AXIAL, spacing=(0.8, 0.7)):
    """Image plane; `spacing` is (between rows, between columns) as in Pixel Spacing."""
    ds.ImagePositionPatient = [f"{v:.6f}".rstrip("0").rstrip(".") for v in position]
    ds.ImageOrientationPatient = [f"{v:.9f}".rstrip("0").rstrip(".") for v in orientation]
    ds.PixelSpacing = list(spacing)
    ds.SliceThickness = 5  # deliberately not the spacing


def pixels(ds, array, bits=None, signed=None):
    """Pixel Data of [y, x], [frame, y, x] or with a last axis of 3."""
    array = np.asarray(array)
    colour = array.ndim > 2 and array.shape[-1] == 3
    rows, columns = array.shape[-3:-1] if colour else array.shape[-2:]
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = array.dtype.itemsize * 8
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i" if signed is None else signed)
    if array.ndim - colour > 2:
        ds.NumberOfFrames = array.shape[0]
    data = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"


def save(ds, path, syntax=ExplicitVRLittleEndian, frames=None, bare=False):
    """Write; `frames` are encoded already; `bare` leaves preamble and file meta away."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = syntax
    if frames is not None:
        ds.PixelData = encapsulate(frames)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    path.parent.mkdir(parents=True, exist_ok=True)
    if bare:
        del ds.file_meta
        ds.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    else:
        ds.save_as(path, enforce_file_format=True)


# --- what a right reader gives: PS3.3 C.7.6.2, from the files as written ------------------------


def plane(ds):
    """(position, column-index direction, row-index direction) in mm a voxel."""
    position = np.array(ds.ImagePositionPatient, float)
    along = np.array(ds.ImageOrientationPatient, float)
    between_rows, between_columns = map(float, ds.PixelSpacing)
    return position, along[:3] * between_columns, along[3:] * between_rows


def order(planes):
    """Indices sorted by distance along row x column, and these distances."""
    normal = np.cross(planes[0][1], planes[0][2])
    normal /= np.linalg.norm(normal)
    distance = np.array([p[0] @ normal for p in planes])
    index = np.argsort(distance, kind="stable")
    return index, distance[index]


def stack_affine(planes):
    """4x4 LPS of sorted planes; the third column is (last - first) / (n - 1), so a tilt stays."""
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 3] = planes[0][1], planes[0][2], planes[0][0]
    if len(planes) > 1:
        affine[:3, 2] = (planes[-1][0] - planes[0][0]) / (len(planes) - 1)
    else:
        normal = np.cross(affine[:3, 0], affine[:3, 1])
        affine[:3, 2] = normal / np.linalg.norm(normal)
    return affine


NAMES = {"|u1": "u8", "<u2": "u16", "<i2": "i16", "<u4": "u32", "<i4": "i32", "<f4": "f32", "<f8": "f64"}


def voxels(stored, slope=1.0, intercept=0.0, exclude=None):
    """Digest and real values of [t, z, y, x] (or [.., 3]); slope may be an array [t, z, 1, 1]."""
    stored = np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("<")))
    entry = {
        "dtype": "rgb8" if stored.ndim == 5 else NAMES[stored.dtype.str],
        "stored_sha256": hashlib.sha256(stored.tobytes()).hexdigest(),
    }
    if stored.ndim == 4:  # whatever type a reader keeps them in
        entry["f64_sha256"] = hashlib.sha256(stored.astype("<f8").tobytes()).hexdigest()
    real = stored if stored.ndim == 5 else stored.astype(np.float64) * slope + intercept
    inside = real if exclude is None else real[~exclude(stored)]
    if stored.ndim == 4:
        entry["range"] = [float(np.nanmin(inside)), float(np.nanmax(inside))]
        entry["mean"] = round(float(np.nanmean(inside)), 6)
    t, z, y, x = stored.shape[:4]
    places = [(0, 0, 0, 0), (0, 0, 2, x - 3), (0, z - 1, y - 1, 1), (0, z // 2, y // 3, x // 4),
              (t - 1, z // 2, y // 2, x // 2), (t - 1, z - 1, y - 1, x - 1)]
    entry["real"] = [
        [i[0], i[3], i[2], i[1], np.asarray(real[i]).tolist()] for i in dict.fromkeys(places)
    ]
    return entry


def geometry(affine, shape_zyx):
    rounded = [[round(float(v), 6) + 0.0 for v in row] for row in affine]
    axes = nibabel.aff2axcodes(affine, (("R", "L"), ("A", "P"), ("F", "H")))
    return {
        "dims": [int(n) for n in shape_zyx[::-1]],
        "spacing_mm": [round(float(v), 6) for v in np.linalg.norm(affine[:3, :3], axis=0)],
        "affine_lps": rounded,
        "axes": "".join(axes),
    }


def assemble(files_by_time, warnings=(), stored=None, **more):
    """The expected entry of one volume out of file paths, one list a time point.

    Files are read back from disk, sorted by position and stacked; `stored` overrides the stack
    where pydicom would not give it.
    """
    stacks, slopes, intercepts = [], [], []
    for files in files_by_time:
        sets = [dcmread(f, force=True) for f in files]
        planes = [plane(ds) for ds in sets]
        index, distance = order(planes)
        planes = [planes[i] for i in index]
        stacks.append([sets[i] for i in index])
        slopes.append([[[float(sets[i].get("RescaleSlope", 1))]] for i in index])
        intercepts.append([[[float(sets[i].get("RescaleIntercept", 0))]] for i in index])
        affine = stack_affine(planes)
    if stored is None:
        stored = np.array([[ds.pixel_array for ds in stack] for stack in stacks])
    slope, intercept = np.array(slopes), np.array(intercepts)
    first = stacks[0][0]
    entry = {
        "uid": str(first.SeriesInstanceUID),
        "modality": str(first.Modality),
        "files": sum(len(f) for f in files_by_time),
        "frames": len(files_by_time),
        **geometry(affine, stored.shape[1:4]),
        **voxels(stored, slope, intercept),
        "warnings": sorted(warnings),
        **more,
    }
    if len(np.unique(slope)) > 1 or len(np.unique(intercept)) > 1:
        entry["per_slice_rescale"] = [np.ravel(slope).tolist(), np.ravel(intercept).tolist()]
    elif slope.flat[0] != 1 or intercept.flat[0] != 0:
        entry["rescale"] = [float(slope.flat[0]), float(intercept.flat[0])]
    steps = np.diff(distance)
    if len(steps) and not np.allclose(steps, steps[0], atol=1e-4):
        entry["positions_mm"] = [round(float(v - distance[0]), 4) for v in distance]
    if "gantry_tilt" in warnings:
        entry["step_along_normal_mm"] = round(float(steps[0]), 6)
    return entry


def unplaced(files, stored, warnings=("no_geometry",), **more):
    """The expected entry of a stack without positions: no affine, `stored` as [z, y, x(, 3)]."""
    first = dcmread(files[0])
    return {
        "uid": str(first.SeriesInstanceUID),
        "modality": str(first.Modality),
        "files": len(files),
        "frames": 1,
        "dims": [int(n) for n in stored.shape[:3][::-1]],
        "affine_lps": None,
        **voxels(stored[None]),
        "warnings": sorted(warnings),
        "skip_peers": True,
        **more,
    }
