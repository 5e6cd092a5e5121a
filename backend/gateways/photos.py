"""Photos from strangers: what they may be, how they are made harmless, and whether evidence can be read.

Everything that leaves here is a JPEG that this module encoded itself from pixels, so location, thumbnails, comments and
anything hidden behind the picture are gone.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pillow_heif
from PIL import Image, ImageFilter, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

Reason = Literal["too_large", "too_many_pixels", "unreadable", "video", "pdf", "animated", "too_small"]
Legibility = Literal["dark", "bright", "blurred", "small"]

MAX_BYTES = 20 * 1024 * 1024
MAX_JPEG_BYTES = 1_000_000
MAX_PIXELS = 64_000_000  # the largest phone cameras in use give 50 to 64 megapixels unless asked for more
MIN_SIDE = 32
SELFIE_SIDE = 1000  # a quarter of a 12-megapixel photo, which the JPEG decoder reaches without doing the full work
EVIDENCE_SIDE = 1600  # small print on a bill stays readable

_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "GIF")
_MOVING_FORMATS = ("GIF", "WEBP", "PNG")  # a second picture in a JPEG or HEIC is a depth map or a burst
_QUALITIES = (88, 80, 70, 55, 40)

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow and libheif raise on damaged files, found by feeding them 100,000 of those; their documentation promises
# only the first two.
_DECODER_ERRORS = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError,
    OverflowError, RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip

pillow_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True, slots=True)
class Photo:
    """A harmless JPEG of at most 1 MB, upright, without metadata. `sha256` (hex) is of the bytes as received."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int
    sha256: str = field(repr=False)


class NotAPhoto(Exception):
    """The bytes cannot be taken in; `reason` says what to tell the sender."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def take_in(data: bytes, side: int = EVIDENCE_SIDE) -> Photo:
    """Turn received bytes into a harmless photo whose longer side is at most `side` pixels. Raises NotAPhoto.

    The content decides what it is, not the name or type that came with it. JPEG, PNG, WebP, HEIC and a GIF of one frame
    are photos. Takes 20 to 300 ms of CPU: call it off the event loop (`FacePool.take_in`).
    """
    picture = picture_of(data, side)
    return Photo(_encoded(picture), picture.width, picture.height, hashlib.sha256(data).hexdigest())


def picture_of(data: bytes, side: int) -> Image.Image:
    """The pixels of `take_in`, for callers that measure and keep no photo: upright RGB. Raises NotAPhoto."""
    if len(data) > MAX_BYTES:
        raise NotAPhoto("too_large")
    _refuse_other_media(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF, which is dropped, and of sizes beyond a limit above ours
            return _upright(_decoded(data, side), side)
    except Image.DecompressionBombError:
        raise NotAPhoto("too_many_pixels") from None
    except _DECODER_ERRORS:
        # Not chained: a decoder's message may quote bytes of the file.
        raise NotAPhoto("unreadable") from None


def _fitting(size: tuple[int, int], side: int) -> tuple[int, int]:
    """`size` scaled so that the longer side is `side`. A JPEG draft asked for a square decodes four times too much."""
    width, height = size
    return max(1, width * side // max(size)), max(1, height * side // max(size))


def legibility(photo: Photo) -> Legibility | None:
    """What keeps a photo of a document or a meter from being read, or None when nothing obvious does.

    Measured on grey pixels: "dark" and "bright" look at the lightest and darkest parts, "blurred" at the strength of
    the strongest edges, because a meter on a plain wall has few but sharp ones.
    """
    if max(photo.width, photo.height) < 480 or min(photo.width, photo.height) < 240:
        return "small"
    with Image.open(io.BytesIO(photo.jpeg)) as opened:
        grey = opened.convert("L")
    grey.thumbnail((1000, 1000), Image.Resampling.BOX)
    levels = np.asarray(grey, dtype=np.float32)
    dark_end, light_end = np.percentile(levels, (2, 95))
    if light_end < 70:
        return "dark"
    if dark_end > 225:
        return "bright"
    edges = np.asarray(grey.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), 1, 128)), dtype=np.float32)
    strongest = float(np.percentile(np.abs(edges[1:-1, 1:-1] - 128), 99.5))
    contrast = max(float(light_end - dark_end), 1.0)
    return "blurred" if strongest / contrast < 0.10 else None


def _refuse_other_media(data: bytes) -> None:
    if data[:1024].lstrip().startswith(b"%PDF-"):
        raise NotAPhoto("pdf")
    if data[:4] == b"\x1aE\xdf\xa3" or (data[:4] == b"RIFF" and data[8:12] == b"AVI "):
        raise NotAPhoto("video")
    if data[:4] in {b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"} or data[:4] == b"OggS":
        raise NotAPhoto("video")
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(int.from_bytes(data[:4]), 256), 4))}
        if not brands & {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc"}:
            raise NotAPhoto("video")


def _decoded(data: bytes, side: int) -> Image.Image:
    """Decode no more than needed. The pixel limit is checked on the header, before a pixel is decoded."""
    picture = Image.open(io.BytesIO(data), formats=_FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        raise NotAPhoto("too_many_pixels")
    if min(picture.size) < MIN_SIDE:
        raise NotAPhoto("too_small")
    if picture.format in _MOVING_FORMATS and getattr(picture, "is_animated", False):
        raise NotAPhoto("animated")
    if isinstance(picture, JpegImageFile):
        picture.draft("RGB", _fitting(picture.size, side))
    picture.load()
    return picture


def _upright(picture: Image.Image, side: int) -> Image.Image:
    """At most `side` pixels long, turned by EXIF, transparent parts on white, RGB."""
    if picture.mode.startswith("I"):  # 16-bit PNG: convert() would clip to white instead of scaling
        picture = Image.fromarray((np.asarray(picture, dtype=np.uint32) >> 8).astype(np.uint8))
    if picture.mode == "P":
        picture = picture.convert("RGBA")  # shrinking a palette would pick pixels instead of averaging them
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    turned = picture.transpose(_TURNS[way]) if (way := _orientation(picture)) in _TURNS else picture
    if turned.mode in {"RGBA", "LA", "PA"}:
        white = Image.new("RGBA", turned.size, "white")
        white.alpha_composite(turned.convert("RGBA"))
        turned = white
    plain = turned.convert("RGB")
    plain.info = {}  # a JPEG's comment would otherwise be written again
    return plain


def _orientation(picture: Image.Image) -> int | None:
    """What EXIF says; a photo whose EXIF is damaged is taken as it lies."""
    try:
        way = picture.getexif().get(_ORIENTATION_TAG)
    except _DECODER_ERRORS:
        return None
    return way if isinstance(way, int) else None


def _encoded(picture: Image.Image) -> bytes:
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=False, exif=b"", icc_profile=None)
        if buffer.tell() <= MAX_JPEG_BYTES:
            return buffer.getvalue()
    return _encoded(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX))
