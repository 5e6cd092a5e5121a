"""Collecting photos and a statement for an appeal; called by the dialogs that file one or add to one.

Photos are fetched and looked at in the background, several at once and in any order, while the person goes on sending.
The result is `{"photos": [ids], "statement": text}`. A caller says what helps (`wanted`: reason -> codes of evidence,
and the appeal's `ground`; or an officer's `question`), and may start it with the photos and the statement (`before`) that
it has already.
"""

from __future__ import annotations

from typing import Any

from backend.domain.delegation import Ground
from bot.effects import Command, Option, Say
from bot.events import JobFinished, Photos
from bot.prompts import Ask, Dialog, Entered, Next, Retry, Scene, Step, done, go, option, photo_refs, quiet, stay

MOST_PHOTOS = 10
LONGEST_STATEMENT = 1500
# More reasons than this are asked in one line each: the full sentences would fill two screens of a small phone.
MOST_IN_FULL = 2
# "Ini fotonya", "tidak ada bukti", "bentar ya": said here they are about these photos, not about the face or another wish.
_ABOUT_PHOTOS = frozenset({"face_problem", "appeal", "affirm", "deny"})


def _ask_photos(scene: Scene) -> Ask:
    taken = len(scene.get("photos", []))
    if taken >= MOST_PHOTOS:
        say, finish = Say("appeal.photos_enough", {"count": taken}), option("done", "appeal.option_done")
    elif taken:
        say, finish = Say("appeal.photos_more", {"count": taken}), option("done", "appeal.option_done")
    else:
        say, finish = _first_question(scene), Option("done", Say("appeal.option_no_photo"))
    return Ask(say, (finish,), parse=_words_for_photos, photos=True, own=_ABOUT_PHOTOS, help=Say("appeal.help_photos"))


def _first_question(scene: Scene) -> Say:
    if question := scene.get("question"):
        return Say("appeal.photos_asked", {"question": question})
    ground = scene.get("ground", Ground.DATA_WRONG)
    if ground == Ground.NIK_MISUSED:
        return Say("appeal.photos_nik_misused")
    wanted: dict[str, list[str]] = scene.get("wanted", {})
    if ground != Ground.DATA_WRONG:
        return Say(f"appeal.photos_{ground}", {"wanted": [_in_one_line(code, wanted[code]) for code in wanted]})
    if len(wanted) > MOST_IN_FULL:
        return Say("appeal.photos_wanted_many", {"wanted": [_in_one_line(code, wanted[code]) for code in wanted]})
    return Say("appeal.photos_wanted", {"wanted": [Say(f"reasons.{code}.evidence") for code in wanted]})


def _in_one_line(reason: str, evidence: list[str]) -> Say:
    helps = [Say(f"reasons.evidence.{code}") for code in evidence]
    return Say("appeal.photos_line", {"reason": Say(f"reasons.{reason}.short"), "evidence": helps})


def _words_for_photos(_text: str, _scene: Scene) -> Retry:
    return Retry(Say("appeal.photo_wanted"))


def _take_photos(scene: Scene, value: Any) -> Next:
    if isinstance(value, Photos):
        return _fetch(scene, value)
    if scene.get("under_way") and not scene.get("finishing"):
        return quiet(finishing=True).saying(Say("appeal.photos_still", {"count": _under_way(scene)}))
    return _to_statement(scene)


def _to_statement(scene: Scene, **put: Any) -> Next:
    """On to the words. What is still being fetched may arrive meanwhile."""
    photos = put.get("photos", scene.get("photos")) or scene.get("under_way")
    says = () if photos else (Say("appeal.without_photos"),)
    return go("statement", *says, **{**put, "finishing": False, "stating": True})


def _fetch(scene: Scene, photos: Photos) -> Next:
    """Have as many photos fetched as still fit. Nothing is said before they were looked at, so an album gets one answer."""
    refs = photo_refs(photos)
    taken = refs[: max(MOST_PHOTOS - len(scene.get("photos", [])) - _under_way(scene), 0)]
    says: tuple[Say, ...] = ()
    if len(taken) < len(refs) and not (scene.get("full") and scene.get("under_way")):
        says = (Say("appeal.photos_full", {"most": MOST_PHOTOS}),)
    put: dict[str, Any] = {"full": len(taken) < len(refs), "finishing": False}
    if photos.caption.strip():
        put["captions"] = [*scene.get("captions", []), photos.caption.strip()[:LONGEST_STATEMENT]]
    if not taken:
        return quiet(**put).saying(*says) if scene.get("under_way") else stay(*says, **put)
    numbered = scene.get("numbered", 0)
    put["numbered"] = numbered + len(taken)
    put["under_way"] = {**scene.get("under_way", {}), str(numbered): len(taken)}
    command = Command("photo.receive", {"photos": taken, "purpose": "evidence"}, note=numbered)
    return quiet(**put).saying(*says).doing(command)


