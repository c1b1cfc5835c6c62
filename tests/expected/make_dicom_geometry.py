"""Series whose difficulty is where the slices lie: tests/data/dicom/{axial, oblique, tilt, …}."""

import numpy as np

from dicom_case import AXIAL, ROOT, SHUFFLED, assemble, dataset, fresh, phantom, pixels, place, save


def directions(row, column):
    row = np.array(row, float) / np.linalg.norm(row)
    column = np.array(column, float) - np.dot(column, row) * row
    return [*row, *(column / np.linalg.norm(column))]


SAGITTAL = [0, 1, 0, 0, 0, -1]
CORONAL = [1, 0, 0, 0, 0, -1]
OBLIQUE = directions([0.93, 0.25, -0.27], [-0.21, 0.96, 0.18])


def normal(orientation):
    return np.cross(orientation[:3], orientation[3:])


def stack(case, positions, orientation=AXIAL, volume=None, modality="CT", series=1, study=1,
          start=0, change=None, signed=True):
    """One file a slice; names shuffled, InstanceNumber runs against the positions."""
    folder = fresh(case) if start == 0 else ROOT / case
    count = len(positions)
    volume = phantom(count, seed=start) if volume is None else volume
    files = []
    for k, position in enumerate(positions):
        ds = dataset(case, start + count - k, modality, series, study)
        place(ds, position, orientation)
        if modality == "CT":
            ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
        ds.AcquisitionTime = f"1016{k:02d}.5"  # differs by slice in any CT: no time series
        pixels(ds, volume[k].astype(np.int16 if signed else np.uint16))
        if change:
            change(ds, k)
        number = SHUFFLED[k] if count <= len(SHUFFLED) else count - k
        path = folder / f"IM{start + number:04d}"
        save(ds, path)
        files.append(path)
    return files


def along(orientation, distances, origin=(-12.5, -30.25, 40.0)):
    return [np.array(origin) + d * normal(orientation) for d in distances]


def even(n, step=3.0):
    return [step * k for k in range(n)]


def axial():
    return [assemble([stack("axial", along(AXIAL, even(6)))])]


def sagittal():
    return [assemble([stack("sagittal", along(SAGITTAL, even(6)), SAGITTAL, modality="MR")])]


def coronal():
    return [assemble([stack("coronal", along(CORONAL, even(6)), CORONAL, modality="MR")])]


def oblique():
    return [assemble([stack("oblique", along(OBLIQUE, even(7, 2.5)), OBLIQUE, modality="MR")])]


def reversed_normal():
    """Rows run backwards, so row x column points to the feet and slice 0 is the highest."""
    down = [1, 0, 0, 0, -1, 0]
    return [assemble([stack("reversed_normal", along(down, even(6)), down)])]


def tilt(case, degrees):
    """Gantry tilted, table moves along z: the step is not along the normal."""
    t = np.radians(degrees)
    orientation = [1, 0, 0, 0, np.cos(t), -np.sin(t)]
    positions = [np.array([-12.5, -30.25, 40 + 3.0 * k]) for k in range(6)]

    def header(ds, _):
        ds.GantryDetectorTilt = degrees

    return [assemble([stack(case, positions, orientation, change=header)], ["gantry_tilt"])]


def tilt_plus():
    return tilt("tilt_plus", 12)


def tilt_minus():
    return tilt("tilt_minus", -18)


def tilt_in_header_only():
    """(0018,1120) says 15 degrees, the positions say none: it is a hint, the positions decide."""

    def header(ds, _):
        ds.GantryDetectorTilt = 15

    return [assemble([stack("tilt_in_header_only", along(AXIAL, even(5)), change=header)])]


def missing_slice():
    distances = [0, 3, 6, 12, 15, 18]
    return [assemble([stack("missing_slice", along(AXIAL, distances))], ["missing_slices"],
                     nominal_step_mm=3.0, missing_at_mm=[9.0])]


def missing_two():
    distances = [0, 2, 8, 10, 12, 14, 16]
    return [assemble([stack("missing_two", along(OBLIQUE, distances), OBLIQUE, modality="MR")],
                     ["missing_slices"], nominal_step_mm=2.0, missing_at_mm=[4.0, 6.0])]


def uneven_spacing():
    distances = [0, 2, 4.0, 7.1, 9.1, 11.7]
    return [assemble([stack("uneven_spacing", along(AXIAL, distances))], ["uneven_spacing"])]


def jitter():
    """Positions rounded by the scanner to 0.01 mm: even, no warning."""
    distances = [0, 2.99, 6.0, 9.01, 12.0, 15.0]
    return [assemble([stack("jitter", along(AXIAL, distances))])]


