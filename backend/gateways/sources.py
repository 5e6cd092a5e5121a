"""The data owners that selection asks with the citizen's consent, all at the same time, each allowed to fail alone.

`POST {base_url}/{owner}` with `nik`, `consent_reference` and `transaction_id` answers
`{"as_of": "2026-11-12", "data": {name: value}}`; an owner who knows nothing about somebody leaves the name out.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from backend.gateways.http import HttpClient, HttpError

Value = bool | int | str | tuple[str, ...]

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_BACKOFF_S = (0.3, 1.0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_decile(value: object) -> bool:
    return _is_count(value) and value in range(1, 11)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


# Owner → datum → what its value must look like. Units: power in VA, money in rupiah a month, decile 1 (poorest) to 10.
OWNERS: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "dtsen": {"decile": _is_decile, "components": _is_list},
    "pln": {"power_va": _is_count},
    "bank": {"account_turnover": _is_count},
    "income": {"income": _is_count, "employer": _is_text},
    "civil_service": {"civil_servant": _is_flag, "army": _is_flag, "police": _is_flag},
}


@dataclass(frozen=True, slots=True)
class Datum:
    """One fact about a person, whose it is and how old: a decision must be able to name all three."""

    name: str
    value: Value = field(repr=False)
    owner: str
    as_of: date


Said = tuple[date, list[Datum]]
"""The day for which an owner vouches, and what it knows."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the owners said, in the order of OWNERS. `unavailable` owners were asked and did not answer usably; `as_of`
    holds the day for which each of the others vouches, also where it knows nothing."""

    data: list[Datum]
    unavailable: list[str]
    as_of: dict[str, date] = field(default_factory=dict)


class SourceUnavailable(Exception):
    """One owner did not answer usably, after every attempt. `retryable`: it may later."""

    retryable = True

    def __init__(self, owner: str) -> None:
        super().__init__(f"no usable answer from {owner}")
        self.owner = owner


class SourcesGateway:
    """The data owners behind `base_url`. `backoff` holds the pauses in seconds between the attempts at one owner."""

    def __init__(
        self,
        base_url: str,
        http: HttpClient,
        timeout: float = DEFAULT_TIMEOUT_S,
        backoff: Sequence[float] = DEFAULT_BACKOFF_S,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._timeout = timeout
        self._backoff = tuple(backoff)

    async def ask(
        self, nik: str, consent_reference: str, transaction_id: str, owners: Collection[str] = OWNERS.keys()
    ) -> Answers:
        """Ask owners about `nik` at the same time. An owner's failure costs its data, never the others'."""
        question = {"nik": nik, "consent_reference": consent_reference, "transaction_id": transaction_id}
        asked = [owner for owner in OWNERS if owner in owners]
        results = await asyncio.gather(*(self._ask_with_patience(owner, question) for owner in asked))
        answers = Answers([], [])
        for owner, result in zip(asked, results, strict=True):
            if isinstance(result, SourceUnavailable):
                answers.unavailable.append(owner)
            else:
                answers.as_of[owner], data = result
                answers.data.extend(data)
        return answers

    async def _ask_with_patience(self, owner: str, question: Mapping[str, str]) -> Said | SourceUnavailable:
        for pause in self._backoff:
            try:
                return await self._ask_once(owner, question)
            except SourceUnavailable:
                await asyncio.sleep(pause)
        try:
            return await self._ask_once(owner, question)
        except SourceUnavailable as failure:
            return failure

    async def _ask_once(self, owner: str, question: Mapping[str, str]) -> Said:
        try:
            answer = await self._http.request(
                "POST", f"{self._base_url}/{owner}", json=question, timeout=self._timeout, max_bytes=100_000
            )
        except HttpError as error:
            raise SourceUnavailable(owner) from error
        if not answer.ok:
            raise SourceUnavailable(owner)
        try:
            said = _data(owner, answer.json())
        except (KeyError, TypeError, ValueError):
            said = None
        # Raised outside the handler: a parse error may quote the answer, and with it what the owner knows.
        if said is None:
            raise SourceUnavailable(owner)
        return said


def _data(owner: str, body: Any) -> Said:
    """The owner's known data. A value of a wrong shape spoils the whole answer; a name we do not know is ignored."""
    as_of = date.fromisoformat(body["as_of"])
    data: list[Datum] = []
    for name, fits in OWNERS[owner].items():
        if name not in body["data"]:
            continue
        value = body["data"][name]
        if not fits(value):
            raise ValueError(name)
        data.append(Datum(name, tuple(value) if isinstance(value, list) else value, owner, as_of))
    return as_of, data
