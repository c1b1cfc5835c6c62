"""Cases whose difficulty is how values are stored or shown: bits, signs, photometry, codecs, windows."""

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_case import AXIAL, ROOT, assemble, dataset, fresh, phantom, pixels, place, save, unplaced

JPEG_XL_LOSSLESS = UID("1.2.840.10008.1.2.4.110")


def series(case, volume, modality="MR", change=None, bits=None, signed=None, syntax=None, encode=None,
           bare=False, extra=None, **more):
    """`volume` [z, y, x] as one axial file a slice, 2.5 mm apart; the expected entry."""
    folder, files = fresh(case), []
    for k, slice_ in enumerate(volume):
        ds = dataset(case, 10 - k, modality)
        place(ds, (-8, -7.5, 20 + 2.5 * k), AXIAL)
        pixels(ds, slice_, bits, signed)
        if change:
            change(ds, k)
        path = folder / f"{'bca'[k % 3]}{k // 3}.dcm"
        frames = [encode(slice_)] if encode else None
        save(ds, path, syntax or ExplicitVRLittleEndian, frames, bare)
        files.append(path)
    if extra is not None:
        more["stored"] = extra[None]
    return [assemble([files], **more)]


def small(dtype=np.uint16, low=0, high=None, n=3):
    """The phantom stretched to low..high of a type."""
    values = phantom(n).astype(np.float64) / 2000
    return np.round(low + values * ((high if high is not None else 2000) - low)).astype(dtype)


def monochrome1():
    """Low values are bright. Stored values stay; only the display is inverted."""

    def header(ds, _):
        ds.PhotometricInterpretation = "MONOCHROME1"
        ds.WindowCenter, ds.WindowWidth = 1000, 2000

    return series("monochrome1", small(), change=header, photometric="MONOCHROME1")


def bits_8():
    return series("bits_8", small(np.uint8, 0, 255))


def bits_8_odd():
    """15 x 13 pixels of 8 bits: an odd number of bytes, so Pixel Data ends in a padding byte."""
    return series("bits_8_odd", small(np.uint8, 0, 255)[:, :13, :15])


def bits_8_signed():
    return series("bits_8_signed", small(np.int8, -128, 127), note="i8; Veritome widens to i16",
                  extra=small(np.int8, -128, 127).astype(np.int16))


def bits_12():
    return series("bits_12", small(high=4095), bits=12)


def bits_12_overlay():
    """12 bits in 16; the upper four carry an old-style overlay and have to be masked off."""
    clean = small(high=4095)
    dirty = clean | ((phantom(3, seed=9) % 16).astype(np.uint16) << 12)
    return series("bits_12_overlay", dirty, bits=12, extra=clean)


def bits_12_high():
    """12 bits at the upper end of 16 (High Bit 15), as before 2014: shift right by four."""
    clean = small(high=4095)

    def header(ds, _):
        ds.HighBit = 15

    return series("bits_12_high", (clean << 4).astype(np.uint16), bits=12, change=header, extra=clean)


def bits_13_signed():
    """13 bits signed, the three upper bits zero: the sign bit is bit 12."""
    clean = small(np.int16, -4096, 4095)
    cut = (clean.view(np.uint16) & 0x1FFF).astype(np.uint16)
    return series("bits_13_signed", cut, bits=13, signed=True, extra=clean)


def bits_16_signed():
    def header(ds, _):
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"

    return series("bits_16_signed", small(np.int16, -32768, 32767), "CT", change=header)


def bits_32():
    return series("bits_32", small(np.uint32, 0, 4_000_000_000))


def bits_32_signed():
    return series("bits_32_signed", small(np.int32, -2_000_000_000, 2_000_000_000))


def rescale_fraction():
    def header(ds, _):
        ds.RescaleSlope, ds.RescaleIntercept = "0.0125", "-3.5"

    return series("rescale_fraction", small(), change=header)


