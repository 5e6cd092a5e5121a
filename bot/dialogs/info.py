"""Questions that one message answers. Each ends at once, so that an interrupted question follows in the same message."""

from __future__ import annotations

from bot.case import owner, progress_lines
from bot.effects import Say
from bot.prompts import Dialog, Entered, Scene, Step, done, switch


def _info(name: str) -> Dialog:
    def tell(_scene: Scene) -> Entered:
        return done(Say(f"info.{name}"))

    return Dialog(name, "tell", {"tell": Step(tell)}, title=Say("info.title"), passing=True)


def _payment(scene: Scene) -> Entered:
    """What the data hold of this person's quota and payments; never a sum or a day that they do not hold.

    Who is not yet decided is told what comes first.
    """
    if owner(scene) is None:
        return done(Say("result.news" if scene.get("notice") else "info.payment"))
    if progress := progress_lines(scene.facts):
        return done(Say("info.payment_known", {"progress": progress}))
    if scene.get("notice"):
        return done()
    decision = scene.facts.decision
    known = decision is not None and decision.outcome == "eligible"
    return done(Say("info.payment_eligible" if known else "info.payment"))


def _officer(scene: Scene) -> Entered:
    """An officer's words, marked as theirs. Opened by hand there is nothing to show."""
    text = scene.get("text", "")
    if not text:
        return switch("menu")
    return done(Say("handover.officer", {"text": text}))


REQUIREMENTS = _info("requirements")
AUTHENTICITY = _info("authenticity")
IKD_HELP = _info("ikd_help")
FACE_HELP = _info("face_help")
ASSIST_OTHER = _info("assist_other")
PAYMENT = Dialog("payment", "tell", {"tell": Step(_payment)}, title=Say("info.title"), passing=True)
OFFICER = Dialog("officer", "tell", {"tell": Step(_officer)}, title=Say("info.title"), passing=True)

INFO = (REQUIREMENTS, AUTHENTICITY, IKD_HELP, FACE_HELP, ASSIST_OTHER, PAYMENT, OFFICER)
