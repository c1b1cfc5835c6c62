"""A CT series whose rescale differs from slice to slice and that has padding, and what is left of it without padding.

Writes tests/data/padding and tests/expected/padding.json. Needs pydicom and numpy:

    python tests/expected/make_padding.py
"""

import hashlib
import json
import pathlib

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parent / "data" / "padding"
PADDING = -2000
SLICES, ROWS, COLUMNS = 3, 10, 12


def uid(*parts):
    return generate_uid(entropy_srcs=["veritome padding", *map(str, parts)])


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    real = np.full((SLICES, ROWS, COLUMNS), np.nan)
    for k in range(SLICES):
        y, x = np.mgrid[:ROWS, :COLUMNS]
        stored = ((7 * x + 31 * y + 211 * k) % 901).astype(np.int16)
        stored[:3, :4] = PADDING
        slope, intercept = 1 + 0.25 * k, -1024 + k
        inside = stored != PADDING
        real[k][inside] = stored[inside] * slope + intercept
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(k)
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = uid("study"), uid("series"), uid("frame")
        ds.PatientName, ds.PatientID, ds.Modality, ds.SeriesDescription = "Phantom^Veritome", "VT-padding", "CT", "padding"
        ds.InstanceNumber, ds.SeriesNumber = k + 1, 1
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [-10, 20, 5 + 2.5 * k], [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [0.8, 0.7], 2.5
        ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "HU"
        ds.PixelPaddingValue = PADDING
        ds.PixelData = stored.tobytes()
        ds.save_as(FOLDER / f"{hashlib.sha256(bytes([k])).hexdigest()[:4]}.dcm", enforce_file_format=True)
    inside = np.isfinite(real)
    expected = {
        "padding": int((~inside).sum()), "range": [float(np.nanmin(real)), float(np.nanmax(real))],
        "mean": float(np.nanmean(real)), "real": [None if np.isnan(v) else float(v) for v in real.ravel()],
    }
    (HERE / "padding.json").write_text(json.dumps(expected) + "\n")


main()
