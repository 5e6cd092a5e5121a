"""News about an appeal: in review, the officer asks for more, decided. An officer's question is answered right here."""

from __future__ import annotations

from typing import Any

from bot.case import ONGOING, appeal_options, appeal_state, owner
from bot.effects import Record, Say
from bot.facts import AppealFacts
from bot.prompts import Ask, Call, Dialog, Entered, Next, Scene, Step, done, go, option, switch


def _tell(scene: Scene) -> Entered:
    appeal = scene.facts.appeal
    if owner(scene) is None:
        return done(Say("result.news"))
    if appeal is None:
        return switch("status")
    if appeal.status == "need_more":
        return go("ask" if scene.get("notice") else "collect")
    return go("decided") if appeal.status == "decided" else done(appeal_state(appeal))


def _ask(scene: Scene) -> Entered:
    appeal = scene.facts.appeal
    if owner(scene) is None or appeal is None or appeal.status != "need_more":
        return go("tell")
    params = {"number": appeal.number, "question": _question(appeal)}
    options = (option("answer", "appeal.option_answer"), option("handover"), option("later", "appeal.option_later"))
    return Ask(Say("appeal.need_more", params), options)


def _question(appeal: AppealFacts) -> str:
    """What the officer wrote with the latest request for more."""
    return next((step.note for step in reversed(appeal.history) if step.status == "need_more"), "")


def _asked(scene: Scene, value: str) -> Next:
    if value == "answer":
        return go("collect")
    if value == "handover":
        appeal = scene.facts.appeal
        return switch("handover", about=appeal.number if appeal is not None else "")
    return done(Say("appeal.answer_later"))


def _collect(scene: Scene) -> Entered:
    appeal = scene.facts.appeal
    if owner(scene) is None or appeal is None or appeal.status != "need_more":
        return go("tell")
    return Call("evidence", {"question": _question(appeal)})


def _collected(scene: Scene, value: Any) -> Next:
    appeal = scene.facts.appeal
    if appeal is None or owner(scene) is None:
        return done(Say("result.news"))
    if appeal.status not in ONGOING:
        return go("tell", Say("appeal.not_added"))
    if not value["photos"] and not value["statement"]:
        return go("ask", Say("appeal.nothing_added"))
    more = {"appeal_id": appeal.id, "photos": value["photos"], "statement": value["statement"]}
    said = Say("appeal.added", {"number": appeal.number, "count": len(value["photos"])})
    return done(said).doing(Record("appeal.add", more))


def _decided(scene: Scene) -> Entered:
    appeal = scene.facts.appeal
    if owner(scene) is None or appeal is None or appeal.status != "decided":
        return go("tell")
    return Ask(appeal_state(appeal), appeal_options(appeal))


def _decided_taken(scene: Scene, value: str) -> Next:
    appeal = scene.facts.appeal
    if value == "handover":
        return switch("handover", about=appeal.number if appeal is not None else "")
    return done(Say("appeal.bye"))


APPEAL_NEWS = Dialog(
    name="appeal_news",
    start="tell",
    title=Say("appeal.title_answer"),
    steps={
        "tell": Step(_tell, to=("ask", "collect", "decided")),
        "ask": Step(_ask, _asked, to=("tell", "collect")),
        "collect": Step(_collect, _collected, to=("ask", "tell")),
        "decided": Step(_decided, _decided_taken, to=("tell",)),
    },
)
