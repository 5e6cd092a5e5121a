"""Who is writing: consent, NIK, KK, look-up in IKD, the masked name, then the face. Called by every journey that shows or
changes somebody's data; its result is `proven`, or how it ended without that.

Nobody's data is shown before their face has matched. All that a typed NIK and KK bring to light is one masked line, and
only when they belong together; every other way ends in one and the same sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from backend.domain.consents import TEXT_VERSIONS, Purpose
from backend.domain.digits import find_number, two_numbers
from backend.domain.kk import Kk, parse_kk
from backend.domain.names import mask_name
from backend.domain.nik import LENGTH, Nik, parse_nik
from backend.domain.regions import level_of, name_of, parent_of
from bot.effects import Command, Record, Say
from bot.events import JobFinished
from bot.prompts import (
    NO,
    YES,
    Ask,
    Call,
    Dialog,
    Entered,
    Next,
    Retry,
    Scene,
    Step,
    Wait,
    done,
    go,
    option,
)  # fmt: skip

PROVEN_FOR = timedelta(days=30)
MOST_WRONG_PAIRS = 4
# Journeys that are kept, as a registration, while somebody cannot prove who they are.
KEEPS = frozenset({"registration", "accompany"})
# What a second sending of the very same number settles: its owner may be a hundred years old.
_DOUBTFUL = frozenset({"looks_like_kk", "under_age"})


def consent(purpose: Purpose, granted: bool) -> Record:
    """The answer to one consent question, with the version of the text that was read."""
    return Record("consent.give", {"purpose": str(purpose), "granted": granted, "version": TEXT_VERSIONS[purpose]})


# --- known already? ----------------------------------------------------------------------------------------------


def _start(scene: Scene) -> Entered:
    """`other`: the caller wants somebody else than whom this chat has proven to be.

    For somebody who is accompanied, `accompany` has asked for the consents and for nobody else than the one in hand.
    """
    person = scene.facts.person
    if scene.accompanied:
        if person is not None and person.id == scene.person_id:
            return done(result="proven")
        return go("nik") if scene.get("consent_at") else done(Say("accompany.not_yet"), result="no_consent")
    if person is None or person.id != scene.person_id or scene.get("other"):
        return _somebody_new()
    if scene.proven_at is not None and scene.now - scene.proven_at <= PROVEN_FOR:
        return done(result="proven")
    return go("same_person")


def _same_person(scene: Scene) -> Entered:
    name = mask_name(scene.facts.person.name) if scene.facts.person else ""
    return Ask(Say("identify.same_person", {"name": name}), (YES, option("no", "options.no_other_person")))


def _same_person_taken(scene: Scene, value: str) -> Next:
    return go("selfie") if value == "yes" else _somebody_new()


def _somebody_new() -> Next:
    """From here on the chat is nobody's: what this person answers must never count as the answer of the one before."""
    return Next(to="consent", put={"sex": "unknown"}, forget=True)


# --- consent, NIK, KK --------------------------------------------------------------------------------------------


def _consent(_scene: Scene) -> Entered:
    options = (option("yes", "options.yes_consent"), NO)
    return Ask(Say("identify.consent_data"), options, help=Say("identify.consent_data_help"))


def _consent_taken(scene: Scene, value: str) -> Next:
    record = consent(Purpose.DATA_ACCESS, value == "yes")
    if value == "no":
        return done(Say("identify.consent_data_refused"), result="no_consent").doing(record)
    return go("nik", consent_at=scene.now.isoformat()).doing(record)


def _nik(scene: Scene) -> Entered:
    help_text = Say("identify.nik_help")
    say = Say("accompany.ask_numbers" if scene.accompanied else "identify.ask_nik")
    return Ask(say, parse=_parse_nik, numeric=True, secret=True, help=help_text)


def _parse_nik(text: str, scene: Scene) -> Retry | dict[str, str]:
    """The NIK with, when the message holds it, the KK; or a doubt that the same number sent again removes."""
    if scene.accompanied and (both := _both_numbers(text, scene)) is not None:
        return both
    numbers = find_number(text, ("nik", "ktp"), LENGTH)
    found = parse_nik(text, scene.facts.today, insisted=bool(numbers.digits) and numbers.digits == scene.get("doubted"))
    if isinstance(found, Nik):
        others = [kk for number in numbers.whole if isinstance(kk := parse_kk(number, nik=found.value), Kk)]
        return {**_of_nik(found), "kk": others[0].value if len(others) == 1 else ""}
    if found.kind in _DOUBTFUL and numbers.digits != scene.get("doubted"):
        return {"doubt": found.kind, "digits": numbers.digits}
    return Retry(Say(f"identify.nik_{found.kind}", {"count": found.digits}))


