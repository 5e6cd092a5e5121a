"""The menu: what the bot is, what it can do, and the way back to whatever was interrupted."""

from __future__ import annotations

from bot.effects import Option, Say
from bot.prompts import Ask, Dialog, Entered, Next, Scene, Step, done, go, option, switch

MORE = (
    option("requirements"),
    option("payment"),
    option("ikd_help"),
    option("assist_other"),
    option("report"),
    option("privacy"),
    option("authenticity"),
    option("handover"),
)


def _start(scene: Scene) -> Entered:
    """Say what led here; the menu itself follows."""
    small_talk = scene.get("small_talk")
    if scene.get("welcome") or small_talk == "greet":
        return go("choose", Say("menu.welcome"))
    if small_talk == "thanks":
        return done(Say("small_talk.thanks"))
    if small_talk:
        return go("choose", Say(f"small_talk.{small_talk}"))
    if scene.get("help"):
        return go("choose", Say("menu.help"))
    if scene.get("old_button"):
        return go("choose", Say("menu.old_button"))
    if scene.get("unexpected"):
        return go("choose", Say(f"menu.unexpected_{scene.get('unexpected')}"))
    if scene.get("out_of_scope"):
        return go("choose", Say("menu.out_of_scope"))
    if scene.get("not_understood"):
        return go("choose", Say("menu.not_understood"))
    return go("choose")


def _choose(scene: Scene) -> Entered:
    main = (option("registration"), option("status"), option("appeal"), option("more"))
    options: tuple[Option, ...] = (option("resume"), *main) if scene.interrupted else main
    return Ask(Say("menu.choose"), options, help=Say("menu.help"))


def _chosen(scene: Scene, value: str) -> Next:
    if value == "more":
        return go("more")
    if value == "resume":
        return done(result="resume")
    return switch(value)


def _more(scene: Scene) -> Entered:
    return Ask(Say("menu.more"), (*MORE, option("back")), help=Say("menu.help"))


def _more_chosen(scene: Scene, value: str) -> Next:
    return go("choose") if value == "back" else switch(value)


MENU = Dialog(
    "menu",
    "start",
    {
        "start": Step(_start, to=("choose",)),
        "choose": Step(_choose, _chosen, to=("more",)),
        "more": Step(_more, _more_chosen, to=("choose",)),
    },
    title=Say("menu.title"),
    passing=True,
)
