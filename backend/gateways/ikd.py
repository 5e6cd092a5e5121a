"""IKD, the digital population identity: look-up by NIK and KK, and the 1:1 face match.

No public specification exists. The wire format below is what the vendors in front of it have in common: JSON over POST,
`consent_given_at` and `transaction_id` with every request, the image in base64 of at most 1 MB, a similarity of 0–1
with a default threshold of 0.75, and errors as `{"error": kind}`. A NIK travels in request bodies only, never in a URL.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from backend.gateways.http import HttpClient, HttpError, Response

IkdStatus = Literal["active", "inactive", "none"]
Sex = Literal["female", "male"]

MAX_IMAGE_BASE64_BYTES = 1_000_000
DEFAULT_TIMEOUT_S = 20.0
DEFAULT_RETRY_AFTER_S = 30.0

_STATUSES: Mapping[str, IkdStatus] = {"active": "active", "inactive": "inactive", "none": "none"}
_SEXES: Mapping[str, Sex] = {"female": "female", "male": "male"}


@dataclass(frozen=True, slots=True)
class IkdRecord:
    """What IKD says about a NIK and KK. The personal fields are empty unless `belongs`: a stranger learns nothing."""

    belongs: bool
    name: str = field(default="", repr=False)
    sex: Sex | None = None
    birth_date: date | None = field(default=None, repr=False)
    region_code: str = ""
    ikd: IkdStatus = "none"
    nik_active: bool = True


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """The outcome of a 1:1 match. `score` and `threshold` are similarities of 0–1; the verdict is IKD's own."""

    match: bool
    score: float
    threshold: float


class IkdError(Exception):
    """IKD gave no answer to the question. `retryable`: the same question may be answered later."""

    retryable: ClassVar[bool] = False


class NoFace(IkdError):
    """IKD finds no face in the picture: ask for another one."""


class InvalidImage(IkdError):
    """IKD cannot read the picture: ask for another one."""


class ImageTooLarge(IkdError):
    """The picture exceeds 1 MB in base64: shrink it before asking again."""


class NikUnknown(IkdError):
    """The population register has no such NIK."""


class NikInactive(IkdError):
    """The NIK is not active in the population register (a death, a double record): only an office can settle it."""


class IkdNotActive(IkdError):
    """The person has not activated IKD, so there is no portrait to compare with: guide them to the activation."""


class NoPortrait(IkdNotActive):
    """IKD holds no portrait for this NIK: nothing to compare with, so the way is the same as without an IKD."""


class RateLimited(IkdError):
    """Asked too fast: wait `retry_after` seconds."""

    retryable = True

    def __init__(self, retry_after: float) -> None:
        super().__init__("IKD asks to slow down")
        self.retry_after = retry_after


class Unavailable(IkdError):
    """IKD timed out, failed or answered garbage: keep the job and ask later. It says nothing about the person."""

    retryable = True


_KINDS: Mapping[str, type[IkdError]] = {
    "no_face": NoFace,
    "invalid_image": InvalidImage,
    "image_too_large": ImageTooLarge,
    "nik_unknown": NikUnknown,
    "nik_inactive": NikInactive,
    "ikd_not_active": IkdNotActive,
    "no_portrait": NoPortrait,
}


class IkdGateway:
    """IKD at `base_url` over HTTP. Never repeats by itself: the job that asks knows how patient the citizen can be."""

    def __init__(self, base_url: str, http: HttpClient, timeout: float = DEFAULT_TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._timeout = timeout

    async def look_up(self, nik: str, kk: str, consent_at: datetime, transaction_id: str) -> IkdRecord:
        """Ask whether `nik` and `kk` belong together and who that is. Raises a subclass of IkdError."""
        body = await self._ask("/identity/look-up", {"nik": nik, "kk": kk}, consent_at, transaction_id)
        try:
            return _record(body)
        except (KeyError, TypeError, ValueError):
            failure = Unavailable("IKD's look-up answer is not understood")
        # Raised outside the handler: a parse error may quote the answer, and with it a name or a birth date.
        raise failure

    async def match_face(self, nik: str, jpeg: bytes, consent_at: datetime, transaction_id: str) -> FaceMatch:
        """Compare `jpeg` with the portrait that IKD holds for `nik`. Raises a subclass of IkdError."""
        image = base64.b64encode(jpeg).decode("ascii")
        if len(image) > MAX_IMAGE_BASE64_BYTES:
            raise ImageTooLarge("the picture exceeds 1 MB in base64")
        body = await self._ask("/face/match", {"nik": nik, "image": image}, consent_at, transaction_id)
        try:
            return _match(body)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("IKD's face answer is not understood") from error

    async def reachable(self) -> bool:
        """Whether the service answers at all; for readiness checks."""
        try:
            return (await self._http.request("GET", f"{self._base_url}/healthz", timeout=2.0)).ok
        except HttpError:
            return False

    async def _ask(
        self, path: str, question: Mapping[str, str], consent_at: datetime, transaction_id: str
    ) -> Mapping[str, Any]:
        body = {**question, "consent_given_at": consent_at.isoformat(), "transaction_id": transaction_id}
        try:
            answer = await self._http.request(
                "POST", self._base_url + path, json=body, timeout=self._timeout, max_bytes=100_000
            )
        except HttpError as error:
            raise Unavailable("IKD did not answer") from error
        payload = _payload(answer)
        if answer.ok and payload is not None:
            return payload
        raise _error(answer, payload)


def _record(body: Mapping[str, Any]) -> IkdRecord:
    belongs = body["belongs"]
    if not isinstance(belongs, bool):
        raise TypeError("belongs")
    if not belongs:
        return IkdRecord(belongs=False)
    return IkdRecord(
        belongs=True,
        name=str(body["name"]),
        sex=_SEXES[body["sex"]],
        birth_date=date.fromisoformat(body["birth_date"]),
        region_code=str(body["region_code"]),
        ikd=_STATUSES[body["ikd"]],
        nik_active=bool(body["nik_active"]),
    )


def _match(body: Mapping[str, Any]) -> FaceMatch:
    match, score, threshold = body["match"], body["score"], body["threshold"]
    if not isinstance(match, bool) or isinstance(score, bool) or isinstance(threshold, bool):
        raise TypeError("match, score or threshold")
    if not (0 <= score <= 1 and 0 <= threshold <= 1):
        raise ValueError("score or threshold")
    return FaceMatch(match, float(score), float(threshold))


def _payload(answer: Response) -> Mapping[str, Any] | None:
    try:
        payload = answer.json()
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _error(answer: Response, payload: Mapping[str, Any] | None) -> IkdError:
    if answer.status == 429:
        return RateLimited(_seconds(answer.headers.get("retry-after")))
    if 400 <= answer.status < 500 and payload is not None:
        kind = _KINDS.get(str(payload.get("error")))
        if kind is not None:
            return kind((kind.__doc__ or "").partition(":")[0])
    return Unavailable(f"IKD answered with status {answer.status}")


def _seconds(retry_after: str | None) -> float:
    """Seconds to wait. Without a number (HTTP also allows a date; no vendor is known to send one) the default."""
    if retry_after is not None and retry_after.strip().isdigit():
        return float(retry_after)
    return DEFAULT_RETRY_AFTER_S