def _both_numbers(text: str, scene: Scene) -> dict[str, str] | None:
    """NIK and KK in one message, in either order; None when the message is to be read as a NIK alone."""
    numbers = two_numbers(text, ("nik", "ktp", "kk"), LENGTH)
    for nik, kk in (numbers, numbers[::-1]) if numbers is not None else ():
        found = parse_nik(nik, scene.facts.today, insisted=True)
        family = parse_kk(kk, nik=nik)
        if isinstance(found, Nik) and isinstance(family, Kk):
            return {**_of_nik(found), "kk": family.value}
    return None


def _of_nik(found: Nik) -> dict[str, str]:
    return {
        "nik": found.value,
        "nik_sex": found.sex,
        "nik_region": found.region_code,
        "nik_birth_date": found.birth_date.isoformat(),
    }


def _nik_taken(scene: Scene, value: Mapping[str, str]) -> Next:
    if "doubt" in value:
        doubt = Say(f"identify.nik_{value['doubt']}", {"count": LENGTH})
        return Next(put={"doubted": value["digits"]}, says=(doubt,), silent=True)
    hints = (Say("identify.nik_region_unknown"),) if _doubtful(value["nik_region"], scene.facts.regions) else ()
    step = "look_up" if value["kk"] else "kk"
    return go(step, *hints, **value, sex=value["nik_sex"])


def _doubtful(code: str, regions: Mapping[str, str]) -> bool:
    """Whether an NIK's region is worth a hint: an unknown province, or an unknown regency where we list the regencies.

    Districts come and go and the code never changes, so an unknown district says nothing.
    """
    if not regions:
        return False
    regency = parent_of(code)
    province = parent_of(regency)
    listed = any(parent_of(other) == province for other in regions)
    return province not in regions or (listed and regency not in regions)


def _kk(_scene: Scene) -> Entered:
    return Ask(Say("identify.ask_kk"), parse=_parse_kk, numeric=True, secret=True, help=Say("identify.kk_help"))


def _parse_kk(text: str, scene: Scene) -> str | Retry:
    found = parse_kk(text, nik=scene.get("nik"))
    return found.value if isinstance(found, Kk) else Retry(Say(f"identify.kk_{found.kind}", {"count": found.digits}))


def _kk_taken(_scene: Scene, value: str) -> Next:
    return go("look_up", kk=value)


# --- look-up -----------------------------------------------------------------------------------------------------


def _look_up(scene: Scene) -> Entered:
    data = {"nik": scene.get("nik"), "kk": scene.get("kk"), "consent_at": scene.get("consent_at")}
    if scene.accompanied:
        data["regions"] = list(scene.facts.facilitator.regions) if scene.facts.facilitator else []
    return Wait(Command("ikd.look_up", data), Say("identify.look_up_slow"), Say("identify.look_up_busy"))


def _looked_up(scene: Scene, value: JobFinished) -> Next:
    if value.outcome == "found":
        person = {"nik": scene.get("nik"), "kk": scene.get("kk"), **value.data}
        ikd = person.pop("ikd")
        step = "proving" if scene.get("confirmed") else "confirm"
        return go(step, person=person, ikd=ikd, sex=person["sex"])
    if value.outcome == "not_together":
        return _wrong_pair(scene, Say("accompany.not_together" if scene.accompanied else "identify.not_together"))
    if value.outcome == "inactive_nik":
        return go("inactive_nik").doing(*_hold(scene, "nik_inactive"))
    return go("unavailable")


def _wrong_pair(scene: Scene, say: Say) -> Next:
    """Ask for both numbers again, but not without end: whoever tries out pairs gets no further here."""
    tries = scene.get("wrong_pairs", 0) + 1
    if tries >= MOST_WRONG_PAIRS:
        return done(Say("identify.too_many_pairs"), result="not_together")
    return go("nik", say, wrong_pairs=tries, nik="", kk="", sex="unknown", doubted="")


def _unavailable(_scene: Scene) -> Entered:
    return Ask(Say("identify.unavailable"), (option("continue"), option("handover")))


def _confirm(scene: Scene) -> Entered:
    params = {"name": mask_name(scene.get("person")["name"]), "place": _place(scene)}
    say = Say("accompany.confirm" if scene.accompanied else "identify.confirm", params)
    return Ask(say, (YES, option("no", "options.no_not_me")))


