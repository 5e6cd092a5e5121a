"""What the face work answers with, and how a distance becomes a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

FaceProblem = Literal[
    "no_face", "many_faces", "small", "dark", "bright", "blurred", "cut_off", "turned", "ktp", "unreadable"
]
SelfieProblem = Literal[FaceProblem, "same_photo", "not_turned", "other_person"]

# Two photos of one person are closer than this (Euclidean distance of the 128-dimensional encodings). The library's
# author proposes 0.6, tuned on Western faces; false matches rise for Asian faces, and a false match costs more here
# than a second photo.
DISTANCE_THRESHOLD = 0.5
# The front and the turned photo are of one sitting; a turn of 35° alone moves the encoding by up to 0.4.
GESTURE_DISTANCE_THRESHOLD = 0.55


@dataclass(frozen=True, slots=True)
class FaceReport:
    """What one photo shows. Lengths are pixels of the decoded picture (at most 1,000 on the longer side).

    `faces` counts faces that matter (a stranger far behind does not). `problem` is the first thing to tell the person,
    None for a usable selfie. `yaw_ratio` is the nose's distance from the face's left edge over that from its right
    one, as seen in the picture (see the engine): 1 facing the camera, 0.7 or 1.4 a turned head. `encoding` has 128
    floats; it is present whenever exactly one face is large enough to be described, even with a problem. `box` is
    (left, top, right, bottom) of the largest face.
    """

    faces: int
    problem: FaceProblem | None
    yaw_ratio: float | None = None
    encoding: list[float] | None = field(default=None, repr=False)
    box: tuple[int, int, int, int] | None = None
    width: int = 0
    height: int = 0
    brightness: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True, slots=True)
class SelfieVerdict:
    """Whether two photos are a usable selfie of one living person, as far as photos can tell.

    `problem` says what to ask for again, `photo` which of the two; `encoding` is that of the front photo.
    """

    ok: bool
    problem: SelfieProblem | None
    photo: Literal["front", "turned"] | None = None
    encoding: list[float] | None = field(default=None, repr=False)
    yaw_ratios: tuple[float | None, float | None] = (None, None)


def compare(encoding_a: Sequence[float], encoding_b: Sequence[float]) -> float:
    """Euclidean distance of two encodings: 0 the same picture, about 0.3 the same person, 0.7 and more strangers."""
    return float(np.linalg.norm(np.asarray(encoding_a) - np.asarray(encoding_b)))


def score(distance: float) -> float:
    """Similarity 0–1, linear: the threshold distance 0.5 is 0.75, the vendors' default threshold."""
    return max(0.0, min(1.0, 1.0 - distance / 2.0))


SCORE_THRESHOLD = score(DISTANCE_THRESHOLD)
