"""A 4D NIfTI through `veritome convert` into a DICOM folder, read back by pydicom and SimpleITK: voxels and places.

Run from the repository root, by hand:  python tests/expected/compare_written_dicom.py target/debug/veritome
"""

import pathlib
import subprocess
import sys
import tempfile

import nibabel
import numpy as np
import pydicom
import SimpleITK

SOURCE = "tests/data/nifti/four_d.nii.gz"


def main():
    image = nibabel.load(SOURCE)
    wanted = image.get_fdata()
    lps = np.diag([-1, -1, 1, 1]) @ image.affine
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "dicom"
        subprocess.run([sys.argv[1], "convert", SOURCE, str(out)], check=True)
        sets = [(str(p), pydicom.dcmread(p)) for p in sorted(out.iterdir())]
        assert len({d.StudyInstanceUID for _, d in sets}) == len({d.SeriesInstanceUID for _, d in sets}) == 1
        assert len({d.SOPInstanceUID for _, d in sets}) == len(sets)
        assert sorted(d.InstanceNumber for _, d in sets) == list(range(1, len(sets) + 1))
        times = sorted({int(d.TemporalPositionIdentifier) for _, d in sets})
        assert times == list(range(1, wanted.shape[3] + 1)) and {int(d.NumberOfTemporalPositions) for _, d in sets} == {len(times)}
        for t in times:
            mine = [(p, d) for p, d in sets if d.TemporalPositionIdentifier == t]
            normal = np.cross(*np.array(mine[0][1].ImageOrientationPatient).reshape(2, 3))
            mine.sort(key=lambda pd: np.dot(pd[1].ImagePositionPatient, normal))
            # pydicom, by the standard.
            for path, d in mine:
                real = d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept)
                k = (np.linalg.inv(lps) @ [*map(float, d.ImagePositionPatient), 1])
                k = int(round(k[2]))
                assert np.allclose(real.T, wanted[:, :, k, t - 1], atol=1e-6), (t, k)
            # SimpleITK, from the files of one time point.
            read = SimpleITK.ReadImage([p for p, _ in mine])
            array = SimpleITK.GetArrayFromImage(read)
            for index in [(0, 0, 0), tuple(n - 1 for n in wanted.shape[:3])]:
                voxel = np.linalg.inv(lps) @ [*read.TransformIndexToPhysicalPoint(index), 1]
                x, y, z = np.round(voxel[:3]).astype(int)
                assert np.allclose(array[index[::-1]], wanted[x, y, z, t - 1], atol=1e-6)
        print(f"{len(sets)} files, {len(times)} time points: pydicom and SimpleITK read what nibabel does")


if __name__ == "__main__":
    main()
