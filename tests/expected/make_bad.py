"""tests/data/bad/* and tests/expected/bad.json: input that must end in a clear message.

Never a panic, never memory in proportion to what a header claims. `outcome` is `error` (nothing to
show, the message says what was found), or `warning` (shown, with the code), or `either`.
"""

import gzip
import json
import pathlib
import struct
import zipfile
import zlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, HTJ2KLossless, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, RLELossless

import dicom_case
from dicom_case import dataset, phantom, pixels, place, save
from make_nifti import STRAIGHT, body, header, values

HERE = pathlib.Path(__file__).resolve()
DATA = HERE.parents[1] / "data" / "bad"
OUT = HERE.with_name("bad.json")
TABLE = {}


def note(name, about, outcome="error", **more):
    TABLE[name] = {"about": about, "outcome": outcome, **more}


def put(name, data, about, outcome="error", **more):
    (DATA / name).write_bytes(data)
    note(name, about, outcome, **more)


def dicom(name, about, outcome="error", change=None, syntax=None, frames=None, cut=None, **more):
    ds = dataset(f"bad {name}", 1, "CT")
    place(ds, (0, 0, 0))
    pixels(ds, phantom(1)[0])
    if change:
        change(ds)
    path = DATA / name
    save(ds, path, syntax or dicom_case.ExplicitVRLittleEndian, frames)
    if cut:
        path.write_bytes(path.read_bytes()[:cut])
    note(name, about, outcome, **more)


def dicom_files():
    dicom("truncated_pixels.dcm", "960 bytes of pixels, the file ends 300 before", "warning", cut=-300, code="truncated")
    dicom("truncated_header.dcm", "the file ends inside the header", cut=500)
    dicom("preamble_only.dcm", "128 zeros and DICM", cut=132)

    def huge(ds):
        ds.Rows = ds.Columns = 65535
        ds.NumberOfFrames = 2_000_000_000

    dicom("absurd_size.dcm", "65535 x 65535 x 2,000,000,000 pixels of 16 bits with 960 bytes behind them", change=huge)

    def set_(**attributes):
        def change(ds):
            for name, value in attributes.items():
                setattr(ds, name, value)
        return change

    def without(*names):
        def change(ds):
            for name in names:
                delattr(ds, name)
        return change

    dicom("no_rows.dcm", "pixel data without Rows", change=without("Rows"))
    dicom("zero_rows.dcm", "Rows 0", change=set_(Rows=0))
    dicom("no_pixels.dcm", "a CT without pixel data", change=without("PixelData"))
    dicom("bits_allocated_zero.dcm", "Bits Allocated 0", change=set_(BitsAllocated=0))
    dicom("bits_allocated_24.dcm", "Bits Allocated 24 with one sample", change=set_(BitsAllocated=24))
    dicom("bits_stored_40.dcm", "Bits Stored 40, High Bit 39", "either", change=set_(BitsStored=40, HighBit=39))
    dicom("samples_7.dcm", "Samples per Pixel 7", change=set_(SamplesPerPixel=7))
    dicom("negative_frames.dcm", "Number of Frames -3", "either", change=set_(NumberOfFrames=-3))
    dicom("spacing_zero.dcm", "Pixel Spacing 0: shown as a stack without geometry", "warning",
          change=set_(PixelSpacing=[0, 0]), code="no_geometry")
    dicom("orientation_zero.dcm", "orientation of zeros: shown as a stack without geometry", "warning",
          change=set_(ImageOrientationPatient=[0] * 6), code="no_geometry")
    dicom("orientation_not_orthogonal.dcm", "row and column directions 30 degrees apart", "either",
          change=set_(ImageOrientationPatient=[1, 0, 0, 0.866, 0.5, 0]))
    dicom("position_two_values.dcm", "Image Position with two values", "warning",
          change=set_(ImagePositionPatient=[1, 2]), code="no_geometry")
    dicom("window_width_zero.dcm", "Window Width 0: ignored", "shown", change=set_(WindowCenter=40, WindowWidth=0))
    dicom("rescale_slope_zero.dcm", "Rescale Slope 0", "either", change=set_(RescaleSlope=0, RescaleIntercept=5))
    rubbish = bytes((i * 73 + 11) % 256 for i in range(600))
    for name, syntax, start in (
        ("jpeg", JPEGBaseline8Bit, b"\xff\xd8\xff\xdb"), ("jpeg_lossless", JPEGLosslessSV1, b"\xff\xd8\xff\xc3"),
        ("jpegls", JPEGLSLossless, b"\xff\xd8\xff\xf7"), ("j2k", JPEG2000Lossless, b"\xff\x4f\xff\x51"),
        ("rle", RLELossless, b"\x02\0\0\0\x40\0\0\0\xff\xff\xff\x7f"),
        ("htj2k", HTJ2KLossless, b"\xff\x4f\xff\x51"), ("jpegxl", UID("1.2.840.10008.1.2.4.110"), b"\xff\x0a"),
    ):
        dicom(f"garbage_{name}.dcm", f"{name}: the right first bytes, then rubbish", syntax=syntax, frames=[start + rubbish])
    # a J2K code stream that claims 2,000,000 x 2,000,000 pixels
    siz = struct.pack(">HHHIIIIIIIIH", 0xFF51, 41, 0, 2_000_000, 2_000_000, 0, 0, 2_000_000, 2_000_000, 0, 0, 1)
    dicom("j2k_claims_terapixels.dcm", "the code stream's own size is 2,000,000 squared",
          syntax=JPEG2000Lossless, frames=[b"\xff\x4f" + siz + b"\x0f\x01\x01" + rubbish])
    jpeg = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, 65535, 65535, 1) + b"\x01\x11\x00" + rubbish
    dicom("jpeg_claims_65535.dcm", "the JPEG's own size is 65535 squared, Rows and Columns are 20 and 24",
          syntax=JPEGBaseline8Bit, frames=[jpeg])

    dicom("transfer_syntax_unknown.dcm", "transfer syntax 1.2.3.4: named in the message")
    path = DATA / "transfer_syntax_unknown.dcm"
    raw = path.read_bytes()
    old = b"1.2.840.10008.1.2.1\0"
    path.write_bytes(raw.replace(old, b"1.2.3.4".ljust(len(old), b"\0"), 1))

    # explicit VR by hand: an element of 4 GiB, and sequences nested 3000 deep
    good = (DATA / "window_width_zero.dcm").read_bytes()
    cut = good.index(b"\x10\x00\x10\x00PN")
    element = b"\x09\x00\x10\x00OB\0\0\xf0\xff\xff\xff"
    put("element_of_4_gib.dcm", good[:cut] + element + bytes(64), "an element that claims 4,294,967,280 bytes")
    opened = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    put("nested_3000.dcm", good[:cut] + opened * 3000, "sequences in sequences, 3000 deep, none closed", "either")

    record = Dataset()
    record.DirectoryRecordType, record.OffsetOfTheNextDirectoryRecord = "IMAGE", 0
    record.RecordInUseFlag, record.OffsetOfReferencedLowerLevelDirectoryEntity = 0xFFFF, 0
    record.ReferencedFileID = ["..", "..", "..", "ESCAPED"]
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.1.3.10"
    ds.SOPInstanceUID = dicom_case.uid("bad dicomdir")
    ds.FileSetID = "BAD"
    ds.DirectoryRecordSequence = Sequence([record])
    (DATA / "dicomdir").mkdir(exist_ok=True)
    save(ds, DATA / "dicomdir" / "DICOMDIR")
    note("dicomdir/DICOMDIR", "a DICOMDIR whose one record points at ../../../ESCAPED: refused, not followed")