def _place(scene: Scene) -> Say:
    person = scene.get("person")
    code = person["region_code"]
    name = name_of(code, scene.facts.regions)
    return Say("identify.place_district" if level_of(code) == "district" else "identify.place_other", {"name": name})


def _confirmed(scene: Scene, value: str) -> Next:
    if value == "no":
        return _wrong_pair(scene, Say("accompany.not_them" if scene.accompanied else "identify.not_me"))
    return go("proving", confirmed=True)


# --- IKD and NIK that cannot be checked --------------------------------------------------------------------------


def _proving(scene: Scene) -> Entered:
    """A face can only be compared where IKD is active; otherwise the case is kept until it is."""
    ikd = scene.get("ikd")
    if ikd == "active":
        return go("selfie")
    if scene.get("held"):
        return go("activation", Say("identify.ikd_still_inactive"))
    return go("activation", held=True).doing(*_hold(scene, f"ikd_{ikd}"))


def _hold(scene: Scene, reason: str) -> tuple[Record, ...]:
    """Keep a registration that cannot be proven here and now, once. Other journeys have nothing to keep."""
    if scene.get("purpose") not in KEEPS or scene.get("held"):
        return ()
    person = scene.get("person") or {
        "nik": scene.get("nik"),
        "kk": scene.get("kk"),
        "name": "",
        "sex": scene.get("nik_sex"),
        "birth_date": scene.get("nik_birth_date"),
        "region_code": scene.get("nik_region"),
    }
    kept = {name: person[name] for name in ("nik", "kk", "name", "sex", "birth_date", "region_code")}
    return (Record("registration.hold", {"code": scene.facts.code, **kept, "reason": reason}),)


def _activation(scene: Scene) -> Entered:
    key = "identify.ikd_inactive" if scene.get("purpose") in KEEPS else "identify.ikd_inactive_other"
    options = (option("continue"), option("ikd_help"), option("handover"))
    return Ask(Say(key), options, help=Say("identify.ikd_inactive_help"))


def _waited(_scene: Scene, value: str) -> Next:
    """After an activation or a disturbance: look again, or open what helps on top of this step."""
    return go("look_up") if value == "continue" else Next(open=Call(value))


def _inactive_nik(_scene: Scene) -> Entered:
    return Ask(Say("identify.inactive_nik"), (option("yes", "options.yes_connect"), option("later")))


def _inactive_nik_taken(scene: Scene, value: str) -> Next:
    if value == "later":
        return done(Say("identify.inactive_nik_later"), result="inactive_nik")
    ticket = Record("ticket.open", {"code": scene.facts.code, "kind": "nik_inactive", "text": ""})
    return done(Say("identify.ticket_opened"), result="inactive_nik").doing(ticket)


# --- the face ----------------------------------------------------------------------------------------------------


def _selfie(scene: Scene) -> Entered:
    whom = {"person": scene.get("person"), "sex": scene.get("sex", "")}
    # Whoever is accompanied has answered the question about their face with the others.
    return Call("selfie", {"act": scene.get("purpose"), "consented": scene.accompanied, **whom})


def _face_checked(scene: Scene, value: Any) -> Next:
    if value == "match":
        return done(result="proven")
    if value == "ikd_inactive" and scene.get("person"):
        return go("proving", ikd="inactive")
    if value == "inactive_nik" and scene.get("person"):
        return go("inactive_nik").doing(*_hold(scene, "nik_inactive"))
    if value == "failed" and scene.get("person"):
        return done(result="failed").doing(*_hold(scene, "face_failed"))
    return done(result=value)


IDENTIFY = Dialog(
    "identify",
    "start",
    {
        "start": Step(_start, to=("consent", "same_person", "nik")),
        "same_person": Step(_same_person, _same_person_taken, to=("selfie", "consent")),
        "consent": Step(_consent, _consent_taken, to=("nik",)),
        "nik": Step(_nik, _nik_taken, to=("kk", "look_up")),
        "kk": Step(_kk, _kk_taken, to=("look_up",)),
        "look_up": Step(_look_up, _looked_up, to=("confirm", "proving", "nik", "inactive_nik", "unavailable")),
        "unavailable": Step(_unavailable, _waited, to=("look_up",)),
        "confirm": Step(_confirm, _confirmed, to=("proving", "nik")),
        "proving": Step(_proving, to=("selfie", "activation")),
        "activation": Step(_activation, _waited, to=("look_up",)),
        "inactive_nik": Step(_inactive_nik, _inactive_nik_taken),
        "selfie": Step(_selfie, _face_checked, to=("proving", "inactive_nik")),
    },
    title=Say("identify.title"),
)
