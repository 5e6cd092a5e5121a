"""What a broken rule answers: its status, its stable code, and a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from backend.api.problems import InvalidField, Problem
from backend.services.portal import Cause, Refused
from backend.services.review import AppealError

_PORTAL: Mapping[Cause, tuple[int, str, str]] = {
    "consent_missing": (422, "body.consents", "Consent to data_access and to face is needed, each by itself."),
    "nik_and_kk_differ": (422, "body.kk", "NIK and family card do not belong together."),
    "registered_already": (409, "", "This person has a registration for this programme."),
    "erased": (409, "", "This person had their data erased; they register again themselves, in the chat."),
    "unknown_decision": (404, "", "There is no such decision."),
    "not_proven": (409, "", "The person has not proven who they are."),
    "nothing_to_contest": (409, "", "Only the current refusal of a registration can be contested."),
    "window_over": (409, "", "The time to appeal is over."),
    "open_already": (409, "", "An appeal against this decision is open."),
    "unknown_kind": (422, "body.kind", "An appeal says that data are wrong, or that the NIK was misused."),
    "not_contestable": (422, "body.reasons", "Name reasons of this decision that can be contested."),
    "no_fresh_face_of_the_owner": (
        403, "", "Only the owner of a misused NIK may appeal: their face must have matched in the chat just before.",
    ),
    "unknown_appeal": (404, "", "There is no such appeal."),
    "not_open": (409, "", "This appeal is closed."),
    "too_many_photos": (409, "", "This appeal has as many photos as it can hold."),
    "unreadable_photo": (422, "body.photos", "A photo cannot be read"),
}  # fmt: skip
_REVIEW = {
    "unknown": (404, "There is no such appeal."),
    "not_open": (409, "This appeal is closed."),
    "reason_missing": (422, "The appellant needs a reason."),
    "not_contested": (422, "`accepted` names, for `partly`, some of what was contested."),
}


def refused(error: Refused) -> Problem:
    status, field, sentence = _PORTAL[error.cause]
    detail = f"{sentence}: {error.note}." if error.note else sentence
    return Problem(status, error.cause, detail, [InvalidField(field=field, message=detail)] if field else ())


def not_possible(error: AppealError) -> Problem:
    status, detail = _REVIEW[error.cause]
    fields = {"reason_missing": "body.reason", "not_contested": "body.accepted"}
    named = fields.get(error.cause)
    code = "not_found" if error.cause == "unknown" else error.cause
    return Problem(status, code, detail, [InvalidField(field=named, message=detail)] if named else ())
