"""The working list of a facilitator: my people, who waits for what, search, the day's count, the next one.

It lies at the facilitator's own desk. Whoever is chosen is taken in hand, in a turn of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.effects import Command, Option, Say
from bot.events import JobFinished
from bot.prompts import Ask, Dialog, Entered, Next, Retry, Scene, Step, Take, Wait, done, go, option

SHOWN, SHOWN_LEFT = 5, 3
"""People, and cases left open, on one page: with two more choices as many as a list on WhatsApp holds."""
SHORTEST_SEARCH, LONGEST_SEARCH = 2, 60


def _start(scene: Scene) -> Entered:
    if scene.facts.facilitator is None or scene.accompanied:
        return done(Say("people.not_on_duty"))
    return go("load", *((Say("people.full"),) if scene.get("full") else ()))


def _load(scene: Scene) -> Entered:
    facilitator = scene.facts.facilitator
    if facilitator is None:
        return done(Say("people.not_on_duty"))
    asked = {"facilitator_id": facilitator.id, "search": scene.get("search", ""), "skip": scene.get("skip", 0)}
    return Wait(Command("facilitator.people", {**asked, "most": SHOWN}), Say("people.slow"), Say("people.slow"))


def _loaded(scene: Scene, value: JobFinished) -> Next:
    """The outcome holds `rows` (person_id, call, end, waits), whether there are `more`, and the counts `all` and `today`.

    Whoever is the only one that was searched for is taken in hand at once.
    """
    if value.outcome != "listed":
        return done(Say("people.trouble"))
    if scene.get("search") and len(value.data["rows"]) == 1 and not _left(scene)[0]:
        return _take(value.data["rows"][0])
    return go("choose", **{name: value.data[name] for name in ("rows", "more", "all", "today")})


def _choose(scene: Scene) -> Entered:
    """Cases that were left open come first: they are known to this chat only."""
    if scene.facts.facilitator is None:
        return done(Say("people.not_on_duty"))
    (left, more_left), rows = _left(scene), scene.get("rows")
    if scene.get("search") and not rows and not left:
        say = Say("people.nobody_found")
    elif not rows and not left:
        say = Say("people.nobody_yet")
    else:
        say = Say("people.list", {"all": scene.get("all"), "today": scene.get("today")})
    more = (option("more", "people.option_more"),) if scene.get("more") or more_left else ()
    return Ask(say, (*left, *map(_row, rows), *more, option("add", "accompany.option_add")), parse=_search, free=True)


def _left(scene: Scene) -> tuple[list[Option], bool]:
    """Cases without a face yet, which no list of people holds: those of this page, and whether there are more."""
    open_cases = [(key, case) for key, case in scene.away.items() if key and case.person_id is None and case.stack]
    if search := scene.get("search"):
        open_cases = [(key, case) for key, case in open_cases if case.whom.get("end", "").endswith(search)]
    newest = sorted(open_cases, key=lambda one: -int(one[0]))
    first = SHOWN_LEFT * (scene.get("skip", 0) // SHOWN)
    shown = [Option(f"c{key}", _named(case.whom)) for key, case in newest[first : first + SHOWN_LEFT]]
    return shown, len(newest) > first + SHOWN_LEFT


def _named(whom: Mapping[str, str]) -> Say:
    if whom.get("call"):
        return Say("people.left_named", dict(whom))
    return Say("people.left_numbered", dict(whom)) if whom.get("end") else Say("people.left_nameless")


def _row(row: Mapping[str, Any]) -> Option:
    return Option(f"p{row['person_id']}", Say(f"people.row_{row['waits']}", {"call": row["call"], "end": row["end"]}))


def _search(text: str, _scene: Scene) -> Retry | dict[str, str]:
    said = text.strip()
    if not SHORTEST_SEARCH <= len(said) <= LONGEST_SEARCH:
        return Retry(Say("people.search_how"))
    return {"search": said}


def _chosen(scene: Scene, value: Any) -> Next:
    if isinstance(value, dict):
        return go("load", search=value["search"], skip=0)
    if value == "more":
        return go("load", skip=scene.get("skip", 0) + SHOWN)
    if value == "add":
        return Next(take=Take())
    if value.startswith("c"):
        return Next(take=Take(key=value[1:]))
    return _take(next(row for row in scene.get("rows") if f"p{row['person_id']}" == value))


def _take(row: Mapping[str, Any]) -> Next:
    return Next(take=Take(person_id=row["person_id"], whom={"call": row["call"], "end": row["end"]}))


PEOPLE = Dialog(
    "people",
    "start",
    {
        "start": Step(_start, to=("load",)),
        "load": Step(_load, _loaded, to=("choose",)),
        "choose": Step(_choose, _chosen, to=("load",)),
    },
    title=Say("people.title"),
    passing=True,
)