def duplicate_positions():
    """Slice 2 is there twice, with different pixels; which one is shown is not fixed."""
    distances = [0, 3, 6, 6, 9, 12, 15]
    files = stack("duplicate_positions", along(AXIAL, distances))
    return [assemble([files[:3] + files[4:]], ["duplicate_positions"], files_in_series=7,
                     note="digest and values with the first of the two; dims may not be 7 slices")]


def duplicate_files():
    """Every slice twice with the same SOP Instance UID (a copied folder): no second time point."""
    files = stack("duplicate_files", along(AXIAL, even(4)))
    for path in files:
        (path.parent / f"{path.name}_copy").write_bytes(path.read_bytes())
    return [assemble([files], ["duplicate_positions"], files_in_series=8,
                     note="identical instances: one kept, the rest named; a warning or a skipped entry")]


def localizer():
    """Three planes under one Series UID."""
    parts = [(AXIAL, 4), (SAGITTAL, 3), (CORONAL, 3)]
    entries, start = [], 0
    for orientation, n in parts:
        files = stack("localizer", along(orientation, even(n, 10)), orientation, modality="MR",
                      start=start)
        entries.append(assemble([files], ["mixed_orientation"]))
        start += 10
    return entries


def mixed_size():
    small = phantom(3, 16, 18, seed=5)
    first = stack("mixed_size", along(AXIAL, even(4)))
    second = stack("mixed_size", along(AXIAL, even(3), (0, 0, 100)), volume=small, start=10)
    return [assemble([first], ["mixed_size"]), assemble([second], ["mixed_size"])]


def times(case, stamp, modality="MR", count=3, slices=5):
    """`count` volumes at the same positions, one Series UID; `stamp` writes what tells them apart.

    InstanceNumbers are in no order unless `stamp` writes them.
    """
    groups = []
    for t in range(count):
        def change(ds, k, t=t):
            ds.AcquisitionTime = "101600"
            ds.InstanceNumber = 1 + (t * 7 + k * 3) % (count * slices)
            stamp(ds, t, k)

        groups.append(stack(case, along(AXIAL, even(slices)), modality=modality,
                            volume=phantom(slices, seed=t + 1), start=10 * t, change=change))
    return [assemble(groups, ["time_points"])]


def time_temporal_position():
    def stamp(ds, t, _):
        ds.TemporalPositionIdentifier, ds.NumberOfTemporalPositions = t + 1, 3

    return times("time_temporal_position", stamp)


def time_acquisition_time():
    def stamp(ds, t, k):
        ds.AcquisitionTime = f"10{16 + t:02d}{k:02d}.25"
        ds.InstanceNumber = 1 + t * 5 + k

    return times("time_acquisition_time", stamp)


def time_trigger_time():
    def stamp(ds, t, k):
        ds.TriggerTime = 120.0 * t
        ds.InstanceNumber = 1 + t * 5 + k

    return times("time_trigger_time", stamp)


def time_acquisition_number():
    def stamp(ds, t, _):
        ds.AcquisitionNumber = t + 1

    return times("time_acquisition_number", stamp)


def pet_rescale():
    """Each slice has its own slope, as PET has."""
    slopes = [0.5, 1.25, 2.0, 0.375, 3.5]

    def header(ds, k):
        ds.RescaleSlope, ds.RescaleIntercept = slopes[k], 0
        ds.Units = "BQML"

    return [assemble([stack("pet_rescale", along(AXIAL, even(5)), modality="PT", change=header)],
                     unit="Bq/ml")]


def single_slice():
    """One slice: nothing says how far the next would be. The third column is a unit normal."""
    entry = assemble([stack("single_slice", along(OBLIQUE, [0]), OBLIQUE, modality="MR")])
    return [entry | {"note": "third column: its direction only; SliceThickness is 5"}]


def two_patients():
    first = stack("two_patients", along(AXIAL, even(3)))

    def other(ds, _):
        ds.PatientID, ds.PatientName = "VT-other", "Other^Person"

    second = stack("two_patients", along(AXIAL, even(3)), study=2, start=10, change=other)
    return [assemble([first], patient_id="VT-two_patients"),
            assemble([second], patient_id="VT-other")]


CASES = {f.__name__: f for f in (
    axial, sagittal, coronal, oblique, reversed_normal, tilt_plus, tilt_minus, tilt_in_header_only,
    missing_slice, missing_two, uneven_spacing, jitter, duplicate_positions, duplicate_files,
    localizer, mixed_size, time_temporal_position, time_acquisition_time, time_trigger_time,
    time_acquisition_number, pet_rescale, single_slice, two_patients,
)}
