"""What strangers may send as a photo, and what is left of it afterwards."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw, ImageFont

from backend.gateways.photos import MAX_BYTES, MAX_JPEG_BYTES, NotAPhoto, legibility, take_in
from tests import faces_support as pictures

COLLINS = pictures.portrait("collins")
# Brands and first bytes of what phones record and people forward.
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\0" * 200
MOV = b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  " + b"\0" * 200


def refusal(data: bytes) -> str:
    with pytest.raises(NotAPhoto) as caught:
        take_in(data)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "GIF"])
def test_every_photo_format_becomes_a_jpeg(kind: str) -> None:
    data = pictures.as_format(COLLINS, kind)
    photo = take_in(data)
    assert (photo.width, photo.height) == (512, 512)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(photo.jpeg)) as result:
        assert (result.format, result.mode, result.size) == ("JPEG", "RGB", (512, 512))
    difference = np.asarray(pictures.picture_of(photo.jpeg), int) - np.asarray(pictures.picture_of(COLLINS), int)
    assert np.abs(difference).mean() < (14 if kind == "GIF" else 6)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"),
        (b"halo", "unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable"),
        (COLLINS[: len(COLLINS) // 2], "unreadable"),
        (pictures.as_format(COLLINS, "PNG")[:40_000], "unreadable"),
        (pictures.as_format(COLLINS, "HEIC")[:3_000], "unreadable"),
        (COLLINS[:200], "unreadable"),
        (b"%PDF-1.7\n" + COLLINS, "pdf"),
        (b"\n\n%PDF-1.4 ", "pdf"),
        (MP4, "video"),
        (MOV, "video"),
        (b"\x1aE\xdf\xa3" + b"\0" * 100, "video"),
        (b"OggS" + b"\0" * 100, "video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video"),
        (pictures.bomb(), "too_many_pixels"),
        (pictures.bomb(8_100), "too_many_pixels"),
        (pictures.shrunk(COLLINS, 20), "too_small"),
        (b"\xff\xd8" + b"\0" * MAX_BYTES, "too_large"),
    ],
    ids=[
        "nothing", "words", "svg", "half a JPEG", "half a PNG", "half a HEIC", "a JPEG's head", "a PDF with a JPEG",
        "a PDF after blanks", "MP4", "MOV", "WebM", "voice note", "AVI", "bomb", "bomb below the library's limit",
        "a dot", "20 MB",
    ],
)  # fmt: skip
def test_what_is_no_photo_is_told_apart(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    assert len(pictures.bomb()) < 500_000  # 112 MB as one bit a pixel, 2.7 GB as RGB


def test_a_moving_gif_is_refused() -> None:
    frames = [pictures.picture_of(COLLINS).rotate(turn) for turn in (0, 90)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert refusal(buffer.getvalue()) == "animated"


def test_a_phones_second_picture_in_a_jpeg_is_ignored() -> None:
    buffer = io.BytesIO()
    first, second = pictures.picture_of(COLLINS), pictures.picture_of(pictures.portrait("hopper"))
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    assert take_in(buffer.getvalue()).height == 512


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_photo_stands_upright_as_exif_says(orientation: int) -> None:
    upright = pictures.picture_of(pictures.portrait("hopper"))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", quality=95, exif=exif)
    photo = take_in(buffer.getvalue())
    assert (photo.width, photo.height) == upright.size
    difference = np.asarray(pictures.picture_of(photo.jpeg), int) - np.asarray(upright, int)
    assert np.abs(difference).mean() < 6


def test_a_heic_stands_upright_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = pictures.picture_of(pictures.portrait("hopper"))
    buffer = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(buffer, "HEIF", exif=exif.tobytes(), quality=90)
    photo = take_in(buffer.getvalue())
    difference = np.asarray(pictures.picture_of(photo.jpeg), int) - np.asarray(upright, int)
    assert np.abs(difference).mean() < 8


def test_damaged_files_are_refused_and_never_break_the_intake() -> None:
    small = pictures.shrunk(COLLINS, 96)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "described"
    described = io.BytesIO()
    pictures.picture_of(small).save(described, "JPEG", exif=exif)
    palette = io.BytesIO()
    pictures.picture_of(small).quantize(16).save(palette, "PNG", exif=exif)
    seeds = [pictures.as_format(small, kind) for kind in ("JPEG", "PNG", "WEBP", "HEIC", "GIF")]
    seeds += [described.getvalue(), palette.getvalue()]
    dice = random.Random(5)
    outcomes: set[str] = set()
    for _ in range(2_000):
        damaged = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 2, 5, 20))):
            damaged[int(dice.random() ** 2.5 * len(damaged))] = dice.randrange(256)
        try:
            take_in(bytes(damaged))
            outcomes.add("taken")
        except NotAPhoto as refused:
            outcomes.add(refused.reason)
    assert {"taken", "unreadable"} <= outcomes


def test_a_photo_with_damaged_exif_is_taken_as_it_lies() -> None:
    buffer = io.BytesIO()
    # An orientation of the wrong type, in a directory that claims more entries than there are.
    broken = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x0c\0\0\0\x01\0\0"
    pictures.picture_of(COLLINS).save(buffer, "JPEG", exif=broken)
    assert take_in(buffer.getvalue()).width == 512


def test_location_and_everything_else_hidden_is_gone() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    exif.get_ifd(0x8825)[1] = "S"
    exif.get_ifd(0x8825)[2] = (8.0, 12.0, 33.0)
    buffer = io.BytesIO()
    pictures.picture_of(COLLINS).save(
        buffer, "JPEG", exif=exif, comment=b"secret comment", icc_profile=b"secret profile", xmp=b"secret xmp"
    )
    hidden = buffer.getvalue() + b"PK\x03\x04secret archive behind the picture"
    assert hidden.count(b"secret") == 5
    photo = take_in(hidden)
    assert b"secret" not in photo.jpeg
    with Image.open(io.BytesIO(photo.jpeg)) as result:
        assert not result.getexif()
        assert set(result.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_twelve_megapixels_of_noise_still_become_one_megabyte() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (3000, 4000, 3), dtype=np.uint8)
    data = pictures.jpeg_of(Image.fromarray(noise), 80)
    photo = take_in(data)
    assert len(photo.jpeg) <= MAX_JPEG_BYTES
    assert max(photo.width, photo.height) <= 1600


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    buffer = io.BytesIO()
    clear.save(buffer, "PNG")
    assert pictures.picture_of(take_in(buffer.getvalue()).jpeg).getpixel((50, 50)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None, :].repeat(64, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    shades = np.asarray(pictures.picture_of(take_in(buffer.getvalue()).jpeg))[32, :, 0]
    assert abs(int(shades[128]) - 128) < 6


def test_a_burst_in_a_heic_is_one_photo() -> None:
    heif = pillow_heif.from_pillow(pictures.picture_of(COLLINS))
    heif.add_from_pillow(pictures.picture_of(pictures.portrait("hopper")))
    buffer = io.BytesIO()
    heif.save(buffer)
    assert take_in(buffer.getvalue()).width == 512


def bill() -> Image.Image:
    """A page of print, as a bill is."""
    paper = Image.new("RGB", (1200, 900), (236, 233, 226))
    draw = ImageDraw.Draw(paper)
    for line in range(20):
        draw.text(
            (60, 40 + 42 * line),
            f"PLN  {line:02}  DAYA 1.300 VA  Rp 152.300  12-11-2026",
            (30, 30, 40),
            ImageFont.load_default(30),
        )
    return paper


def meter() -> Image.Image:
    """A meter on a plain wall: little structure, but sharp."""
    wall = Image.new("RGB", (1200, 1600), (168, 160, 150))
    draw = ImageDraw.Draw(wall)
    draw.rounded_rectangle((400, 500, 800, 1000), 20, (210, 212, 214), (90, 90, 90), 6)
    draw.rectangle((450, 600, 750, 700), (20, 30, 20))
    draw.text((470, 615), "018452", (200, 240, 180), ImageFont.load_default(70))
    return wall


@pytest.mark.parametrize("subject", [bill, meter])
def test_what_keeps_evidence_from_being_read(subject: object) -> None:
    assert callable(subject)
    image = pictures.jpeg_of(subject(), 90)
    assert legibility(take_in(image)) is None
    assert legibility(take_in(pictures.darkened(image, 0.12))) == "dark"
    assert legibility(take_in(pictures.brightened(image, 12))) == "bright"
    assert legibility(take_in(pictures.blurred(image, 6))) == "blurred"
    assert legibility(take_in(pictures.shrunk(image, 200))) == "small"
    assert legibility(take_in(pictures.recoded(image, 30))) is None


def test_no_photo_of_a_person_is_in_the_repository() -> None:
    root = Path(__file__).parents[2]
    kinds = {".jpg", ".jpeg", ".png", ".heic", ".webp"}
    for folder in ("backend", "bot", "nlu", "tests"):
        assert [path for path in (root / folder).rglob("*") if path.suffix.lower() in kinds] == []
