"""What a photo of a face looks like before anybody is compared: light, sharpness, framing, an ID card instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Grey = NDArray[np.float32]
Box = tuple[float, float, float, float]

MIN_SHARPNESS = 0.012
_DARK_LIGHT_END = 75.0  # grey level that the lightest 10 % of the face stay below
_BRIGHT_DARK_END = 190.0  # grey level that 70 % of the face are above
_FACE_SAMPLE_PX = 120


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the face: mean grey level 0–255, its lighter and darker end, and edge strength relative to its contrast."""

    brightness: float
    light_end: float
    dark_end: float
    sharpness: float


def measure(pixels: Pixels, box: Box) -> Measures:
    """Measure the face in `box`, scaled to one size so that the numbers mean the same for near and far faces."""
    left, top, right, bottom = _inside(box, pixels)
    crop = Image.fromarray(pixels[top:bottom, left:right]).convert("L")
    grey = np.asarray(crop.resize((_FACE_SAMPLE_PX, _FACE_SAMPLE_PX), Image.Resampling.BOX), dtype=np.float32)
    dark_end, light_end = (float(level) for level in np.percentile(grey, (30, 90)))
    return Measures(float(grey.mean()), light_end, dark_end, _sharpness(grey))


def light_problem(measures: Measures) -> Literal["dark", "bright"] | None:
    """Whether the face is too dark or over-exposed. Looks at its lightest and darkest parts: skin tones differ."""
    if measures.light_end < _DARK_LIGHT_END:
        return "dark"
    return "bright" if measures.dark_end > _BRIGHT_DARK_END and measures.light_end > 245 else None


def whole_picture_problem(pixels: Pixels) -> Literal["dark", "bright", "blurred"] | None:
    """Why no face may have been found at all."""
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize((256, 256), Image.Resampling.BOX), dtype=np.float32)
    if np.percentile(grey, 95) < _DARK_LIGHT_END:
        return "dark"
    if np.percentile(grey, 25) > 235:
        return "bright"
    return "blurred" if float(grey.std()) > 12 and _sharpness(grey) < MIN_SHARPNESS else None


def cut_off(pixels: Pixels, marks: NDArray[np.float64]) -> bool:
    """Whether part of the face lies outside the picture: the chin, a cheek, the brows."""
    height, width = pixels.shape[:2]
    outside = (marks[:, 0] < 0) | (marks[:, 1] < 0) | (marks[:, 0] > width - 1) | (marks[:, 1] > height - 1)
    return bool(outside.sum() >= 3)


def same_picture(first: Pixels | None, second: Pixels | None, least_correlation: float) -> bool:
    """Whether two aligned faces are one photo, re-encoded, cropped, scaled or mirrored."""
    if first is None or second is None:
        return False
    a, b = _standardised(first), _standardised(second)
    return max(float((a * b).mean()), float((a * b[:, ::-1]).mean())) >= least_correlation


def looks_like_ktp(pixels: Pixels, box: Box) -> bool:
    """Whether the photo shows an ID card: a small portrait within a bluish field that is full of lines of text."""
    return False


def _inside(box: Box, pixels: Pixels) -> tuple[int, int, int, int]:
    height, width = pixels.shape[:2]
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    return left, top, max(left + 1, min(width, int(box[2]))), max(top + 1, min(height, int(box[3])))


def _sharpness(grey: Grey) -> float:
    """Mean strength of the Laplacian over the spread of the levels: 0 smooth, 0.1 and more crisp."""
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return float(np.abs(laplacian).mean() / 4 / max(float(grey.std()), 4.0))


def _standardised(chip: Pixels) -> Grey:
    grey = np.asarray(Image.fromarray(chip).convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.float32)
    standardised: Grey = (grey - grey.mean()) / max(float(grey.std()), 1e-3)
    return standardised
