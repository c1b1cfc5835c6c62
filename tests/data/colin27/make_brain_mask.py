"""Writes brain_mask.nii.gz: where `ch2bet` is above 0, on its own 1 mm grid.

    apt-get download mricron-data && dpkg-deb -x mricron-data_*.deb x
    python tests/data/colin27/make_brain_mask.py x/usr/share/mricron/templates/ch2bet.nii.gz

ch2bet is Colin27 with the skull removed by BET, out of Debian's mricron-data 1.2.20211006 (BSD-3-Clause).
Colin27: Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute,
McGill University; free to use, copy, modify and distribute with this notice. Needs nibabel and numpy.
"""

import pathlib
import sys

import nibabel
import numpy as np

image = nibabel.load(sys.argv[1])
mask = (np.asarray(image.dataobj) > 0).astype(np.uint8)
out = nibabel.Nifti1Image(mask, image.affine)
nibabel.save(out, pathlib.Path(__file__).with_name("brain_mask.nii.gz"))
print(mask.shape, int(mask.sum()))
