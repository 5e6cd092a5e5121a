"""The two sample portraits, and selfies made of them.

Both are public-domain pictures that come inside the wheels of scikit-image (Eileen Collins, NASA) and matplotlib (Grace
Hopper, US Navy). They are read as files: importing those packages would cost a second and 100 MB for nothing.
"""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageEnhance

PortraitName = Literal["collins", "hopper"]
Kind = Literal["front", "turned"]
Box = tuple[float, float, float, float]

NAMES: tuple[PortraitName, ...] = ("collins", "hopper")
TURN_DEGREES = 30.0
_FILES: Mapping[PortraitName, tuple[str, str]] = {
    "collins": ("skimage", "data/astronaut.png"),
    "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}
# Where the faces are, in pixels of the portraits: (left, top, right, bottom).
_BOXES: Mapping[PortraitName, Box] = {"collins": (179, 83, 266, 170), "hopper": (161, 137, 376, 352)}


class PortraitsMissing(Exception):  # noqa: N818  it says what is wrong
    """The sample portraits are not installed: they come with scikit-image and matplotlib (the `sandbox` extra)."""


def available(name: PortraitName) -> bool:
    """Whether the portrait can be read here."""
    return _path(name) is not None


def portrait(name: PortraitName) -> bytes:
    """The portrait as JPEG. Raises PortraitsMissing."""
    return _jpeg(_open(name))


def selfie(name: PortraitName, kind: Kind) -> bytes:
    """A selfie of that person as if taken today: reframed, in other light, for "turned" with the head turned."""
    picture = _open(name)
    if kind == "turned":
        picture = turn_head(picture, _BOXES[name], TURN_DEGREES)
    width, height = picture.size
    framed = picture.crop((width // 25, height // 30, width - width // 20, height - height // 9))
    lit = ImageEnhance.Brightness(framed).enhance(1.08 if kind == "front" else 1.03)
    return _jpeg(lit.resize((lit.width * 2, lit.height * 2), Image.Resampling.BICUBIC))


def turn_head(picture: Image.Image, face: Box, degrees: float) -> Image.Image:
    """Rotate the head by turning the pixels around `face` as if they were painted on an upright cylinder.

    Positive degrees turn towards the right edge of the picture. Up to about 35° the landmarks follow and the encoding
    stays within 0.4 of the original's; the background near the head bends, which no measure here looks at.
    """
    levels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    height, width = levels.shape[:2]
    left, top, right, bottom = face
    centre_x, centre_y, radius = (left + right) / 2, (top + bottom) / 2, (right - left) * 0.7
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across = (x - centre_x) / radius
    angle = np.arcsin(np.clip(across, -0.999, 0.999)) - math.radians(degrees)
    seen = centre_x + radius * np.sin(np.clip(angle, -math.radians(89), math.radians(89)))
    shift = np.where(np.abs(across) < 0.999, seen - x, 0.0)
    # Above the hair and below the chin the turn fades out, so that it leaves no step in the picture.
    fade = np.clip((1 - np.abs(y - centre_y) / ((bottom - top) * 0.95)) / 0.25, 0, 1)
    source = np.clip(x + shift * fade, 0, width - 1)
    column = np.clip(np.floor(source).astype(int), 0, width - 2)
    share = (source - column)[..., None]
    rows = y.astype(int)
    turned = levels[rows, column] * (1 - share) + levels[rows, column + 1] * share
    return Image.fromarray(turned.clip(0, 255).astype(np.uint8))


def _path(name: PortraitName) -> Path | None:
    package, inside = _FILES[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / inside
    return path if path.is_file() else None


def _open(name: PortraitName) -> Image.Image:
    path = _path(name)
    if path is None:
        raise PortraitsMissing(f"the sample portrait {name} needs the package {_FILES[name][0]}")
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
