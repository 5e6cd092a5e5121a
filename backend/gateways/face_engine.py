"""The face work itself: detection, landmarks, encodings. Pure CPU; runs in a child process (see `faces.FacePool`).

Built on face_recognition's models, driven one level below its helpers: those detect at full size (7 s for a photo of
12 megapixels) and search the face again for the landmarks and for the encoding.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from backend.gateways import face_quality as quality
from backend.gateways.face_report import (
    DISTANCE_THRESHOLD,
    GESTURE_DISTANCE_THRESHOLD,
    FaceProblem,
    FaceReport,
    SelfieProblem,
    SelfieVerdict,
    compare,
    score,
)
from backend.gateways.photos import SELFIE_SIDE, NotAPhoto, picture_of

with warnings.catch_warnings():
    # The models package finds its files through pkg_resources; setuptools is pinned below 81 for it.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
    import dlib
    from face_recognition import api as models
# The library switches this on for the whole process; a photo cut off by a bad line must fail, not turn grey.
ImageFile.LOAD_TRUNCATED_IMAGES = False

DETECTION_SIDE = 640
MIN_FACE_PX = 64  # the encoder works on 150 pixels; down to 64 enlarging them moves an encoding by less than 0.2
SIGNIFICANT_SHARE = 0.35  # a second face this large beside the first one is a second person, not somebody passing by
SIGNIFICANT_SCORE = 0.3  # the detector's own confidence; patterns that only resemble a face stay below
TURNED_LOG_RATIO = 0.20  # the change of ln(yaw ratio) between the photos that counts as a turn, about 20°
STRONGLY_TURNED_LOG_RATIO = 0.65  # beyond this a front photo is a profile
SAME_PICTURE_CORRELATION = 0.93  # re-encoded, cropped, mirrored copies: 0.95 and more; a turn of 15°: 0.86

# Landmarks depend on where the detector put its box and on its size in pixels. The median over slightly moved boxes, at
# one size, on the picture and its mirror image, stays within 0.15 over light, blur, tilt and scale, where one look alone
# wanders by 0.5; a head turned by 28° to 35° moves it by 0.2 and more in 19 of 20 pictures.
_POSE_FACE_PX = 120
_BOX_MOVES = ((0.0, 0.0, 1.0), (0.05, 0.0, 1.0), (-0.05, 0.0, 1.0), (0.0, 0.05, 1.05), (0.0, -0.05, 0.95))

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Face:
    """A detected face: its box (left, top, right, bottom) in the decoded picture and the detector's confidence."""

    box: quality.Box
    confidence: float

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A report and the aligned face (96 × 96 pixels), by which copies of one photo are told."""

    report: FaceReport
    chip: Pixels | None


class FaceEngine:
    """Loaded models (about 1 s, 200 MB). One instance a process; not for use by several threads at once."""

    def inspect(self, jpeg: bytes) -> FaceReport:
        """Describe one photo. Any format that `photos.take_in` hands on is fine; the size is reduced while decoding."""
        return self._see(jpeg).report

    def verify_selfie(self, front: bytes, turned: bytes) -> SelfieVerdict:
        """Whether `front` faces the camera and `turned` is another photo of that person with the head turned.

        Either side is accepted: front cameras mirror or do not, and no metadata tells, so left and right mean nothing.
        For the same reason a mirrored copy of a slightly turned photo would pass as a turn to the other side; it is
        refused as the same picture. A picture warped by a program is not detected.
        """
        first = self._see(front)
        if first.report.problem is not None:
            return SelfieVerdict(False, first.report.problem, "front", None, (first.report.yaw_ratio, None))
        second = self._see(turned)
        ratios = (first.report.yaw_ratio, second.report.yaw_ratio)
        problem = "same_photo" if front == turned else _pair_problem(first, second)
        if problem is not None:
            return SelfieVerdict(False, problem, "turned", first.report.encoding, ratios)
        return SelfieVerdict(True, None, None, first.report.encoding, ratios)

    def check(self, reference: bytes, selfie: bytes, turned: bytes | None = None) -> dict[str, object]:
        """A whole face check as one JSON object: `match`, `distance`, `score`, `faces`, `quality`, `liveness`, `reason`, `ms`.

        `match` holds only for a usable selfie, close enough to the reference, whose gesture (if given) passed; `reason`
        says which of these failed. `liveness` is "passed", "failed" or "not_checked". `ms` runs from the bytes of the
        selfie and the turned photo to the verdict; the reference is known beforehand, as IKD's portrait is.
        """
        known = self._see(reference).report.encoding
        start = time.perf_counter()
        first = self._see(selfie)
        found = first.report.encoding
        distance = compare(known, found) if known is not None and found is not None else None
        gesture: SelfieProblem | None = None
        if turned is not None and first.report.problem is None:
            gesture = "same_photo" if turned == selfie else _pair_problem(first, self._see(turned))
        reason: str | None = first.report.problem
        if known is None:
            reason = "reference_unusable"
        elif reason is None and distance is not None and distance > DISTANCE_THRESHOLD:
            reason = "other_person"
        elif reason is None and gesture is not None:
            reason = gesture if gesture in {"same_photo", "not_turned"} else f"turned_{gesture}"
        return {
            "match": reason is None,
            "distance": None if distance is None else round(distance, 4),
            "score": None if distance is None else round(score(distance), 4),
            "faces": first.report.faces,
            "quality": first.report.problem or "ok",
            "liveness": _liveness(turned is not None and first.report.problem is None, gesture),
            "reason": reason,
            "ms": round((time.perf_counter() - start) * 1000, 1),
        }

    def _see(self, data: bytes) -> _Seen:
        pixels = _decode(data)
        return _Seen(FaceReport(faces=0, problem="unreadable"), None) if pixels is None else self._describe(pixels)

    def _describe(self, pixels: Pixels) -> _Seen:
        height, width = pixels.shape[:2]
        faces = self._detect(pixels)
        if not faces:
            problem = quality.whole_picture_problem(pixels) or "no_face"
            return _Seen(FaceReport(0, problem, width=width, height=height), None)
        face = faces[0]
        if len(faces) > 1:
            report = FaceReport(len(faces), "many_faces", box=_edges(face.box), width=width, height=height)
            return _Seen(report, None)
        marks = _landmarks(pixels, face.box)
        log_ratio = _log_yaw_ratio(pixels, face.box)
        five = models.pose_predictor_5_point(pixels, _rectangle(face.box))
        measures = quality.measure(pixels, face.box)
        encoding = None
        if face.width >= MIN_FACE_PX / 2:
            encoding = list(models.face_encoder.compute_face_descriptor(pixels, five, 1))
        report = FaceReport(
            faces=1,
            problem=_problem(pixels, face, marks, log_ratio, measures),
            yaw_ratio=math.exp(log_ratio),
            encoding=encoding,
            box=_edges(face.box),
            width=width,
            height=height,
            brightness=measures.brightness,
            sharpness=measures.sharpness,
        )
        return _Seen(report, dlib.get_face_chip(pixels, five, 96, 0.4))

    def _detect(self, pixels: Pixels) -> list[_Face]:
        """Faces that matter, the largest first. A second, slower look finds small faces if the first is empty."""
        for side in (DETECTION_SIDE, 2 * DETECTION_SIDE):
            faces = _detect_at(pixels, side)
            if faces:
                break
        faces.sort(key=lambda face: face.width, reverse=True)
        sure = max((face.confidence for face in faces), default=0.0)
        return [
            face
            for face in faces
            if face.width >= SIGNIFICANT_SHARE * faces[0].width
            and (face.confidence >= SIGNIFICANT_SCORE or face.confidence == sure)
        ]


def _decode(data: bytes) -> Pixels | None:
    try:
        return np.asarray(picture_of(data, SELFIE_SIDE))
    except NotAPhoto:
        return None


def _detect_at(pixels: Pixels, side: int) -> list[_Face]:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    searched = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    rectangles, confidences, _ = models.face_detector.run(searched, 0, 0.0)
    return [
        _Face((r.left() / scale, r.top() / scale, r.right() / scale, r.bottom() / scale), confidence)
        for r, confidence in zip(rectangles, confidences, strict=True)
    ]


def _edges(box: quality.Box) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return round(left), round(top), round(right), round(bottom)


def _rectangle(box: quality.Box) -> Any:
    return dlib.rectangle(*(round(edge) for edge in box))


def _landmarks(pixels: Pixels, box: quality.Box) -> NDArray[np.float64]:
    """The 68 points of the iBUG scheme: jaw 0–16, nose tip 30, outer eye corners 36 and 45. Shape (68, 2)."""
    shape = models.pose_predictor_68_point(pixels, _rectangle(box))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)


def _log_yaw_ratio(pixels: Pixels, box: quality.Box) -> float:
    """How far the head is turned: 0 facing the camera, positive where the nose nears the picture's right edge.

    Sum of three ln(left / right) distances along the line of the eyes (nose tip to the jaw's edges, nose tip to the outer
    corners of the eyes, nose base to the corners of the mouth), halved, which makes it about the ln of the first alone.
    """
    scale = _POSE_FACE_PX / (box[2] - box[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    here = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    left, top, right, bottom = (edge * scale for edge in box)
    there = np.ascontiguousarray(here[:, ::-1])
    other = (size[0] - 1 - right, top, size[0] - 1 - left, bottom)
    facing = [_three_log_ratios(_landmarks(here, _moved((left, top, right, bottom), move))) for move in _BOX_MOVES]
    mirrored = [_three_log_ratios(_landmarks(there, _moved(other, move))) for move in _BOX_MOVES]
    return float((np.median(facing, axis=0) - np.median(mirrored, axis=0)).sum()) / 4


def _three_log_ratios(marks: NDArray[np.float64]) -> tuple[float, float, float]:
    along = marks @ (marks[45] - marks[36])
    least = 0.02 * abs(along[16] - along[0]) + 1e-6  # in a profile the nose reaches or passes the jaw's edge

    def log_ratio(left: int, middle: int, right: int) -> float:
        return math.log(max(along[middle] - along[left], least) / max(along[right] - along[middle], least))

    return log_ratio(0, 30, 16), log_ratio(36, 30, 45), log_ratio(48, 33, 54)


def _moved(
    box: tuple[float, float, float, float], move: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    right, down, scale = move
    size = box[2] - box[0]
    x, y = (box[0] + box[2]) / 2 + right * size, (box[1] + box[3]) / 2 + down * size
    half = size * scale / 2
    return x - half, y - half, x + half, y + half


def _problem(
    pixels: Pixels, face: _Face, marks: NDArray[np.float64], log_ratio: float, measures: quality.Measures
) -> FaceProblem | None:
    """The first thing worth telling: what makes the other measures meaningless comes first."""
    if quality.looks_like_ktp(pixels, face.box):
        return "ktp"
    if face.width < MIN_FACE_PX:
        return "small"
    if quality.cut_off(pixels, marks):
        return "cut_off"
    light = quality.light_problem(measures)
    if light is not None:
        return light
    if measures.sharpness < quality.MIN_SHARPNESS:
        return "blurred"
    return "turned" if abs(log_ratio) > STRONGLY_TURNED_LOG_RATIO else None


def _pair_problem(first: _Seen, second: _Seen) -> SelfieProblem | None:
    front, turned = first.report, second.report
    if quality.same_picture(first.chip, second.chip, SAME_PICTURE_CORRELATION):
        return "same_photo"
    if turned.problem not in {None, "turned"}:
        return turned.problem
    if front.encoding is None or turned.encoding is None or front.yaw_ratio is None or turned.yaw_ratio is None:
        return "small"
    if compare(front.encoding, turned.encoding) > GESTURE_DISTANCE_THRESHOLD:
        return "other_person"
    if abs(math.log(turned.yaw_ratio / front.yaw_ratio)) < TURNED_LOG_RATIO:
        return "not_turned"
    return None


def _liveness(checked: bool, gesture: SelfieProblem | None) -> str:
    if not checked:
        return "not_checked"
    return "passed" if gesture is None else "failed"
