"""The face check: consent, a photo facing the camera, one with the head turned, the comparison with IKD.

Called with `person` (what IKD's look-up gave) or, without it, for whom this chat has proven to be. Results: `match`,
`failed` (another way is offered, never a third try), `no_consent`, `ikd_inactive`, `inactive_nik`.
"""

from __future__ import annotations

from typing import Any

from backend.domain.consents import TEXT_VERSIONS, Purpose
from bot.effects import Command, Record, Say
from bot.events import JobFinished, Photos
from bot.prompts import (
    NO,
    Ask,
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
    photo_refs,
)  # fmt: skip

# After the second comparison that fails we stop asking: the third photo helps nobody, a person does.
MOST_FAILURES = 2
# Pairs of photos that cannot be compared (the head not turned, twice the same photo) are no failures, but not endless.
MOST_SLIPS = 3


def _consent(scene: Scene) -> Entered:
    if scene.get("consented"):
        return go("front", consent_at=scene.now.isoformat())
    person = scene.facts.person
    if not scene.get("person") and person is not None and Purpose.FACE in person.consents:
        return go("front", consent_at=scene.now.isoformat())
    options = (option("yes", "options.yes_consent"), NO)
    return Ask(Say("selfie.consent"), options, help=Say("selfie.consent_help"))


def _consent_taken(scene: Scene, value: str) -> Next:
    answer = {"purpose": str(Purpose.FACE), "granted": value == "yes", "version": TEXT_VERSIONS[Purpose.FACE]}
    if value == "no":
        return done(Say("selfie.consent_refused"), result="no_consent").doing(Record("consent.give", answer))
    return go("front", consent_at=scene.now.isoformat()).doing(Record("consent.give", answer))


# --- the two photos ----------------------------------------------------------------------------------------------


def _front(_scene: Scene) -> Entered:
    return Ask(Say("selfie.ask_front"), parse=_words_for_a_photo, photos=True, one=True, help=Say("selfie.help"))


def _turned(_scene: Scene) -> Entered:
    return Ask(Say("selfie.ask_turned"), parse=_words_for_a_photo, photos=True, one=True, help=Say("selfie.help"))


def _words_for_a_photo(_text: str, _scene: Scene) -> Retry:
    return Retry(Say("selfie.photo_please"))


def _front_taken(_scene: Scene, value: Photos) -> Next:
    return go("receive_front", photo=photo_refs(value)[0], several=len(value.photos) > 1)


def _turned_taken(_scene: Scene, value: Photos) -> Next:
    return go("receive_turned", photo=photo_refs(value)[0], several=len(value.photos) > 1)


def _receive(scene: Scene, purpose: str) -> Entered:
    command = Command("photo.receive", {"photos": [scene.get("photo")], "purpose": purpose})
    return Wait(command, Say("selfie.receive_slow"), Say("selfie.receive_busy"))


def _front_received(scene: Scene, value: JobFinished) -> Next:
    photo = _photo(value)
    if photo.get("problem"):
        return _again("front", Say(f"selfie.problem_{photo['problem']}"))
    return go("turned", *_only_first(scene), Say("selfie.front_good"), front=photo["id"])


def _turned_received(scene: Scene, value: JobFinished) -> Next:
    photo = _photo(value)
    if photo.get("problem"):
        return _again("turned", Say(f"selfie.problem_{photo['problem']}"))
    return go("verify", turned=photo["id"])


def _photo(value: JobFinished) -> dict[str, Any]:
    """The first photo of the outcome. A job that ended without one could not fetch it: the person sends it again."""
    photos = value.data.get("photos") or [{"id": None, "problem": "gone"}]
    return dict(photos[0])


def _only_first(scene: Scene) -> tuple[Say, ...]:
    return (Say("selfie.only_first"),) if scene.get("several") else ()


def _again(step: str, say: Say, **put: Any) -> Next:
    """The same photo once more. The sentence says all that is to do, so the long instructions are not repeated."""
    return Next(to=step, says=(say,), put=put, silent=True)


# --- the comparison ----------------------------------------------------------------------------------------------


def _verify(scene: Scene) -> Entered:
    whom = {"person": scene.get("person")} if scene.get("person") else {"person_id": scene.person_id}
    photos = {name: scene.get(name) for name in ("front", "turned", "consent_at")}
    # The match counts for the act that the photos were asked for, and for no other.
    asked = {**photos, **whom, "act": scene.get("act") or ""}
    return Wait(Command("face.verify", asked), Say("selfie.verify_slow"), Say("selfie.verify_busy"))


def _verified(scene: Scene, value: JobFinished) -> Next:
    match value.outcome:
        case "match":
            return done(Say("selfie.match"), result="match").binding()
        case "no_match" | "borderline" | "other_person":
            return _failed_once_more(scene, value.outcome)
        case "not_turned" | "same_photo":
            return _slip(scene, "turned", Say(f"selfie.{value.outcome}"))
        case "problem":
            step = "turned" if value.data.get("photo") == "turned" else "front"
            return _slip(scene, step, Say(f"selfie.problem_{value.data['problem']}"))
        case "ikd_inactive" | "inactive_nik":
            return done(result=value.outcome)
        case _:
            return go("unavailable")


def _failed_once_more(scene: Scene, outcome: str) -> Next:
    failures = scene.get("failures", 0) + 1
    if failures >= MOST_FAILURES:
        return go("other_way", failures=failures)
    say = Say("selfie.other_person" if outcome == "other_person" else "selfie.no_match_first")
    return _again("front", say, failures=failures)


def _slip(scene: Scene, step: str, say: Say) -> Next:
    slips = scene.get("slips", 0) + 1
    return go("other_way", slips=slips) if slips >= MOST_SLIPS else _again(step, say, slips=slips)


def _unavailable(_scene: Scene) -> Entered:
    return Ask(Say("selfie.unavailable"), (option("continue"), option("later")))


def _unavailable_taken(_scene: Scene, value: str) -> Next:
    return go("verify") if value == "continue" else done(Say("selfie.later"), result="later")


def _other_way(scene: Scene) -> Entered:
    """What was never compared has not failed to match."""
    say = Say("selfie.failed") if scene.get("failures") else Say("selfie.slipped")
    return Ask(say, (option("yes", "options.yes_connect"), option("later")))


def _other_way_taken(scene: Scene, value: str) -> Next:
    if value == "later":
        return done(Say("selfie.failed_later"), result="failed")
    ticket = Record("ticket.open", {"code": scene.facts.code, "kind": "face", "text": ""})
    return done(Say("selfie.ticket_opened", {"queue": scene.facts.queue + 1}), result="failed").doing(ticket)


SELFIE = Dialog(
    "selfie",
    "consent",
    {
        "consent": Step(_consent, _consent_taken, to=("front",)),
        "front": Step(_front, _front_taken, to=("receive_front",)),
        "receive_front": Step(lambda scene: _receive(scene, "selfie"), _front_received, to=("front", "turned")),
        "turned": Step(_turned, _turned_taken, to=("receive_turned",)),
        "receive_turned": Step(lambda scene: _receive(scene, "turned"), _turned_received, to=("turned", "verify")),
        "verify": Step(_verify, _verified, to=("front", "turned", "other_way", "unavailable")),
        "unavailable": Step(_unavailable, _unavailable_taken, to=("verify",)),
        "other_way": Step(_other_way, _other_way_taken),
    },
    title=Say("selfie.title"),
)