def modality_lut():
    """Modality LUT Sequence instead of a rescale: 2000 entries from 0, each 3 * input + 7."""
    volume = small(high=1999)
    table = (3 * np.arange(2000) + 7).astype(np.uint16)

    def header(ds, _):
        item = Dataset()
        item.LUTDescriptor = [2000, 0, 16]
        item.ModalityLUTType = "US"
        item.LUTData = table.tolist()
        item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
        ds.ModalityLUTSequence = Sequence([item])

    (entry,) = series("modality_lut", volume, "OT", change=header)
    entry["real"] = [[*place, int(table[value])] for *place, value in np.array(entry["real"], int)]
    entry["real"] = [[int(v) for v in row] for row in entry["real"]]
    entry["range"] = [int(table[volume.min()]), int(table[volume.max()])]
    entry["mean"] = round(float(table[volume].mean()), 6)
    return [entry | {"note": "real values through the table"}]


def padding():
    """Pixel Padding Value -2000 in a corner: not in the range, the statistics, or the window."""
    volume = small(np.int16, -900, 1100)
    volume[:, :5, :6] = -2000

    def header(ds, _):
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0
        ds.PixelPaddingValue = -2000
        ds["PixelPaddingValue"].VR = "SS"

    (entry,) = series("padding", volume, "CT", change=header)
    inside = volume[volume != -2000]
    return [entry | {"range": [int(inside.min()), int(inside.max())],
                     "mean": round(float(inside.mean()), 6), "padding": [-2000, -2000]}]


def padding_range():
    """Padding from -2000 to -1500 (Pixel Padding Range Limit)."""
    volume = small(np.int16, -900, 1100)
    volume[:, :5, :6] = -2000
    volume[:, 5, :6] = -1700

    def header(ds, _):
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0
        ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = -2000, -1500
        ds["PixelPaddingValue"].VR = ds["PixelPaddingRangeLimit"].VR = "SS"

    (entry,) = series("padding_range", volume, "CT", change=header)
    inside = volume[volume >= -1499]
    return [entry | {"range": [int(inside.min()), int(inside.max())],
                     "mean": round(float(inside.mean()), 6), "padding": [-2000, -1500]}]


# --- windows ------------------------------------------------------------------------------------


