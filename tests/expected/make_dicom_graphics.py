"""tests/data/graphics/* and graphics.json: overlay planes, display shutters, Real World Value Mappings and SUV.

Run from the repository root:  python tests/expected/make_dicom_graphics.py
Planes: pydicom's overlay_array where it reads them (packed, little endian), else the array that was packed; put onto the
image by PS3.3 C.9.2 in numpy. Shutters: PS3.3 C.7.6.11 pixel by pixel with cross products. Mappings: PS3.3 C.7.6.16.2.11.
SUV: QIBA's vendor-neutral steps.
"""

import json
import pathlib
import shutil

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from dicom_case import AXIAL, dataset, phantom, pixels, place, save

ROOT = pathlib.Path(__file__).resolve().parents[1] / "data" / "graphics"
OUT = pathlib.Path(__file__).with_name("graphics.json")
NX, NY = 24, 20


def fresh(case):
    folder = ROOT / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def hexed(mask):
    """One string a slice of [z, y, x]: bits packed lowest first."""
    return [np.packbits(m.astype(bool).ravel(), bitorder="little").tobytes().hex() for m in mask]


def drawing(rows, columns, seed):
    """Asymmetric bits."""
    y, x = np.mgrid[:rows, :columns]
    return ((3 * x + 5 * y + x * y + seed) % (7 + seed % 3) == 0) | ((x == 1) & (y > rows // 2))


def pack(bits):
    data = np.packbits(np.asarray(bits).ravel().astype(bool), bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def overlay(ds, group, bits=None, origin=(1, 1), size=None, kind="G", label=None, description=None, frames=None,
            frame_origin=None, data=None, bit=None, big_endian=False):
    rows, columns = size or np.asarray(bits).shape[-2:]
    ds.add_new((group, 0x0010), "US", rows)
    ds.add_new((group, 0x0011), "US", columns)
    ds.add_new((group, 0x0040), "CS", kind)
    ds.add_new((group, 0x0050), "SS", list(origin))
    ds.add_new((group, 0x0100), "US", 1 if bit is None else ds.BitsAllocated)
    ds.add_new((group, 0x0102), "US", bit or 0)
    if frames is not None:
        ds.add_new((group, 0x0015), "IS", frames)
    if frame_origin is not None:
        ds.add_new((group, 0x0051), "US", frame_origin)
    if description:
        ds.add_new((group, 0x0022), "LO", description)
    if label:
        ds.add_new((group, 0x1500), "LO", label)
    if bit is None:
        packed = pack(bits) if data is None else data
        if big_endian:
            packed = np.frombuffer(packed, "<u2").byteswap().tobytes()
        ds.add_new((group, 0x3000), "OW", packed)


def laid(bits, origin, rows=NY, columns=NX):
    """A plane on the image: its pixel (r, c) lies on image pixel (r + origin - 1)."""
    out = np.zeros((rows, columns), bool)
    for r in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            y, x = r + origin[0] - 1, c + origin[1] - 1
            if 0 <= y < rows and 0 <= x < columns:
                out[y, x] = bits[r, c]
    return out


def three(case, change, bits=None, syntax=ExplicitVRLittleEndian, volume=None, modality="MR", n=3):
    """Axial slices with what `change(ds, k)` adds; paths in the order of positions."""
    folder, paths = fresh(case), []
    volume = phantom(n) if volume is None else volume
    for k in range(n):
        ds = dataset(case, n - k, modality)
        place(ds, (-8, -7.5, 20 + 2.5 * k), AXIAL)
        pixels(ds, volume[k], bits)
        change(ds, k)
        path = folder / f"{'bca'[k % 3]}.dcm"
        if syntax == ExplicitVRBigEndian:
            ds["PixelData"].value = np.frombuffer(ds.PixelData, "<u2").byteswap().tobytes()
        save(ds, path, syntax)
        paths.append(path)
    return paths


def from_pydicom(paths, group):
    return [pydicom.dcmread(p).overlay_array(group) for p in paths]


def overlay_packed():
    """Two groups: one as large as the image, its bits by slice, one smaller that begins left of it."""
    def change(ds, k):
        overlay(ds, 0x6000, drawing(NY, NX, k), label="Findings")
        overlay(ds, 0x6002, drawing(9, 11, 7), origin=(5, -2), kind="R", description="Ring")

    paths = three("overlay_packed", change)
    first = np.array([laid(b, (1, 1)) for b in from_pydicom(paths, 0x6000)])
    second = np.array([laid(b, (5, -2)) for b in from_pydicom(paths, 0x6002)])
    return {"planes": [{"name": "Findings", "slices": hexed(first)}, {"name": "Ring", "slices": hexed(second)}],
            "faults": ["Overlay plane 6002 (Ring) reaches beyond the image"]}


def overlay_one_slice():
    """Only the middle slice has a plane; no label."""
    def change(ds, k):
        if k == 1:
            overlay(ds, 0x6004, drawing(NY, NX, 3))

    paths = three("overlay_one_slice", change, syntax=ImplicitVRLittleEndian)
    mask = np.zeros((3, NY, NX), bool)
    mask[1] = pydicom.dcmread(paths[1]).overlay_array(0x6004)
    return {"planes": [{"name": "Overlay 6004", "slices": hexed(mask)}]}


def overlay_big_endian():
    """Bits in big-endian words: the first eight are the second byte (PS3.5 8.1.2)."""
    def change(ds, k):
        overlay(ds, 0x6000, drawing(NY, NX, k), label="Big", big_endian=True)

    three("overlay_big_endian", change, syntax=ExplicitVRBigEndian)
    mask = np.array([drawing(NY, NX, k) for k in range(3)])
    return {"planes": [{"name": "Big", "slices": hexed(mask)}]}


def overlay_in_pixels():
    """Before 2004: bits 12 and 15 of each pixel's word are planes, the image is 12 bits."""
    bits = np.array([[drawing(NY, NX, k), drawing(NY, NX, 5 + k)] for k in range(3)])
    volume = phantom(3) | (bits[:, 0].astype(np.uint16) << 12) | (bits[:, 1].astype(np.uint16) << 15)

    def change(ds, k):
        overlay(ds, 0x6000, size=(NY, NX), bit=12, label="Low")
        overlay(ds, 0x6006, size=(NY, NX), bit=15, label="High")

    three("overlay_in_pixels", change, bits=12, volume=volume.astype(np.uint16))
    return {"planes": [{"name": "Low", "slices": hexed(bits[:, 0])}, {"name": "High", "slices": hexed(bits[:, 1])}]}


def overlay_frames():
    """A loop of five frames without a place: two frames of a plane from frame 3 on, and one plane for all."""
    folder = fresh("overlay_frames")
    ds = dataset("overlay_frames", 1, "US")
    pixels(ds, (phantom(5) // 8).astype(np.uint8))
    moving = np.array([drawing(NY, NX, 0), drawing(NY, NX, 1)])
    overlay(ds, 0x6000, moving, label="Moving", frames=2, frame_origin=3)
    overlay(ds, 0x6002, drawing(4, 6, 2), origin=(2, 3), label="Logo")
    save(ds, folder / "loop.dcm")
    read = pydicom.dcmread(folder / "loop.dcm")
    mask = np.zeros((5, NY, NX), bool)
    mask[2:4] = read.overlay_array(0x6000)
    logo = np.array([laid(read.overlay_array(0x6002), (2, 3))] * 5)
    return {"planes": [{"name": "Moving", "slices": hexed(mask)}, {"name": "Logo", "slices": hexed(logo)}]}


def overlay_bad():
    """Cut short, larger than the image, outside of it, no size, absurd frames, no data, in bits that the image has."""
    folder = fresh("overlay_bad")
    ds = dataset("overlay_bad", 1, "OT")
    pixels(ds, phantom(1)[0], bits=12)
    full = drawing(NY, NX, 1)
    overlay(ds, 0x6000, full, label="Cut", data=pack(full)[:20])
    large = drawing(40, 50, 2)
    overlay(ds, 0x6002, large, label="Large", origin=(-3, -4))
    overlay(ds, 0x6004, full, label="Outside", origin=(900, 1))
    overlay(ds, 0x6006, full, size=(0, NX), label="Empty")
    overlay(ds, 0x6008, full, size=(65535, 65535), label="Absurd", frames=2000000000, data=pack(full))
    overlay(ds, 0x600A, full, label="None", data=b"")
    overlay(ds, 0x600C, size=(NY, NX), bit=3, label="Taken")
    del ds[0x600A, 0x3000]
    save(ds, folder / "bad.dcm")
    cut = np.zeros(NY * NX, bool)
    cut[:160] = full.ravel()[:160]
    absurd = np.zeros((NY, NX), bool)
    # The first of 65535 columns' rows: all the bits that are there lie in row 0.
    absurd[0] = full.ravel()[:NX]
    planes = [{"name": "Cut", "slices": hexed(cut.reshape(1, NY, NX))},
              {"name": "Large", "slices": hexed(laid(large, (-3, -4))[None])},
              {"name": "Absurd", "slices": hexed(absurd[None])}]
    return {"planes": planes, "faults": [
        "Overlay plane 6000 (Cut) ends after 20 of 60 bytes",
        "Overlay plane 6002 (Large) reaches beyond the image",
        "Overlay plane 6004 is not shown: it lies outside the image, at row 900",
        "Overlay plane 6006 is not shown: its rows are 0",
        "Overlay plane 6008 (Absurd) ends after 60 of",
        "Overlay plane 600A is not shown: it has no data",
        "Overlay plane 600C is not shown: it has no data, and bit 3"]}


def overlay_packed_pixels():
    """Bits in the pixels of a compressed file cannot be read: named."""
    folder = fresh("overlay_packed_pixels")
    ds = dataset("overlay_packed_pixels", 1, "OT")
    pixels(ds, phantom(1)[0], bits=12)
    overlay(ds, 0x6000, size=(NY, NX), bit=12, label="Lost")
    path = folder / "rle.dcm"
    save(ds, path)
    read = pydicom.dcmread(path)
    read.compress(RLELossless, generate_instance_uid=False)
    read.save_as(path)
    return {"planes": [], "faults": ["Overlay plane 6000 is not shown: its bits are in the pixels"]}


# --- shutters -----------------------------------------------------------------------------------


def seen_rectangle(y, x, left, right, upper, lower):
    return left <= x <= right and upper <= y <= lower


def seen_circle(y, x, row, column, radius, aspect):
    return ((x - column) ** 2 + ((y - row) * aspect) ** 2) ** 0.5 <= radius + 1e-9


def seen_polygon(y, x, vertices):
    """Winding by crossings to the right; on an edge counts as inside."""
    inside = False
    for (y0, x0), (y1, x1) in zip(vertices, vertices[1:] + vertices[:1]):
        cross = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        if cross == 0 and min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1):
            return True
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


def shutter(target, shapes, value=None):
    target.ShutterShape = list(shapes)
    if "RECTANGULAR" in shapes:
        (target.ShutterLeftVerticalEdge, target.ShutterRightVerticalEdge, target.ShutterUpperHorizontalEdge,
         target.ShutterLowerHorizontalEdge) = shapes["RECTANGULAR"]
    if "CIRCULAR" in shapes:
        row, column, radius = shapes["CIRCULAR"]
        target.CenterOfCircularShutter, target.RadiusOfCircularShutter = [row, column], radius
    if "POLYGONAL" in shapes:
        target.VerticesOfThePolygonalShutter = [v for pair in shapes["POLYGONAL"] for v in pair]
    if value is not None:
        target.ShutterPresentationValue = value


def hidden(shapes, aspect, rows=NY, columns=NX):
    out = np.zeros((rows, columns), bool)
    for r in range(rows):
        for c in range(columns):
            y, x = r + 1, c + 1
            seen = (("RECTANGULAR" not in shapes or seen_rectangle(y, x, *shapes["RECTANGULAR"]))
                    and ("CIRCULAR" not in shapes or seen_circle(y, x, *shapes["CIRCULAR"], aspect))
                    and ("POLYGONAL" not in shapes or seen_polygon(y, x, shapes["POLYGONAL"])))
            out[r, c] = not seen
    return out


STAR = [(1, 4), (9, 9), (1, 15), (12, 24), (20, 13), (15, 2)]


def shutter_flat():
    """A radiograph with all three shapes at once and a grey value; 0.2 mm between rows, 0.1 between columns."""
    folder = fresh("shutter_flat")
    ds = dataset("shutter_flat", 1, "DX")
    array = phantom(1)[0]
    # What the shutter hides is far brighter: it must not enter the automatic window.
    shapes = {"RECTANGULAR": (3, 22, 2, 19), "CIRCULAR": (11, 12, 14), "POLYGONAL": STAR}
    mask = hidden(shapes, 2.0)
    array = np.where(mask, 60000, array).astype(np.uint16)
    pixels(ds, array)
    ds.ImagerPixelSpacing = [0.2, 0.1]
    shutter(ds, shapes, 0x8080)
    save(ds, folder / "dx.dcm")
    values = array[~mask]
    return {"shutter": hexed(mask[None]), "grey": 0x80, "seen_range": [int(values.min()), int(values.max())]}


def shutter_by_slice():
    """Slices of one series with different shutters, and one without."""
    shapes = [{"RECTANGULAR": (5, 20, 4, 17)}, {}, {"CIRCULAR": (10, 12, 8)}]

    def change(ds, k):
        if shapes[k]:
            shutter(ds, shapes[k])

    three("shutter_by_slice", change)
    return {"shutter": hexed([hidden(s, 0.8 / 0.7) for s in shapes]), "grey": 0}


def shutter_frames():
    """An enhanced object: one shutter for all frames in the shared groups, another for frame 2 in its own."""
    folder = fresh("shutter_frames")
    ds = dataset("shutter_frames", 1, "MR", sop="enhanced MR")
    pixels(ds, phantom(3))
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], 5
    orientation.ImageOrientationPatient = AXIAL
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    common, own = {"RECTANGULAR": (2, 23, 2, 19)}, {"POLYGONAL": STAR}
    item = Dataset()
    shutter(item, common, 0xFFFF)
    shared.FrameDisplayShutterSequence = Sequence([item])
    frames = []
    for k in range(3):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [-8, -7.5, 20 + 2.5 * k]
        frame.PlanePositionSequence = Sequence([position])
        if k == 1:
            item = Dataset()
            shutter(item, own, 0xFFFF)
            frame.FrameDisplayShutterSequence = Sequence([item])
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    save(ds, folder / "enhanced.dcm")
    aspect = 0.8 / 0.7
    return {"shutter": hexed([hidden(s, aspect) for s in (common, own, common)]), "grey": 255}


def shutter_bad():
    """A bitmap, a rectangle without an edge, a polygon of two corners: named, nothing hidden."""
    folder = fresh("shutter_bad")
    ds = dataset("shutter_bad", 1, "DX")
    pixels(ds, phantom(1)[0])
    shutter(ds, {"RECTANGULAR": (3, 22, 2, 19), "POLYGONAL": STAR[:2]})
    ds.ShutterShape = ["RECTANGULAR", "POLYGONAL", "BITMAP"]
    del ds.ShutterLeftVerticalEdge
    save(ds, folder / "bad.dcm")
    return {"shutter": None, "faults": ["RECTANGULAR is left out, so what it should hide is seen: an edge is missing",
                                        "POLYGONAL is left out", "BITMAP is left out"]}


# --- quantities ---------------------------------------------------------------------------------


def coded(value, meaning, scheme="UCUM"):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def mapping(unit, label, first, last, slope=None, intercept=None, table=None, explanation=None, signed=False):
    item = Dataset()
    kind = "SS" if signed else "US"
    item.add_new((0x0040, 0x9216), kind, first)
    item.add_new((0x0040, 0x9211), kind, last)
    item.LUTLabel = label
    item.LUTExplanation = explanation or label
    item.MeasurementUnitsCodeSequence = Sequence([coded(unit, unit)])
    if table is not None:
        item.RealWorldValueLUTData = [float(v) for v in table]
    else:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = float(slope), float(intercept)
    return item


def at(volume, value):
    """[x, y, z, quantity or null] at a few voxels; `value(stored, k)`."""
    out = []
    for z in range(volume.shape[0]):
        for y, x in ((0, 0), (3, 17), (11, 5), (19, 23)):
            v = value(int(volume[z, y, x]), z)
            out.append([x, y, z, None if v is None else float(v)])
    return out


def mapped_beside():
    """CT with its rescale, and a mapping to density for part of the numbers: HU stays, density stands beside it."""
    volume = phantom(3)

    def change(ds, k):
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 2, -1024, "HU"
        ds.RealWorldValueMappingSequence = Sequence(
            [mapping("g/cm3", "DENS", 0, 1500, 0.002, 0.1, explanation="Density")])

    three("mapped_beside", change, modality="CT")
    return {"unit": "HU", "real": at(volume, lambda s, _: 2 * s - 1024),
            "quantities": [{"name": "Density", "unit": "g/cm3",
                            "values": at(volume, lambda s, _: 0.002 * s + 0.1 if s <= 1500 else None)}]}


def mapped_instead():
    """MR without a rescale and a mapping for every number, its slope by slice: the value is the mapped one."""
    volume = phantom(3)

    def change(ds, k):
        ds.RealWorldValueMappingSequence = Sequence([mapping("um2/s", "ADC", 0, 65535, 0.5 + 0.25 * k, 10)])

    three("mapped_instead", change)
    return {"unit": "um2/s", "real": at(volume, lambda s, k: (0.5 + 0.25 * k) * s + 10), "quantities": [],
            "faults": ["Values are those of a Real World Value Mapping (ADC, um2/s)"]}


def mapped_table():
    """A table from 100 on, beside a rescale that differs from slice to slice."""
    volume = phantom(3)
    table = [(n % 97) * 1.5 for n in range(900)]

    def change(ds, k):
        ds.RescaleSlope, ds.RescaleIntercept = 1 + k, 5
        ds.RealWorldValueMappingSequence = Sequence([mapping("ms", "T2", 100, 999, table=table)])

    three("mapped_table", change)
    return {"unit": "arbitrary", "real": at(volume, lambda s, k: (1 + k) * s + 5),
            "quantities": [{"name": "T2", "unit": "ms",
                            "values": at(volume, lambda s, _: table[s - 100] if 100 <= s <= 999 else None)}]}


def pet(ds, k, **more):
    ds.Units, ds.CorrectedImage, ds.DecayCorrection = "BQML", ["DECY", "ATTN", "SCAT"], "START"
    ds.SeriesDate, ds.SeriesTime = "20240301", "001000.00"
    ds.AcquisitionDate, ds.AcquisitionTime = "20240301", f"00{10 + 3 * k:02d}00.00"
    ds.PatientWeight = 70.5
    ds.RescaleSlope, ds.RescaleIntercept = 2.5 + k, 0
    drug = Dataset()
    drug.RadiopharmaceuticalStartTime = "231500.00"
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = 370e6, 6586.2
    ds.RadiopharmaceuticalInformationSequence = Sequence([drug])
    for name, value in more.items():
        setattr(ds, name, value)


def suv():
    """Injected at 23:15 the day before, scanned from 00:10 on, fluorine-18; slopes by slice."""
    volume = phantom(3)
    three("suv", lambda ds, k: pet(ds, k), modality="PT")
    decayed = 370e6 * 2 ** (-(55 * 60) / 6586.2)
    factor = 70.5 * 1000 / decayed
    return {"unit": "Bq/ml", "real": at(volume, lambda s, k: (2.5 + k) * s),
            "quantities": [{"name": "SUVbw", "unit": "g/ml",
                            "values": at(volume, lambda s, k: (2.5 + k) * s * factor)}]}


def suv_late_series():
    """The series' time is that of a later reconstruction: the first acquisition counts. Dose corrected to injection in none."""
    volume = phantom(3)
    three("suv_late_series", lambda ds, k: pet(ds, k, SeriesTime="093000.00"), modality="PT")
    decayed = 370e6 * 2 ** (-(55 * 60) / 6586.2)
    factor = 70.5 * 1000 / decayed
    return {"unit": "Bq/ml", "real": at(volume, lambda s, k: (2.5 + k) * s),
            "quantities": [{"name": "SUVbw", "unit": "g/ml",
                            "values": at(volume, lambda s, k: (2.5 + k) * s * factor)}]}


def suv_no_weight():
    """Without a weight there is no SUV, and it is said."""
    volume = phantom(3)
    three("suv_no_weight", lambda ds, k: pet(ds, k, PatientWeight=None), modality="PT")
    return {"unit": "Bq/ml", "real": at(volume, lambda s, k: (2.5 + k) * s), "quantities": [],
            "faults": ["SUV cannot be computed from this PET series: there is no Patient's Weight"]}


CASES = [overlay_packed, overlay_one_slice, overlay_big_endian, overlay_in_pixels, overlay_frames, overlay_bad,
         overlay_packed_pixels, shutter_flat, shutter_by_slice, shutter_frames, shutter_bad, mapped_beside,
         mapped_instead, mapped_table, suv, suv_late_series, suv_no_weight]


def main():
    table = {}
    for make in CASES:
        table[make.__name__] = {"about": " ".join(make.__doc__.split()), **make()}
        print(make.__name__)
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in table.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
