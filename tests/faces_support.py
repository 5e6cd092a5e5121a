"""Pictures for tests, made at run time from two public-domain portraits; no photo of a person is kept in the repository.

Every helper takes and gives encoded bytes, as a channel would.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import cache

import pillow_heif
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from backend.sandbox import portraits

pillow_heif.register_heif_opener()

_FACES = {"collins": (179.0, 83.0, 266.0, 170.0), "hopper": (161.0, 137.0, 376.0, 352.0)}


@cache
def portrait(name: portraits.PortraitName, width: int | None = None) -> bytes:
    """The portrait as JPEG, 512 pixels wide or scaled to `width`."""
    if width is None:
        return portraits.portrait(name)
    picture = picture_of(portraits.portrait(name))
    return jpeg_of(picture.resize((width, picture.height * width // picture.width), Image.Resampling.BICUBIC))


@cache
def turned(image: bytes, degrees: float) -> bytes:
    """The head rotated by a cylinder warp of its pixels. `image` must be a portrait as `portrait` gives it."""
    name = next((name for name in portraits.NAMES if _same_framing(image, name)), None)
    if name is None:
        raise ValueError("only an unchanged portrait can be turned: the face's place must be known")
    picture = picture_of(image)
    scale = picture.width / 512
    left, top, right, bottom = (edge * scale for edge in _FACES[name])
    return jpeg_of(portraits.turn_head(picture, (left, top, right, bottom), degrees))


def darkened(image: bytes, factor: float = 0.15) -> bytes:
    """As if taken without light."""
    return jpeg_of(ImageEnhance.Brightness(picture_of(image)).enhance(factor))


def brightened(image: bytes, factor: float = 4.0) -> bytes:
    """As if taken against the sun."""
    return jpeg_of(ImageEnhance.Brightness(picture_of(image)).enhance(factor))


def blurred(image: bytes, radius: float = 8.0) -> bytes:
    """As if the hand shook; the radius is in pixels of a picture 512 wide."""
    picture = picture_of(image)
    return jpeg_of(picture.filter(ImageFilter.GaussianBlur(radius * picture.width / 512)))


def mirrored(image: bytes) -> bytes:
    """As many front cameras store it."""
    return jpeg_of(picture_of(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def tiled_two(left: bytes, right: bytes | None = None) -> bytes:
    """Two faces side by side."""
    one, two = picture_of(left), picture_of(right if right is not None else left)
    two = two.resize((two.width * one.height // two.height, one.height))
    both = Image.new("RGB", (one.width + two.width, one.height))
    both.paste(one, (0, 0))
    both.paste(two, (one.width, 0))
    return jpeg_of(both)


def shrunk(image: bytes, width: int = 120) -> bytes:
    """The whole picture, tiny."""
    picture = picture_of(image)
    return jpeg_of(picture.resize((width, picture.height * width // picture.width), Image.Resampling.BOX))


def far_away(image: bytes, share: float = 0.2) -> bytes:
    """The picture as a small part of a grey wall of 1600 × 1200 pixels."""
    picture = picture_of(image)
    width = int(1600 * share)
    wall = Image.new("RGB", (1600, 1200), (150, 148, 140))
    wall.paste(picture.resize((width, picture.height * width // picture.width)), (600, 500))
    return jpeg_of(wall)


def cropped(image: bytes, left: float, top: float, right: float, bottom: float) -> bytes:
    """The part of the picture between these shares of its width and height."""
    picture = picture_of(image)
    width, height = picture.size
    return jpeg_of(picture.crop((int(left * width), int(top * height), int(right * width), int(bottom * height))))


def recoded(image: bytes, quality: int = 60) -> bytes:
    """Other bytes, the same picture."""
    return jpeg_of(picture_of(image), quality)


def as_format(image: bytes, kind: str) -> bytes:
    """The picture as "HEIC", "WEBP", "PNG", "GIF" or "JPEG"."""
    buffer = io.BytesIO()
    picture_of(image).save(buffer, "HEIF" if kind == "HEIC" else kind)
    return buffer.getvalue()


def ktp(face: bytes, *, grey: bool = False, share: float = 0.9, seed: int = 1) -> bytes:
    """A photo of an ID card: pale blue, lines of text, a small portrait on the right; it fills `share` of the width."""
    card = Image.linear_gradient("L").resize((1012, 638)).rotate(90, expand=True).resize((1012, 638))
    card = ImageOps.colorize(card, (140, 190, 226), (186, 214, 232))
    draw = ImageDraw.Draw(card)
    font, dice = ImageFont.load_default(26), random.Random(seed)
    draw.text((330, 18), "PROVINSI JAWA TIMUR", "black", ImageFont.load_default(30))
    draw.text((300, 54), "KABUPATEN BANYUWANGI", "black", ImageFont.load_default(30))
    draw.text((30, 104), "NIK  :  3510164503870001", "black", ImageFont.load_default(40))
    for line, label in enumerate(_KTP_LABELS):
        words = "".join(dice.choice("ABDEGIKLMNPRSTU ") for _ in range(dice.randint(12, 24)))
        draw.text((30, 160 + 36 * line), f"{label:<18}", "black", font)
        draw.text((270, 160 + 36 * line), f": {words}", "black", font)
    original = picture_of(face)
    # Passport framing: the face is about half as wide as the print.
    draw.rectangle((735, 110, 985, 430), "#b03030")
    left, top, right, bottom = _passport_frame(face)
    card.paste(original.crop((left, top, right, bottom)).resize((230, 300)), (745, 120))
    draw.text((770, 450), "BANYUWANGI", "black", ImageFont.load_default(22))
    draw.text((780, 478), "17-08-2018", "black", ImageFont.load_default(22))
    table = Image.new("RGB", (1400, 1000), (118, 88, 60))
    width = int(1400 * share)
    card = card.resize((width, width * 638 // 1012), Image.Resampling.LANCZOS)
    table.paste(card, ((1400 - width) // 2, (1000 - card.height) // 2))
    return jpeg_of(table.convert("L").convert("RGB") if grey else table)


_KTP_LABELS = (
    "Nama", "Tempat/Tgl Lahir", "Jenis kelamin", "Alamat", "    RT/RW", "    Kel/Desa", "    Kecamatan", "Agama",
    "Status Perkawinan", "Pekerjaan", "Kewarganegaraan", "Berlaku Hingga",
)  # fmt: skip


def _passport_frame(image: bytes) -> tuple[int, int, int, int]:
    name = next(name for name in portraits.NAMES if _same_framing(image, name))
    scale = picture_of(image).width / 512
    left, top, right, bottom = (edge * scale for edge in _FACES[name])
    width = (right - left) * 1.9
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2 - 0.05 * width
    x, y = max(0.0, centre_x - width / 2), max(0.0, centre_y - width * 0.6)
    return int(x), int(y), int(x + width), int(y + width * 1.3)


def bomb(side: int = 30_000) -> bytes:
    """A PNG of some hundred kilobytes that would unfold into `side` × `side` pixels."""
    row = b"\x00" * (1 + side // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def picture_of(image: bytes) -> Image.Image:
    """Decoded, RGB."""
    with Image.open(io.BytesIO(image)) as picture:
        return picture.convert("RGB")


def jpeg_of(picture: Image.Image, quality: int = 90) -> bytes:
    """Encoded again."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _same_framing(image: bytes, name: portraits.PortraitName) -> bool:
    picture, known = picture_of(image), picture_of(portraits.portrait(name))
    return (
        picture.width * known.height == picture.height * known.width
        or abs(picture.width / picture.height - known.width / known.height) < 0.002
    )