def display(x, center, width, function):
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, output 0 to 255."""
    x = np.asarray(x, float)
    if function == "SIGMOID":
        return 255 / (1 + np.exp(-4 * (x - center) / width))
    if function == "LINEAR_EXACT":
        low, high, y = center - width / 2, center + width / 2, (x - center) / width + 0.5
    else:
        half = (width - 1) / 2
        low, high = center - 0.5 - half, center - 0.5 + half
        y = (x - (center - 0.5)) / (width - 1) + 0.5 if width > 1 else x
    return np.where(x <= low, 0, np.where(x > high, 255, y * 255))


def windowed(case, pairs, function=None, explanations=None):
    def header(ds, _):
        ds.RescaleSlope, ds.RescaleIntercept = 2, -1000
        ds.WindowCenter, ds.WindowWidth = ([p[i] for p in pairs] for i in (0, 1))
        if explanations:
            ds.WindowCenterWidthExplanation = explanations
        if function:
            ds.VOILUTFunction = function

    (entry,) = series(case, small(), "CT", change=header)
    entry["windows"] = [
        {"center": c, "width": w, "function": function or "LINEAR",
         "explanation": explanations[i] if explanations else "",
         "display": [[v[-1], round(float(display(v[-1], c, w, function)), 4)] for v in entry["real"]]}
        for i, (c, w) in enumerate(pairs)
    ]
    return [entry]


def window_several():
    """Three windows with explanations: three presets, the first is shown."""
    return windowed("window_several", [(40, 400), (300, 1500), (-600, 1600)],
                    explanations=["SOFT TISSUE", "BONE", "LUNG"])


def window_sigmoid():
    return windowed("window_sigmoid", [(500, 1200)], "SIGMOID")


def window_linear_exact():
    return windowed("window_linear_exact", [(500.5, 1200.25)], "LINEAR_EXACT")


def voi_lut():
    """VOI LUT of 12 bits beside a window: alternative views. Input is the rescaled value."""
    first, count = -500, 2000
    table = np.round(4095 * (np.arange(count) / (count - 1)) ** 2).astype(np.uint16)

    def header(ds, _):
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        ds.WindowCenter, ds.WindowWidth = 0, 2000
        item = Dataset()
        item.LUTDescriptor = [count, first & 0xFFFF, 12]
        item["LUTDescriptor"].VR = "US"
        item.LUTExplanation = "SQUARE"
        item.LUTData = table.tolist()
        item["LUTData"].VR = "US"
        ds.VOILUTSequence = Sequence([item])

    (entry,) = series("voi_lut", small(np.int16, 0, 3000), "CT", change=header)
    at = [v[-1] for v in entry["real"]] + [-2000.0, -500.0, 0.0, 1499.0, 5000.0]
    entry["voi_lut"] = {
        "explanation": "SQUARE", "first": first, "bits": 12, "entries": count,
        "display": [[x, round(255 * int(table[int(np.clip(x - first, 0, count - 1))]) / 4095, 4)]
                    for x in at],
    }
    return [entry]


# --- flags --------------------------------------------------------------------------------------


def flagged(case, warnings, change, **more):
    return series(case, small(np.int16, 0, 2000), change=change, warnings=warnings, **more)


def synthetic():
    """Synthetic Data (0008,001C) YES."""

    def header(ds, _):
        ds.add_new(0x0008001C, "CS", "YES")

    return flagged("synthetic", ["synthetic"], header)


def synthetic_one_of_three():
    """Only one slice says YES: the volume is synthetic."""

    def header(ds, k):
        ds.add_new(0x0008001C, "CS", "YES" if k == 1 else "NO")

    return flagged("synthetic_one_of_three", ["synthetic"], header)


def lossy_flag():
    """Uncompressed now, but compressed with loss before: once 01, never reset."""

    def header(ds, _):
        ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", 12.5
        ds.LossyImageCompressionMethod = "ISO_10918_1"

    return flagged("lossy_flag", ["lossy"], header)


def burned_in():
    def header(ds, _):
        ds.BurnedInAnnotation = "YES"

    return flagged("burned_in", ["burned_in_annotation"], header)


def mosaic():
    """ImageType MOSAIC: six tiles in one image, left as it is but named."""

    def header(ds, _):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]

    tiles = phantom(6, 16, 16)
    rows = [np.hstack(tiles[i : i + 3]) for i in (0, 3)]
    return series("mosaic", np.vstack(rows)[None], change=header, note="one slice of 48 x 32",
                  image_type="MOSAIC", skip_peers=True)


# --- no positions, colours ----------------------------------------------------------------------


def flat(case, array, modality="OT", change=None, syntax=ExplicitVRLittleEndian, frames=None, **more):
    """One file without a position."""
    folder = fresh(case)
    ds = dataset(case, 1, modality)
    del ds.FrameOfReferenceUID
    pixels(ds, array)
    if change:
        change(ds)
    path = folder / "image.dcm"
    save(ds, path, syntax, frames)
    stored = more.pop("stored", array)
    return [unplaced([path], stored if more.pop("stack", False) else stored[None], **more)]


def colours():
    grey = phantom(1)[0] / 2000 * 255
    return np.stack([grey, np.roll(grey, 5, axis=1), 255 - np.roll(grey, 3, axis=0)], -1).round().astype(np.uint8)


def secondary_capture():
    return flat("secondary_capture", small()[0])


def imager_spacing():
    """A radiograph: Imager Pixel Spacing 0.2 (rows), 0.1 (columns) at the detector, no position."""

    def header(ds):
        ds.ImagerPixelSpacing = [0.2, 0.1]

    return flat("imager_spacing", small()[1], "DX", header, in_plane_mm=[0.1, 0.2], calibration="at detector")


def rgb_planar_0():
    return flat("rgb_planar_0", colours())


def rgb_planar_1():
    array = colours()

    def header(ds):
        ds.PlanarConfiguration = 1
        ds.PixelData = array.transpose(2, 0, 1).tobytes()
        ds["PixelData"].VR = "OB"

    return flat("rgb_planar_1", array, change=header)


def ybr_full():
    """Uncompressed YBR_FULL: RGB by PS3.3 C.7.6.3.1.2, each channel to within 1."""
    ybr = colours()
    y, b, r = (ybr[..., i].astype(float) for i in range(3))
    rgb = np.stack([y + 1.402 * (r - 128), y - 0.344136 * (b - 128) - 0.714136 * (r - 128),
                    y + 1.772 * (b - 128)], -1)
    rgb = np.clip(np.round(rgb), 0, 255).astype(np.uint8)

    def header(ds):
        ds.PhotometricInterpretation = "YBR_FULL"

    return flat("ybr_full", ybr, change=header, stored=rgb, tolerance=1)


def palette():
    """PALETTE COLOR, 8 bit indices, tables of 200 entries from 20 with 16 bits."""
    index = small(np.uint8, 0, 255)[0]
    entries = np.arange(200)
    tables = [entries * 257, (199 - entries) * 300, (entries * 997) % 65536]
    tables = [t.astype(np.uint16) for t in tables]

    def header(ds):
        ds.PhotometricInterpretation = "PALETTE COLOR"
        for name, table in zip(("Red", "Green", "Blue"), tables):
            setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [200, 20, 16])
            ds[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
            setattr(ds, f"{name}PaletteColorLookupTableData", table.astype("<u2").tobytes())

    at = np.clip(index.astype(int) - 20, 0, 199)
    rgb = np.stack([np.round(t[at] / 257) for t in tables], -1).astype(np.uint8)
    return flat("palette", index, "US", header, stored=rgb, tolerance=1)


def us_multiframe():
    """Ultrasound loop of four colour frames, 40 ms apart, no position."""
    frames = np.stack([np.roll(colours(), 3 * i, axis=1) for i in range(4)])

    def header(ds):
        ds.FrameTime = 40
        ds.NumberOfFrames = 4

    return flat("us_multiframe", frames, "US", header, stack=True, note="a stack of four frames")


# --- transfer syntaxes --------------------------------------------------------------------------


def coded(case, syntax, encode=None, volume=None, bits=12, lossy=None, **more):
    volume = small(high=4095) if volume is None else volume
    if lossy is not None:
        more |= {"tolerance": lossy, "warnings": ["lossy"]}

    def header(ds, _):
        if lossy is not None:
            ds.LossyImageCompression = "01"

    more.setdefault("extra", volume)
    entries = series(case, volume, syntax=syntax, encode=encode, bits=bits, change=header,
                     transfer_syntax=str(syntax), **more)
    if syntax not in (HTJ2KLossless, JPEG_XL_LOSSLESS):  # pydicom has no decoder for these two
        read = [dcmread(f).pixel_array for f in sorted((ROOT / case).iterdir(), key=position)]
        assert np.abs(np.array(read, float) - more["extra"]).max() <= (lossy or 0), case
    return entries


def position(path):
    return float(dcmread(path).ImagePositionPatient[2])


def codec_implicit():
    return coded("codec_implicit", ImplicitVRLittleEndian)


def codec_no_meta():
    """Implicit little endian without preamble or file meta."""
    return series("codec_no_meta", small(high=4095), bits=12, bare=True, extra=small(high=4095))


def codec_deflated():
    return coded("codec_deflated", DeflatedExplicitVRLittleEndian)


def codec_big_endian():
    volume = small(high=4095)
    folder, files = fresh("codec_big_endian"), []
    for k, slice_ in enumerate(volume):
        ds = dataset("codec_big_endian", k + 1, "MR")
        place(ds, (-8, -7.5, 20 + 2.5 * k), AXIAL)
        pixels(ds, slice_, 12)
        ds.PixelData = slice_.astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
        path = folder / f"{'bca'[k]}.dcm"
        save(ds, path, ExplicitVRBigEndian)
        files.append(path)
    return [assemble([files], stored=volume[None])]


def rle(array):
    """PS3.5 annex G: byte planes from the highest byte, each row packed by itself."""
    planes = array.astype(array.dtype.newbyteorder(">"))[..., None].view(np.uint8)
    segments = []
    for i in range(planes.shape[-1]):
        packed = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in planes[..., i])
        segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = 64 + np.cumsum([0] + [len(s) for s in segments[:-1]])
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(offsets)] = len(segments), offsets
    return header.tobytes() + b"".join(segments)


def codec_rle():
    return coded("codec_rle", RLELossless, rle)


def codec_rle_32():
    return coded("codec_rle_32", RLELossless, rle, small(np.uint32, 0, 4_000_000_000), bits=32)


def codec_jpegls():
    return coded("codec_jpegls", JPEGLSLossless, lambda a: imagecodecs.jpegls_encode(a))


def codec_jpegls_near():
    """Near-lossless with an error of at most 3; `stored` is what charls decodes, exactly."""
    volume = small(high=4095)
    encode = lambda a: imagecodecs.jpegls_encode(a, level=3)
    decoded = np.stack([imagecodecs.jpegls_decode(encode(a)) for a in volume])
    return coded("codec_jpegls_near", JPEGLSNearLossless, encode, volume, lossy=0, extra=decoded)


def codec_j2k():
    return coded("codec_j2k", JPEG2000Lossless,
                 lambda a: imagecodecs.jpeg2k_encode(a, level=0, codecformat="j2k", bitspersample=12))


def codec_j2k_signed():
    volume = small(np.int16, -2048, 2047)
    return coded("codec_j2k_signed", JPEG2000Lossless,
                 lambda a: imagecodecs.jpeg2k_encode(a, level=0, codecformat="j2k"), volume, bits=16)


def codec_j2k_lossy():
    volume = smooth()
    encode = lambda a: imagecodecs.jpeg2k_encode(a, level=60, codecformat="j2k", reversible=False)
    decoded = np.stack([imagecodecs.jpeg2k_decode(encode(a)) for a in volume])
    return coded("codec_j2k_lossy", JPEG2000, encode, volume, bits=16, lossy=2, extra=decoded)


def codec_htj2k():
    return coded("codec_htj2k", HTJ2KLossless, lambda a: imagecodecs.htj2k_encode(a), bits=16)


def codec_jpegxl():
    return coded("codec_jpegxl", JPEG_XL_LOSSLESS,
                 lambda a: imagecodecs.jpegxl_encode(a, lossless=True, usecontainer=False), bits=16)


def codec_jpeg_lossless():
    """JPEG lossless, process 14, selection value 1."""
    return coded("codec_jpeg_lossless", JPEGLosslessSV1,
                 lambda a: imagecodecs.ljpeg_encode(a, bitspersample=12))


def smooth():
    """Something that a lossy codec keeps within a few steps."""
    z, y, x = np.mgrid[:3, :20, :24]
    return np.round(1500 + 400 * np.sin(x / 5 + z) + 300 * np.cos(y / 4)).astype(np.uint16)


def codec_jpeg_8():
    volume = (smooth() // 10).astype(np.uint8)
    encode = lambda a: imagecodecs.jpeg8_encode(a, level=95)
    decoded = np.stack([imagecodecs.jpeg8_decode(encode(a)) for a in volume])
    return coded("codec_jpeg_8", JPEGBaseline8Bit, encode, volume, bits=8, lossy=2, extra=decoded)


def codec_jpeg_12():
    """JPEG extended, 12 bits."""
    volume = smooth()
    encode = lambda a: imagecodecs.jpeg8_encode(a, level=98, bitspersample=12)
    decoded = np.stack([imagecodecs.jpeg8_decode(encode(a)) for a in volume])
    return coded("codec_jpeg_12", JPEGExtended12Bit, encode, volume, bits=12, lossy=2, extra=decoded)


CASES = {f.__name__: f for f in (
    monochrome1, bits_8, bits_8_odd, bits_8_signed, bits_12, bits_12_overlay, bits_12_high,
    bits_13_signed, bits_16_signed, bits_32, bits_32_signed, rescale_fraction, modality_lut, padding,
    padding_range, window_several, window_sigmoid, window_linear_exact, voi_lut, synthetic,
    synthetic_one_of_three, lossy_flag, burned_in, mosaic, secondary_capture, imager_spacing,
    rgb_planar_0, rgb_planar_1, ybr_full, palette, us_multiframe, codec_implicit, codec_no_meta,
    codec_deflated, codec_big_endian, codec_rle, codec_rle_32, codec_jpegls, codec_jpegls_near,
    codec_j2k, codec_j2k_signed, codec_j2k_lossy, codec_htj2k, codec_jpegxl, codec_jpeg_lossless,
    codec_jpeg_8, codec_jpeg_12,
)}
