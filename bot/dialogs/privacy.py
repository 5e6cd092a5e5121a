"""The person's own data (UU 27/2022): what is stored, correcting it, withdrawing a consent, erasing, stopping messages.

Seeing and erasing need proof of who asks. Withdrawing a consent and stopping messages only protect the person.
"""

from __future__ import annotations

from typing import Any

from backend.domain.consents import TEXT_VERSIONS, Purpose
from backend.domain.names import mask_name
from bot.case import owner
from bot.effects import Command, Option, Record, Say
from bot.events import JobFinished
from bot.facts import PersonFacts
from bot.prompts import Ask, Call, Dialog, Entered, Next, Scene, Step, Wait, done, go, option, switch


def _choose(scene: Scene) -> Entered:
    person = owner(scene)
    messages = "resume_messages" if person is not None and not person.notifications else "stop_messages"
    names = ("show", "correct", "withdraw", "erase", messages, "handover")
    return Ask(Say("privacy.choose"), tuple(option(name, f"privacy.option_{name}") for name in names))


def _chosen(scene: Scene, value: str) -> Next:
    if value == "correct":
        return switch("correct_data")
    if value == "resume_messages":
        return done(Say("privacy.messages_on")).doing(*_messages_on(scene))
    if value in {"stop_messages", "handover"}:
        return switch(value)
    return go("identify", wish=value)


def _messages_on(scene: Scene) -> tuple[Record, ...]:
    """Asking for messages again is also the consent to them, where that was withdrawn."""
    on = Record("notifications.set", {"on": True})
    person, purpose = owner(scene), Purpose.NOTIFICATION
    if person is None or purpose.value in person.consents:
        return (on,)
    given = {"purpose": purpose.value, "granted": True, "version": TEXT_VERSIONS[purpose]}
    return (Record("consent.give", given), on)


def _identify(_scene: Scene) -> Call:
    return Call("identify", {"purpose": "privacy"})


def _identified(scene: Scene, value: Any) -> Next:
    if value != "proven" or owner(scene) is None:
        return done(result=value)
    return go(scene.get("wish"))


# --- what is stored --------------------------------------------------------------------------------------------------


def _show(scene: Scene) -> Entered:
    person = owner(scene)
    if person is None:
        return go("identify")
    return done(Say("privacy.stored", {"items": _stored(scene, person)}), Say("privacy.rights"))


def _stored(scene: Scene, person: PersonFacts) -> list[Say]:
    facts = scene.facts
    items = [
        Say("privacy.item_identity", {"name": mask_name(person.name), "region": person.region_name}),
        Say(f"privacy.level_{person.level}"),
        Say("privacy.item_consents", {"consents": [Say(f"privacy.purpose_{p}") for p in _given(person)]})
        if _given(person)
        else Say("privacy.item_no_consent"),
    ]
    if facts.registration is not None:
        since = facts.registration.created_at.isoformat()
        items.append(Say("privacy.item_registration", {"number": facts.registration.number, "since": since}))
    if facts.decision is not None:
        items.append(Say("privacy.item_decision", {"at": facts.decision.decided_at.isoformat()}))
    if facts.appeal is not None:
        items.append(Say("privacy.item_appeal", {"number": facts.appeal.number}))
    items.append(Say("privacy.item_chat"))
    return items


def _given(person: PersonFacts) -> list[str]:
    return [purpose.value for purpose in Purpose if purpose.value in person.consents]


# --- withdrawing a consent -------------------------------------------------------------------------------------------


def _withdraw(scene: Scene) -> Entered:
    person = owner(scene)
    if person is None:
        return go("identify")
    given = _given(person)
    if not given:
        return done(Say("privacy.no_consent_given"))
    options = [Option(purpose, Say(f"privacy.option_{purpose}")) for purpose in given]
    ways = (option("represented", "privacy.option_represented"), option("keep", "privacy.option_keep"))
    return Ask(Say("privacy.withdraw"), (*options, *ways))


def _withdraw_chosen(_scene: Scene, value: str) -> Next:
    return done(Say("privacy.kept")) if value == "keep" else go("withdraw_sure", purpose=value)


def _withdraw_sure(scene: Scene) -> Ask:
    options = (option("yes", "privacy.option_yes_withdraw"), option("no", "privacy.option_keep"))
    return Ask(Say(f"privacy.sure_{scene.get('purpose')}"), options)


def _withdrawn(scene: Scene, value: str) -> Next:
    if value == "no":
        return done(Say("privacy.kept"))
    purpose = scene.get("purpose")
    if purpose == "represented":
        return done(Say("privacy.not_represented")).doing(Record("delegation.withdraw"))
    off = (Record("notifications.set", {"on": False}),) if purpose == Purpose.NOTIFICATION else ()
    return done(Say("privacy.withdrawn")).doing(Record("consent.withdraw", {"purpose": purpose}), *off)


# --- erasing ---------------------------------------------------------------------------------------------------------


def _erase(scene: Scene) -> Entered:
    if owner(scene) is None:
        return go("identify")
    return Ask(Say("privacy.erase"), (option("yes", "privacy.option_yes_erase"), option("no", "privacy.option_keep")))


def _erase_taken(_scene: Scene, value: str) -> Next:
    return done(Say("privacy.kept")) if value == "no" else go("erasing")


def _erasing(scene: Scene) -> Wait:
    command = Command("person.erase", {"person_id": scene.person_id})
    return Wait(command, slow=Say("privacy.erasing_slow"), busy=Say("privacy.erasing_busy"))


def _not_erased(_scene: Scene, _event: JobFinished) -> Next:
    """Any outcome but the one that ends the whole conversation (see `ERASED`)."""
    return done(Say("privacy.not_erased"))


def _receipt(scene: Scene) -> Entered:
    receipt = scene.get("receipt")
    return done(Say("privacy.erased", {"receipt": receipt})) if receipt else switch("menu")


PRIVACY = Dialog(
    name="privacy",
    start="choose",
    title=Say("privacy.title"),
    steps={
        "choose": Step(_choose, _chosen, to=("identify",)),
        "identify": Step(_identify, _identified, to=("show", "withdraw", "erase")),
        "show": Step(_show, to=("identify",)),
        "withdraw": Step(_withdraw, _withdraw_chosen, to=("identify", "withdraw_sure")),
        "withdraw_sure": Step(_withdraw_sure, _withdrawn),
        "erase": Step(_erase, _erase_taken, to=("identify", "erasing")),
        "erasing": Step(_erasing, _not_erased),
    },
)


ERASED = Dialog("erased", "tell", {"tell": Step(_receipt)}, title=Say("privacy.title"), passing=True)


# --- stopping messages -----------------------------------------------------------------------------------------------


def _stop(_scene: Scene) -> Ask:
    return Ask(Say("privacy.stop"), (option("yes", "privacy.option_yes_stop"), option("no", "privacy.option_no_stop")))


def _stopped(_scene: Scene, value: str) -> Next:
    if value == "no":
        return done(Say("privacy.messages_stay"))
    return done(Say("privacy.messages_off")).doing(Record("notifications.set", {"on": False}))


STOP_MESSAGES = Dialog(
    "stop_messages", "ask", {"ask": Step(_stop, _stopped)}, title=Say("privacy.title_stop"), passing=True
)
