"""What looks like one person twice: the same NIK, family card or bank account. A review case, never a refusal.

Registrations are examined when they are filed and when they are selected, and again when an import knows their account;
each time in sets. A case is opened once for what is shared. Whoever comes later joins the open one; after it was decided
a new one is opened only for somebody whom no case has named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.repositories import audit, duplicates, review_cases
from backend.repositories.duplicates import Examined, Sharer, account_hash

Verdict = Literal["cleared", "confirmed"]


class CaseError(Exception):
    """A review case cannot be decided; `cause` says why in a word."""

    def __init__(self, cause: Literal["case_unknown", "case_closed", "reason_missing"]) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Shared:
    """Something that a registration could share: its kind, the key of its case, and its value in the tables."""

    kind: str
    key: bytes
    value: Any
    registration_id: int


async def examine(
    connection: AsyncConnection, database: Database, ids: Collection[int], now: datetime, *, anew: bool = False
) -> None:
    """Open or extend the cases of these registrations. `anew`: their answers have just been given."""
    if not ids:
        return
    await _mark(connection, database, ids, anew=anew)
    found = [shared for one in await duplicates.examine(connection, ids) for shared in _of(one)]
    told = await duplicates.told(connection, {one.key for one in found}, ids)
    fresh = [one for one in found if (one.key, one.registration_id) not in told.members]
    joining = [
        _member(told.open[one.key], now, registration_id=one.registration_id) for one in fresh if one.key in told.open
    ]
    await duplicates.add_members(connection, database, joining)
    await _open(connection, database, [one for one in fresh if one.key not in told.open], now)


async def _mark(connection: AsyncConnection, database: Database, ids: Collection[int], *, anew: bool) -> None:
    """Remember the accounts of those of these registrations that have no mark."""
    if anew:
        await duplicates.mark(connection, database, "registration_id", {}, gone=ids)
    details = await duplicates.unmarked(connection, ids)
    accounts = {key: said.get("account") or "" for key, said in details.items()}
    hashes = {key: account_hash(account) for key, account in accounts.items() if account}
    await duplicates.mark(connection, database, "registration_id", hashes)


async def recipients(
    connection: AsyncConnection, database: Database, accounts: Mapping[bytes, str], now: datetime
) -> None:
    """An import brought the accounts of these NIKs (by their hash, "" for none): whoever registered with one of them is
    examined."""
    hashes = {key: account_hash(account) for key, account in accounts.items() if account}
    gone = [key for key, account in accounts.items() if not account]
    await duplicates.mark(connection, database, "nik_hash", hashes, gone=gone)
    if hashes:
        await examine(connection, database, await duplicates.registered_with_account_of(connection, list(hashes)), now)


async def typed_again(
    connection: AsyncConnection, database: Database, attempts: Sequence[tuple[int, int, str, int]], now: datetime
) -> None:
    """Somebody typed the NIK of a registration in another chat and has not proven to be its owner: rows of registration,
    person, programme, chat."""
    keys = {attempt: _key("nik", f"{attempt[1]}:{attempt[2]}") for attempt in attempts}
    known = await duplicates.chats_told(connection, set(keys.values())) if keys else set()
    new = {attempt: key for attempt, key in keys.items() if (key, attempt[3]) not in known}
    cases = await duplicates.open_cases(connection, database, dict.fromkeys(new.values(), "nik"), now)
    rows = [
        row
        for attempt, key in new.items()
        for row in (
            _member(cases[key], now, registration_id=attempt[0]),
            _member(cases[key], now, conversation_id=attempt[3]),
        )
    ]
    await duplicates.add_members(connection, database, rows)


def _of(one: Examined) -> list[_Shared]:
    key, person = one.registration_id, (one.person_id, one.programme)
    shared = [_Shared("nik", _key("nik", f"{one.person_id}:{one.programme}"), person, key)]
    if one.kk_hash is not None:
        card = bytes(one.kk_hash)
        shared.append(_Shared("kk", _key("kk", f"{card.hex()}:{one.programme}"), (card, one.programme), key))
    if one.account_hash is not None:
        account = bytes(one.account_hash)
        shared.append(_Shared("account", _key("account", account.hex()), account, key))
    return shared


def _key(kind: str, value: str) -> bytes:
    return crypto.ring().index("review", f"{kind}:{value}")


async def _open(connection: AsyncConnection, database: Database, shared: Sequence[_Shared], now: datetime) -> None:
    """New cases for what more than one has; for a family card and an account they must be different people."""
    by_kind: dict[str, dict[Any, bytes]] = {"nik": {}, "kk": {}, "account": {}}
    for one in shared:
        by_kind[one.kind][one.value] = one.key
    sharers = {
        "nik": await duplicates.with_person(connection, {value[0] for value in by_kind["nik"]}),
        "kk": await duplicates.with_card(connection, {value[0] for value in by_kind["kk"]}),
        "account": await duplicates.with_account(connection, list(by_kind["account"])),
    }
    groups: dict[bytes, tuple[str, list[Sharer]]] = {}
    for kind, keys in by_kind.items():
        for sharer in sharers[kind]:
            if sharer.value in keys:
                groups.setdefault(keys[sharer.value], (kind, []))[1].append(sharer)
    several = {key: (kind, who) for key, (kind, who) in groups.items() if _ENOUGH[kind](who)}
    cases = await duplicates.open_cases(connection, database, {key: kind for key, (kind, _) in several.items()}, now)
    rows = [
        _member(cases[key], now, registration_id=one.registration_id, recipient_id=one.recipient_id)
        for key, (_, who) in several.items()
        for one in _without_own_records(who)
    ]
    await duplicates.add_members(connection, database, rows)


def _without_own_records(who: Sequence[Sharer]) -> list[Sharer]:
    """What an import knows of somebody who is there with a registration is no second person."""
    registered = {one.nik_hash for one in who if one.registration_id is not None}
    return [one for one in who if one.registration_id is not None or one.nik_hash not in registered]


def _different_people(who: Sequence[Sharer]) -> bool:
    return len({one.nik_hash for one in who}) > 1


_ENOUGH: Mapping[str, Callable[[Sequence[Sharer]], bool]] = {
    "nik": lambda who: len(who) > 1,
    "kk": _different_people,
    "account": _different_people,
}


def _member(
    case_id: int,
    now: datetime,
    *,
    registration_id: int | None = None,
    recipient_id: int | None = None,
    conversation_id: int | None = None,
) -> dict[str, Any]:
    named = {"registration_id": registration_id, "recipient_id": recipient_id, "conversation_id": conversation_id}
    return {"case_id": case_id, **named, "at": now}


async def decide(
    connection: AsyncConnection, case_id: int, verdict: Verdict, reason: str, actor: str, now: datetime
) -> None:
    """An officer's word on an open case. It changes no registration and no decision. Raises CaseError."""
    case = await review_cases.held(connection, case_id)
    if case is None:
        raise CaseError("case_unknown")
    if case.state != "open":
        raise CaseError("case_closed")
    if not reason.strip():
        raise CaseError("reason_missing")
    await review_cases.close(connection, case_id, verdict, reason.strip(), actor, now)
    act = audit.Act(now, actor, f"review_case.{verdict}", f"review_case:{case_id}", {"kind": case.kind})
    await audit.note(connection, [act])