def _under_way(scene: Scene) -> int:
    return sum(scene.get("under_way", {}).values())


def _received(scene: Scene, event: JobFinished) -> Next:
    """Photos were looked at: keep the readable ones; once none is under way, tell what is wrong with each other one."""
    before = scene.get("under_way", {})
    start = event.data["note"]
    under_way = {key: count for key, count in before.items() if key != str(start)}
    seen = event.data.get("photos") or [{"id": None, "problem": "gone"}] * before[str(start)]
    problems = [
        *scene.get("problems", []),
        *([start + place, photo["problem"]] for place, photo in enumerate(seen, 1) if photo["problem"]),
    ]
    photos = [*scene.get("photos", []), *(photo["id"] for photo in seen if not photo["problem"])]
    if under_way:
        return quiet(under_way=under_way, photos=photos, problems=problems)
    put = {"under_way": under_way, "photos": photos, "problems": [], "finishing": False}
    says = _what_is_wrong(problems)
    if scene.get("finishing") and not says:
        return _to_statement(scene, **put)
    if scene.get("stating") and not says and not scene.get("closing"):
        return quiet(**put)
    return stay(*says, **put)


def _what_is_wrong(problems: list[list[Any]]) -> list[Say]:
    """One sentence a problem, with the numbers of the photos that have it, in the order in which they were sent."""
    numbers: dict[str, list[int]] = {}
    for number, problem in sorted(problems):
        numbers.setdefault(problem, []).append(number)
    return [Say(f"appeal.photo_{problem}", {"numbers": found}) for problem, found in numbers.items()]


def _ask_statement(scene: Scene) -> Ask:
    kind = "reply" if scene.get("question") else "again" if scene.get("before") else scene.get("ground")
    skip = Option("skip", Say("appeal.option_same" if scene.get("before") else "appeal.option_no_statement"))
    say = Say(f"appeal.statement_{kind or Ground.DATA_WRONG}")
    return Ask(say, (skip,), parse=_read_statement, free=True, photos=True, help=Say("appeal.help_statement"))


def _read_statement(text: str, _scene: Scene) -> Retry | dict[str, str]:
    said = text.strip()
    if len(said) > LONGEST_STATEMENT:
        return Retry(Say("appeal.statement_long", {"most": LONGEST_STATEMENT, "count": len(said)}))
    if not any(c.isalnum() for c in said):
        return Retry(Say("appeal.statement_words"))
    return {"statement": said}


def _take_statement(scene: Scene, value: Any) -> Next:
    if isinstance(value, Photos):
        return _fetch(scene, value)
    said = value["statement"] if isinstance(value, dict) else scene.get("before", "")
    return go("settle", statement=said, closing=True)


def _settle(scene: Scene) -> Entered:
    """The end, unless photos are still under way: they are waited for, but nobody is held up by a lost one."""
    if scene.get("under_way"):
        say = Say("appeal.photos_still", {"count": _under_way(scene)})
        return Ask(say, (option("continue", "appeal.option_continue"),), photos=True)
    return _result(scene)


def _take_settle(scene: Scene, value: Any) -> Next:
    return _fetch(scene, value) if isinstance(value, Photos) else _result(scene)


def _result(scene: Scene) -> Next:
    words = [scene.get("statement", ""), *scene.get("captions", [])]
    statement = "\n".join(word for word in words if word)[:LONGEST_STATEMENT]
    return done(result={"photos": list(scene.get("photos", []))[:MOST_PHOTOS], "statement": statement})


EVIDENCE = Dialog(
    name="evidence",
    start="photos",
    title=Say("appeal.title"),
    steps={
        "photos": Step(_ask_photos, _take_photos, to=("statement",)),
        "statement": Step(_ask_statement, _take_statement, to=("settle",)),
        "settle": Step(_settle, _take_settle),
    },
    on={"photo.receive": _received},
)