def nifti_files():
    i16 = values("i16")
    good = header("i16", i16.shape, sform=STRAIGHT) + body(i16)
    packed = gzip.compress(good, mtime=0)
    put("truncated.nii", good[:-100], "100 bytes of voxels are missing", "either", code="truncated")
    put("truncated_header.nii", good[:200], "the file ends inside the header")
    put("truncated.nii.gz", packed[: len(packed) // 2], "half of a gzip stream", "either", code="truncated")
    put("bad_crc.nii.gz", packed[:-8] + bytes(4) + packed[-4:], "gzip checksum is wrong", "either")
    put("not_gzip.nii.gz", b"this is text, whatever its name says\n", "text under a gzip name")
    put("wrong_magic.nii", good[:344] + b"abc\0" + good[348:], "magic is `abc`")

    def dims(*n, bits=None):
        raw = bytearray(good)
        struct.pack_into("<8h", raw, 40, *n)
        return bytes(raw)

    terabytes = dims(3, 32767, 32767, 32767, 1, 1, 1, 1)
    put("terabytes.nii", terabytes, "32767 cubed voxels of 16 bits, 70 TB, in a file of 772 bytes")
    put("terabytes.nii.gz", gzip.compress(terabytes, mtime=0), "the same, gzipped")
    put("dims_negative.nii", dims(3, -7, 6, 5, 1, 1, 1, 1), "dim[1] is -7")
    put("dims_zero.nii", dims(3, 7, 0, 5, 1, 1, 1, 1), "dim[2] is 0", "either")
    put("dims_nine.nii", dims(9, 7, 6, 5, 1, 1, 1, 1), "dim[0] is 9")
    put("time_points_30000.nii", dims(4, 7, 6, 5, 30000, 1, 1, 1), "30000 time points claimed, one there", "either")
    raw = bytearray(header("i16", i16.shape, version=2, sform=STRAIGHT) + body(i16))
    struct.pack_into("<8q", raw, 16, 3, 2**40, 2**40, 2**40, 1, 1, 1, 1)
    put("overflow_nifti2.nii", bytes(raw), "NIfTI-2, 2^40 cubed voxels: the product overflows 64 bits")
    raw = bytearray(good)
    struct.pack_into("<h", raw, 70, 999)
    put("datatype_999.nii", bytes(raw), "datatype 999")
    raw = bytearray(good)
    struct.pack_into("<f", raw, 108, 1e30)
    put("vox_offset_1e30.nii", bytes(raw), "voxels begin at 1e30")
    singular = header("i16", i16.shape, sform=np.zeros((3, 4)), sform_code=2) + body(i16)
    put("affine_singular.nii", singular, "sform of zeros: shown without geometry, or by pixdim", "warning", code="no_geometry")
    nans = header("i16", i16.shape, sform=np.full((3, 4), np.nan)) + body(i16)
    put("affine_nan.nii", nans, "sform of NaN", "warning", code="no_geometry")
    put("no_image.hdr", header("i16", i16.shape, single=False, sform=STRAIGHT), "a .hdr without its .img")


def nrrd_files():
    data = body(values("i16"))

    def text(*lines):
        return ("\n".join(["NRRD0004", *lines]) + "\n").encode()

    usual = ("type: short", "dimension: 3", "sizes: 7 6 5", "endian: little")
    put("truncated.nrrd", text(*usual, "encoding: raw") + b"\n" + data[:-50], "50 bytes of voxels are missing", "either", code="truncated")
    put("truncated_header.nrrd", text(*usual)[:30], "the file ends inside the header")
    put("wrong_magic.nrrd", b"NOTNRRD1\n" + text(*usual, "encoding: raw")[9:] + b"\n" + data, "magic is NOTNRRD1")
    put("terabytes.nrrd", text("type: short", "dimension: 3", "sizes: 100000 100000 100000", "endian: little", "encoding: raw") + b"\n" + data,
        "100000 cubed voxels claimed")
    put("overflow.nrrd", text("type: double", "dimension: 3", "sizes: 4294967296 4294967296 4294967296", "endian: little", "encoding: gzip") + b"\n" + gzip.compress(data, mtime=0),
        "2^32 cubed: the product overflows 64 bits")
    put("sizes_negative.nrrd", text("type: short", "dimension: 3", "sizes: 7 -6 5", "endian: little", "encoding: raw") + b"\n" + data, "a negative size")
    put("sizes_missing.nrrd", text("type: short", "dimension: 3", "endian: little", "encoding: raw") + b"\n" + data, "no sizes")
    put("sizes_two.nrrd", text("type: short", "dimension: 3", "sizes: 7 6", "endian: little", "encoding: raw") + b"\n" + data, "dimension 3, two sizes")
    put("type_unknown.nrrd", text("type: quaternion", *usual[1:], "encoding: raw") + b"\n" + data, "type quaternion")
    put("type_block.nrrd", text("type: block", "block size: 16", *usual[1:], "encoding: raw") + b"\n" + data, "type block: refused by name")
    put("encoding_unknown.nrrd", text(*usual, "encoding: zstd") + b"\n" + data, "encoding zstd: refused by name")
    put("garbage_gzip.nrrd", text(*usual, "encoding: gzip") + b"\n" + data, "encoding gzip, raw voxels")
    put("directions_singular.nrrd", text(*usual, "space: LPS", "space directions: (1,0,0) (2,0,0) (0,0,1)", "space origin: (0,0,0)", "encoding: raw") + b"\n" + data,
        "two axes along one line: shown without geometry", "warning", code="no_geometry")
    put("no_data.nhdr", text(*usual, "encoding: raw", "data file: not_there.raw"), "a data file that is not there")
    put("outside.nhdr", text(*usual, "encoding: raw", "data file: ../../../../../../etc/hostname"), "a data file outside the folder: refused or too short, never shown")


def other_files():
    for name in ("empty.dcm", "empty.nii", "empty.nii.gz", "empty.nrrd", "empty.nhdr", "empty.png", "empty.zip", "empty"):
        put(name, b"", "no bytes")
    put("truncated.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x10\0\0\0\x10\0\x08\x00\0\0\0", "a PNG that ends after its header")
    put("huge.png", b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0)) + png_chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01") + png_chunk(b"IEND", b""),
        "a PNG that claims 2^31-1 squared pixels")
    put("text.dcm", b"The quick brown fox jumps over the lazy dog.\n" * 40, "text under a DICOM name")
    path = DATA / "whole.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.dcm", (2024, 2, 29, 0, 0, 0)), (DATA / "window_width_zero.dcm").read_bytes())
    whole = path.read_bytes()
    path.unlink()
    put("truncated.zip", whole[: len(whole) // 2], "half of a ZIP")
    put("encrypted.zip", whole[:6] + b"\x01" + whole[7:].replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\x01"), "a ZIP whose entry says it is encrypted", "error")


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main():
    DATA.mkdir(parents=True, exist_ok=True)
    for old in sorted(DATA.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    dicom_files()
    nifti_files()
    nrrd_files()
    other_files()
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in sorted(TABLE.items())]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(TABLE), "files")


if __name__ == "__main__":
    main()
