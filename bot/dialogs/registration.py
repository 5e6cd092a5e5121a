"""Registration: who it is (`identify`), the household, the account, how to be told, a summary, the number.

What the regions already know of a PKH recipient is shown for confirmation instead of being asked again. A person who is
registered is told so, after their face has matched and not before.
"""

from __future__ import annotations

from typing import Any

from backend.domain.account import Account, parse_account
from backend.domain.consents import TEXT_VERSIONS, Purpose
from backend.domain.household import Component
from backend.domain.names import call_name
from backend.domain.nik import Sex, mask_digits
from backend.domain.numbers import registration_number
from backend.domain.phone import Phone, parse_phone
from bot.effects import Option, Record, Say
from bot.facts import PersonFacts
from bot.prompts import Ask, Call, Dialog, Entered, Next, Retry, Scene, Step, done, go, option, switch

COMPONENTS: tuple[Option, ...] = tuple(
    option(str(component), f"options.component_{component}") for component in Component
)
# A registration in one of these is complete; one that waits for its identity is completed now.
COMPLETE = frozenset({"submitted", "decided"})


def _identify(scene: Scene) -> Entered:
    return Call("identify", {"purpose": "registration", "other": bool(scene.get("other"))})


def _identified(_scene: Scene, value: Any) -> Next:
    return go("known") if value == "proven" else done(result=value)


def _known(scene: Scene) -> Entered:
    """What is known about the person decides what is left to ask."""
    person, registration = scene.facts.person, scene.facts.registration
    if person is None or person.id != scene.person_id:
        return go("identify")
    step = "prefilled" if person.known_pkh else "household"
    if registration is not None and registration.status in COMPLETE:
        step = "already"
    return go(step, applicant=person.id, sex=person.sex, changing=False, named_bank="", other=False)


def _applicant(scene: Scene) -> PersonFacts | None:
    """Whose answers these are, as long as the chat is theirs: meanwhile it may have become somebody else's."""
    person = scene.facts.person
    return person if person is not None and person.id == scene.person_id == scene.get("applicant") else None


# --- registered already ------------------------------------------------------------------------------------------


def _already(scene: Scene) -> Entered:
    registration = scene.facts.registration
    if _applicant(scene) is None or registration is None:
        return go("known")
    params = {"name": _called(scene), "number": registration.number, "status": _status(registration.status)}
    # Another person is another case for a facilitator, and never this one.
    other = () if scene.accompanied else (option("other_person"),)
    return Ask(Say("registration.already", params), (option("status"), *other, option("enough")))


def _status(status: str) -> Say:
    return Say(f"registration.status_{status}")


def _already_taken(_scene: Scene, value: str) -> Next:
    if value == "status":
        return switch("status")
    if value == "other_person":
        return go("identify", other=True)
    return done(Say("registration.enough"))


# --- known PKH recipients ----------------------------------------------------------------------------------------


def _prefilled(scene: Scene) -> Entered:
    """`known_pkh` holds `components` (codes), and `bank` and `account` where the import had them."""
    if _applicant(scene) is None:
        return go("identify")
    known = _pkh(scene)
    key = "registration.prefilled" if known.get("account") else "registration.prefilled_no_account"
    params = {
        "name": _called(scene),
        "household": _household(known.get("components", [])),
        "account": _account(known.get("bank"), known.get("account")),
    }
    return Ask(Say(key, params), (option("yes", "options.yes_still_right"), option("no", "options.no_changed")))


def _prefilled_taken(scene: Scene, value: str) -> Next:
    if value == "no":
        return go("household")
    known = _pkh(scene)
    put = {"components": list(known.get("components", [])), "from_pkh": True}
    if not known.get("account"):
        return go("account", **put)
    return go("notify", **put, bank=known["bank"], account=known["account"])


def _pkh(scene: Scene) -> dict[str, Any]:
    person = _applicant(scene)
    return dict(person.known_pkh or {}) if person else {}


# --- household, account ------------------------------------------------------------------------------------------


def _household_ask(_scene: Scene) -> Entered:
    options = (*COMPONENTS, option("none", "options.component_none"))
    return Ask(Say("registration.ask_household"), options, many=True, help=Say("registration.household_help"))


def _household_taken(scene: Scene, value: list[str]) -> Next:
    if "none" in value and len(value) > 1:
        return Next(says=(Say("registration.household_none_and_more"),))
    chosen = [component for component in value if component != "none"]
    return go("summary" if scene.get("changing") else "account", components=chosen, from_pkh=False)


def _account_ask(_scene: Scene) -> Entered:
    none = option("none", "options.no_account")
    ask = Say("registration.ask_account")
    return Ask(ask, (none,), parse=_parse_account, numeric=True, secret=True, help=Say("registration.account_help"))


def _parse_account(text: str, scene: Scene) -> dict[str, str] | Retry:
    found = parse_account(text, bank=scene.get("named_bank", ""))
    if isinstance(found, Account):
        return {"bank": found.bank, "account": found.number}
    if found.kind == "no_number":
        return {"named_bank": found.bank}
    return Retry(Say(f"registration.account_{found.kind}", {"bank": found.bank, "count": found.digits}))


