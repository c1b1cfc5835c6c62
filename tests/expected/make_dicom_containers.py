"""Cases that are about how files are kept: DICOMDIR, ZIP, other objects, rubbish between the images.

They reuse the axial series, so its entry is expected again.
"""

import zipfile

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence

from dicom_case import ROOT, assemble, dataset, fresh, phantom, pixels, place, save, uid


def axial_files():
    return sorted((ROOT / "axial").iterdir())


def axial_entry(**more):
    return assemble([axial_files()], skip_peers=True, **more)


def for_dicomdir(file_set):
    """pydicom wants Study ID and the like for its directory records."""
    for path in axial_files():
        ds = dcmread(path)
        ds.StudyID, ds.AccessionNumber = "1", "A1"
        file_set.add(ds)


def remove_random_names(folder):
    """The File-set's UID is random; rewrite it so that a second run gives the same bytes."""
    path = folder / "DICOMDIR"
    ds = dcmread(path)
    ds.file_meta.MediaStorageSOPInstanceUID = uid(folder.name, "fileset")
    ds.save_as(path)


def dicomdir():
    """The axial series behind a DICOMDIR, files without extension three folders down."""
    folder = fresh("dicomdir")
    file_set = FileSet()
    for_dicomdir(file_set)
    file_set.write(folder)
    remove_random_names(folder)
    return {"open": ["tests/data/dicom/dicomdir", "tests/data/dicom/dicomdir/DICOMDIR"],
            "series": [axial_entry()]}


def dicomdir_missing_file():
    """The DICOMDIR names a file that is not there: the rest is shown, the file is named."""
    folder = fresh("dicomdir_missing_file")
    file_set = FileSet()
    for_dicomdir(file_set)
    file_set.write(folder)
    remove_random_names(folder)
    images = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "DICOMDIR")
    gone = max(images, key=lambda p: float(dcmread(p).ImagePositionPatient[2]))
    gone.unlink()
    images.remove(gone)
    return {"open": ["tests/data/dicom/dicomdir_missing_file/DICOMDIR"],
            "missing": gone.relative_to(folder).as_posix(),
            "series": [assemble([images], skip_peers=True)]}


def add(archive, name, data):
    archive.writestr(zipfile.ZipInfo(name, (2024, 2, 29, 10, 15, 0)), data, zipfile.ZIP_DEFLATED)


def zip_axial():
    """The axial series in a ZIP, in a folder, with a text file."""
    path = fresh("zip") / "axial.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in axial_files():
            add(archive, f"study/series/{file.name}", file.read_bytes())
        add(archive, "study/README.txt", b"not an image\n")
    return {"open": ["tests/data/dicom/zip/axial.zip"], "series": [axial_entry()]}


def zip_traversal():
    """Entries that point outside: `../../escaped.dcm`, `/veritome_escaped.dcm`, `C:\\…`. Nothing may be written there.

    The good entries beside them are shown; the bad ones are named as skipped.
    """
    path = ROOT / "zip" / "traversal.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    files = axial_files()
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            add(archive, f"study/{file.name}", file.read_bytes())
        for name in ("../../escaped.dcm", "/veritome_escaped.dcm", "C:\\veritome_escaped.dcm"):
            add(archive, name, files[0].read_bytes())
    return {"open": ["tests/data/dicom/zip/traversal.zip"], "series": [axial_entry()],
            "skipped_min": 3}


def zip_bomb():
    """A ZIP entry of 300 KB that unpacks to 300 MB of zeros under a DICOM name."""
    path = ROOT / "zip" / "bomb.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("big.dcm", (2024, 2, 29, 10, 15, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w") as out:
            for _ in range(300):
                out.write(bytes(1_000_000))
    return {"open": ["tests/data/dicom/zip/bomb.zip"], "series": [], "skipped_min": 1}


OBJECTS = [  # file, modality, SOP class, what it is
    ("sr.dcm", "SR", "1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR"),
    ("rtstruct.dcm", "RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3", "RT structure set"),
    ("rtplan.dcm", "RTPLAN", "1.2.840.10008.5.1.4.1.1.481.5", "RT plan"),
    ("pr.dcm", "PR", "1.2.840.10008.5.1.4.1.1.11.1", "Grayscale presentation state"),
    ("ko.dcm", "KO", "1.2.840.10008.5.1.4.1.1.88.59", "Key object selection"),
    ("pdf.dcm", "DOC", "1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF"),
    ("ecg.dcm", "ECG", "1.2.840.10008.5.1.4.1.1.9.1.1", "12-lead ECG"),
]


def objects():
    """SR, RTSTRUCT, RTPLAN, PR, KO, PDF, ECG and a SEG beside two slices: each named, none failed."""
    folder = fresh("objects")
    listed = []
    for i, (name, modality, sop, what) in enumerate(OBJECTS):
        ds = dataset("objects", 1, modality, series=10 + i)
        ds.SOPClassUID = sop
        del ds.ImageType
        if modality == "DOC":
            ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
            ds.EncapsulatedDocument = b"%PDF-1.4\n%%EOF\n "
        save(ds, folder / name)
        listed.append({"file": name, "modality": modality, "what": what,
                       "uid": str(ds.SeriesInstanceUID)})
    seg = dataset("objects", 1, "SEG", series=30)
    seg.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    mask = (phantom(2) > 900).astype(np.uint8)
    pixels(seg, mask)
    seg.BitsAllocated = seg.BitsStored = 1
    seg.HighBit = 0
    seg.PixelData = np.packbits(mask.ravel(), bitorder="little").tobytes()
    seg["PixelData"].VR = "OB"
    seg.SegmentationType = "BINARY"
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Box"
    segment.SegmentAlgorithmType = "MANUAL"
    seg.SegmentSequence = Sequence([segment])
    save(seg, folder / "seg.dcm")
    listed.append({"file": "seg.dcm", "modality": "SEG", "what": "Segmentation",
                   "uid": str(seg.SeriesInstanceUID)})
    images = []
    for k in range(2):
        ds = dataset("objects", k + 1, "MR")
        place(ds, (0, 0, 2.0 * k))
        pixels(ds, phantom(2)[k])
        save(ds, folder / f"image{k}.dcm")
        images.append(folder / f"image{k}.dcm")
    return {"series": [assemble([images], skip_peers=True)], "objects": listed}


def rubbish():
    """Three slices among an empty file, text, a PNG's first bytes, and a file of zeros."""
    folder = fresh("rubbish")
    images = []
    for k in range(3):
        ds = dataset("rubbish", k + 1, "MR")
        place(ds, (0, 0, 2.0 * k))
        pixels(ds, phantom(3)[k])
        save(ds, folder / f"image{k}.dcm")
        images.append(folder / f"image{k}.dcm")
    bad = {"empty.dcm": b"", "notes.txt": b"patient moved\n", "picture.png": b"\x89PNG\r\n\x1a\n",
           "zeros.bin": bytes(2000), "Thumbs.db": bytes(range(256))}
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    return {"series": [assemble([images], skip_peers=True)], "skipped_min": 0,
            "skipped_may_be": sorted(bad)}


CASES = {f.__name__: f for f in (
    dicomdir, dicomdir_missing_file, zip_axial, zip_traversal, zip_bomb, objects, rubbish,
)}
