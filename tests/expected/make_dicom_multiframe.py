"""Cases with many frames in one file: enhanced CT and MR, parametric maps, RT dose."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_case import (
    AXIAL,
    dataset,
    fresh,
    geometry,
    order,
    phantom,
    pixels,
    save,
    stack_affine,
    uid,
    voxels,
)
from make_dicom_geometry import CORONAL, OBLIQUE, along, even

SPACING = (0.8, 0.7)


def item(**attributes):
    ds = Dataset()
    for name, value in attributes.items():
        setattr(ds, name, value)
    return ds


def sequence(**attributes):
    return Sequence([item(**attributes)])


def text(values, digits):
    return [f"{v:.{digits}f}".rstrip("0").rstrip(".") for v in values]


def write(case, modality, frames, sop, shared_rescale=None, array=None, change=None):
    """`frames`: dicts of position, orientation, pixels, rescale, stack, slot (1..) and time (1..)."""
    ds = dataset(case, 1, modality, sop=sop)
    pixels(ds, np.stack([f["pixels"] for f in frames]) if array is None else array)
    ds.NumberOfFrames = len(frames)
    shared = item(PixelMeasuresSequence=sequence(PixelSpacing=list(SPACING), SliceThickness=5))
    one_orientation = len({tuple(f["orientation"]) for f in frames}) == 1

    def orientation(frame):
        return sequence(ImageOrientationPatient=text(frame["orientation"], 9))

    def rescale(slope, intercept):
        return sequence(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")

    if one_orientation:
        shared.PlaneOrientationSequence = orientation(frames[0])
    if shared_rescale:
        shared.PixelValueTransformationSequence = rescale(*shared_rescale)
    per_frame = []
    for frame in frames:
        group = item(
            PlanePositionSequence=sequence(ImagePositionPatient=text(frame["position"], 6)),
            FrameContentSequence=sequence(
                StackID=frame.get("stack", "1"),
                InStackPositionNumber=frame["slot"],
                TemporalPositionIndex=frame.get("time", 1),
                DimensionIndexValues=[int(frame.get("stack", 1)), frame["slot"], frame.get("time", 1)],
            ),
        )
        if not one_orientation:
            group.PlaneOrientationSequence = orientation(frame)
        if "rescale" in frame:
            group.PixelValueTransformationSequence = rescale(*frame["rescale"])
        per_frame.append(group)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    organization = uid(case, "dimensions")
    ds.DimensionOrganizationSequence = sequence(DimensionOrganizationUID=organization)
    ds.DimensionIndexSequence = Sequence(
        item(DimensionOrganizationUID=organization, DimensionIndexPointer=tag,
             FunctionalGroupPointer=0x00209111)
        for tag in (0x00209056, 0x00209057, 0x00209128))
    if change:
        change(ds)
    save(ds, fresh(case) / "image.dcm")
    return ds


def expected(ds, groups, warnings=(), **more):
    """One volume: `groups` is a list, per time point, of the frames in it."""
    stored, slopes, intercepts = [], [], []
    for frames in groups:
        planes = [
            (np.array(text(f["position"], 6), float),
             np.array(text(f["orientation"][:3], 9), float) * SPACING[1],
             np.array(text(f["orientation"][3:], 9), float) * SPACING[0])
            for f in frames
        ]
        index, _ = order(planes)
        affine = stack_affine([planes[i] for i in index])
        stored.append([frames[i]["pixels"] for i in index])
        slopes.append([[[frames[i].get("rescale", more.get("rescale", (1, 0)))[0]]] for i in index])
        intercepts.append([[[frames[i].get("rescale", more.get("rescale", (1, 0)))[1]]] for i in index])
    stored, slope, intercept = np.array(stored), np.array(slopes, float), np.array(intercepts, float)
    if len(np.unique(slope)) > 1:
        more["per_slice_rescale"] = [np.ravel(slope).tolist(), np.ravel(intercept).tolist()]
    return {
        "uid": str(ds.SeriesInstanceUID), "modality": str(ds.Modality), "files": 1,
        "frames": len(groups), **geometry(affine, stored.shape[1:]),
        **voxels(stored, slope, intercept), "warnings": sorted(warnings), **more,
    }


def frames_of(orientation, distances, volume, **more):
    return [
        {"position": p, "orientation": orientation, "pixels": volume[k], "slot": k + 1, **more}
        for k, p in enumerate(along(orientation, distances))
    ]


def enhanced_ct():
    """Six frames in no order; one rescale for all."""
    frames = frames_of(AXIAL, even(6), phantom(6).astype(np.int16))
    shuffled = [frames[i] for i in (3, 0, 5, 1, 4, 2)]
    ds = write("enhanced_ct", "CT", shuffled, "enhanced CT", shared_rescale=(1, -1024))
    return [expected(ds, [frames], rescale=[1.0, -1024.0])]


def enhanced_ct_oblique():
    frames = frames_of(OBLIQUE, even(5, 2.5), phantom(5).astype(np.int16))
    ds = write("enhanced_ct_oblique", "CT", frames[::-1], "enhanced CT", shared_rescale=(1, -1024))
    return [expected(ds, [frames], rescale=[1.0, -1024.0])]


def enhanced_mr():
    """Two time points of four slices, mixed; every frame has its own rescale (as Philips writes)."""
    groups = []
    for t in range(2):
        frames = frames_of(OBLIQUE, even(4, 4.0), phantom(4, seed=t), time=t + 1)
        for k, frame in enumerate(frames):
            frame["rescale"] = (0.5 + 0.25 * k + t, -10.0 * t)
        groups.append(frames)
    mixed = [f for pair in zip(groups[1], groups[0]) for f in pair]
    ds = write("enhanced_mr", "MR", [mixed[i] for i in (5, 2, 7, 0, 1, 6, 3, 4)], "enhanced MR")
    return [expected(ds, groups, ["time_points"])]


def enhanced_two_stacks():
    """Two stacks of different orientation in one file."""
    first = frames_of(AXIAL, even(4), phantom(4), stack="1")
    second = frames_of(CORONAL, even(3), phantom(3, seed=3), stack="2")
    mixed = [f for pair in zip(second, first) for f in pair] + first[3:]
    ds = write("enhanced_two_stacks", "MR", mixed, "enhanced MR")
    return [expected(ds, [part], ["mixed_orientation"]) for part in (first, second)]


def enhanced_missing_frame():
    distances = [0, 3, 9, 12, 15]
    frames = frames_of(AXIAL, distances, phantom(5).astype(np.int16))
    ds = write("enhanced_missing_frame", "CT", frames, "enhanced CT", shared_rescale=(1, -1024))
    return [expected(ds, [frames], ["missing_slices"], rescale=[1.0, -1024.0],
                     positions_mm=distances, missing_at_mm=[6.0], nominal_step_mm=3.0)]


def parametric(case, dtype, keyword, vr):
    volume = ((phantom(4).astype(np.float64) - 700) / 333).astype(dtype)
    volume[1, 3, 4] = np.nan
    frames = frames_of(AXIAL, even(4), volume)

    def floats(ds):
        del ds.PixelData
        for name in ("BitsStored", "HighBit", "PixelRepresentation"):
            delattr(ds, name)
        data = np.stack([f["pixels"] for f in frames[::-1]])
        setattr(ds, keyword, data.astype(data.dtype.newbyteorder("<")).tobytes())
        ds[keyword].VR = vr
        ds.BitsAllocated = data.dtype.itemsize * 8

    ds = write(case, "MR", frames[::-1], "parametric map", change=floats,
               array=np.zeros((4, 20, 24), np.uint16))
    return [expected(ds, [frames], note="one voxel, [4, 3, 1], is NaN")]


def float_pixels():
    """Parametric map with Float Pixel Data (7FE0,0008)."""
    return parametric("float_pixels", np.float32, "FloatPixelData", "OF")


def double_pixels():
    """Parametric map with Double Float Pixel Data (7FE0,0009)."""
    return parametric("double_pixels", np.float64, "DoubleFloatPixelData", "OD")


def rt_dose():
    """RT dose: one position, Grid Frame Offset Vector for the rest, Dose Grid Scaling for the unit."""
    volume = (phantom(5).astype(np.uint32) * 1000 + 7)
    ds = dataset("rt_dose", 1, "RTDOSE")
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.2"
    pixels(ds, volume)
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-12.5, -30.25, 40], AXIAL
    ds.PixelSpacing = list(SPACING)
    ds.GridFrameOffsetVector = even(5, 2.5)
    ds.FrameIncrementPointer = 0x3004000C
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType, ds.DoseGridScaling = "GY", "PHYSICAL", "PLAN", "1e-6"
    save(ds, fresh("rt_dose") / "image.dcm")
    frames = frames_of(AXIAL, even(5, 2.5), volume)
    return [expected(ds, [frames], rescale=[1e-6, 0.0], unit="Gy",
                     note="listed as an object or shown; if shown, so")]


CASES = {f.__name__: f for f in (
    enhanced_ct, enhanced_ct_oblique, enhanced_mr, enhanced_two_stacks, enhanced_missing_frame,
    float_pixels, double_pixels, rt_dose,
)}
