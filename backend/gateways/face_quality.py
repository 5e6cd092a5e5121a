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

MIN_SHARPNESS = 0.022  # below, blur alone moves an encoding by 0.35 and more
_MIN_PICTURE_SHARPNESS = 0.012
_DARK_LIGHT_END = 62.0  # grey level that the lightest 10 % of the face stay below
_BRIGHT_DARK_END = 190.0  # grey level that 70 % of the face are above
_FACE_SAMPLE_PX = 120
_MIN_STROKES = 0.2  # share of a row's pixels on an upright edge: print 0.4, a brick wall 0.07


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
    if float((grey > 250).mean()) > 0.4:
        return "bright"
    return "blurred" if float(grey.std()) > 12 and _sharpness(grey) < _MIN_PICTURE_SHARPNESS else None


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
    """Whether the photo shows an ID card: a small portrait beside a field, mostly bluish, that is full of lines of text.

    On a KTP the face is a seventh of the card's width, with a dozen lines of text to its left (to its right where the
    camera mirrors). A photocopy has no blue, so there more lines must be seen. Cards that are tilted by more than about
    10° or too blurred to show lines are not recognised; they fail as "small" or "no_face", or do not match.
    """
    face = box[2] - box[0]
    if face > 0.3 * pixels.shape[1]:
        return False
    return any(_is_text_field(pixels, _field_beside(box, side)) for side in (-1, 1))


def _field_beside(box: Box, side: int) -> Box:
    face, centre_x, centre_y = box[2] - box[0], (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    near, far = centre_x + side * 1.3 * face, centre_x + side * 5.3 * face
    return min(near, far), centre_y - 1.7 * face, max(near, far), centre_y + 1.5 * face


def _is_text_field(pixels: Pixels, field: Box) -> bool:
    left, top, right, bottom = _inside(field, pixels)
    share = (right - left) * (bottom - top) / ((field[2] - field[0]) * (field[3] - field[1]))
    if share < 0.5 or right - left < 60 or bottom - top < 60:
        return False
    # 50 pixels a face's width: a line of a KTP's text is then about 7 pixels high, whatever the distance.
    scale = 200 / (field[2] - field[0])
    size = (max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale)))
    crop = Image.fromarray(pixels[top:bottom, left:right]).resize(size, Image.Resampling.BOX)
    lines = _text_lines(np.asarray(crop.convert("L"), dtype=np.float32))
    return lines >= 8 or (lines >= 5 and _bluish_share(crop) >= 0.35)


def _text_lines(grey: Grey) -> int:
    """How many rows of upright strokes with gaps in between, as printed lines are."""
    contrast = max(float(np.percentile(grey, 95) - np.percentile(grey, 5)), 20.0)
    strokes = (np.abs(np.diff(grey, axis=1)) > 0.15 * contrast).mean(axis=1)
    low, high = (float(level) for level in np.percentile(strokes, (15, 85)))
    if high < _MIN_STROKES or low > 0.6 * high:
        return 0
    lines, within = 0, False
    for level in strokes:
        if not within and level > low + 0.6 * (high - low):
            lines, within = lines + 1, True
        elif within and level < low + 0.3 * (high - low):
            within = False
    return lines


def _bluish_share(crop: Image.Image) -> float:
    """Share of pixels between cyan and violet that are neither grey nor dark."""
    hue, saturation, value = (np.asarray(band) for band in crop.convert("HSV").split())
    bluish = (hue > 120) & (hue < 185) & (saturation > 20) & (value > 70)
    return float(bluish.mean())


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