def _account_taken(scene: Scene, value: dict[str, str] | str) -> Next:
    step = "summary" if scene.get("changing") else "notify"
    if isinstance(value, str):
        return go(step, bank="", account="")
    if "named_bank" in value:
        say = Say("registration.account_no_number", {"bank": value["named_bank"]})
        return Next(put=value, says=(say,), silent=True)
    return go(step, **value, named_bank="")


# --- how to be told ----------------------------------------------------------------------------------------------


def _notify(scene: Scene) -> Entered:
    """Whoever is accompanied has said so with the other consents; the news come to whom they let act for them."""
    if scene.accompanied and not scene.get("changing"):
        return go("summary", notify="chat", phone="")
    options = (option("chat", "options.notify_chat"), option("phone", "options.notify_phone"))
    return Ask(Say("registration.ask_notify"), (*options, option("no", "options.notify_none")))


def _notify_taken(_scene: Scene, value: str) -> Next:
    version = TEXT_VERSIONS[Purpose.NOTIFICATION]
    consent = {"purpose": str(Purpose.NOTIFICATION), "granted": value != "no", "version": version}
    following = go("phone") if value == "phone" else go("summary", notify="none" if value == "no" else "chat", phone="")
    return following.doing(Record("consent.give", consent))


def _phone(_scene: Scene) -> Entered:
    options = (option("chat", "options.notify_chat_after_all"),)
    return Ask(
        Say("registration.ask_phone"), options, parse=_parse_phone, numeric=True, help=Say("registration.phone_help")
    )


def _parse_phone(text: str, _scene: Scene) -> dict[str, str] | Retry:
    found = parse_phone(text)
    if isinstance(found, Phone):
        return {"notify": "phone", "phone": found.e164}
    return Retry(Say(f"registration.phone_{found.kind}", {"count": found.digits}))


def _phone_taken(_scene: Scene, value: dict[str, str] | str) -> Next:
    return go("summary", notify="chat", phone="") if isinstance(value, str) else go("summary", **value)


# --- summary, number ---------------------------------------------------------------------------------------------


def _summary(scene: Scene) -> Entered:
    person = _applicant(scene)
    if person is None:
        return go("identify")
    params = {
        "name": person.name,
        "household": _household(scene.get("components")),
        "account": _account(scene.get("bank"), scene.get("account")),
        "notify": _told(scene),
    }
    options = (option("yes", "options.yes_file"), option("change"))
    return Ask(Say("registration.summary", params), options, help=Say("registration.summary_help"))


def _summary_taken(scene: Scene, value: str) -> Next:
    return go("change", changing=True) if value == "change" else go("filed")


def _change(_scene: Scene) -> Entered:
    options = (option("household"), option("account"), option("notify"), option("back", "options.back_to_summary"))
    return Ask(Say("registration.ask_change"), options)


def _change_taken(_scene: Scene, value: str) -> Next:
    return go("summary" if value == "back" else value)


def _filed(scene: Scene) -> Entered:
    person, code = _applicant(scene), scene.facts.code
    if person is None:
        return go("identify")
    data = {
        "code": code,
        "person_id": person.id,
        "components": scene.get("components"),
        "bank": scene.get("bank"),
        "account": scene.get("account"),
        "notify": scene.get("notify"),
        "phone": scene.get("phone"),
        "from_pkh": bool(scene.get("from_pkh")),
    }
    key = "registration.filed" if scene.get("notify") != "none" else "registration.filed_untold"
    say = Say(key, {"name": _called(scene), "number": registration_number(code)})
    return done(say, result="filed").doing(Record("registration.file", data))


# --- words -------------------------------------------------------------------------------------------------------


def _called(scene: Scene) -> str:
    """How a clerk calls the person whose face has matched: "Bu Siti"."""
    person = _applicant(scene)
    return call_name(person.name, _sex(person)) if person else ""


def _sex(person: PersonFacts) -> Sex | None:
    return "female" if person.sex == "female" else "male" if person.sex == "male" else None


def _household(components: list[str]) -> list[Say]:
    known = dict.fromkeys(components)
    return [Say(f"options.component_{component}") for component in known] or [Say("registration.household_none")]


def _account(bank: str | None, number: str | None) -> Say:
    if not number:
        return Say("registration.account_none_yet")
    return Say("registration.account_shown", {"bank": bank or "", "end": mask_digits(number)[-4:]})


def _told(scene: Scene) -> Say:
    if scene.get("notify") == "phone":
        return Say("registration.told_phone", {"end": scene.get("phone")[-4:]})
    return Say(f"registration.told_{scene.get('notify')}")


REGISTRATION = Dialog(
    "registration",
    "identify",
    {
        "identify": Step(_identify, _identified, to=("known",)),
        "known": Step(_known, to=("identify", "already", "prefilled", "household")),
        "already": Step(_already, _already_taken, to=("known", "identify")),
        "prefilled": Step(_prefilled, _prefilled_taken, to=("identify", "household", "account", "notify")),
        "household": Step(_household_ask, _household_taken, to=("account", "summary")),
        "account": Step(_account_ask, _account_taken, to=("notify", "summary")),
        "notify": Step(_notify, _notify_taken, to=("phone", "summary")),
        "phone": Step(_phone, _phone_taken, to=("summary",)),
        "summary": Step(_summary, _summary_taken, to=("identify", "change", "filed")),
        "change": Step(_change, _change_taken, to=("household", "account", "notify", "summary")),
        "filed": Step(_filed, to=("identify",)),
    },
    title=Say("registration.title"),
)
