"""Twilio's Content resources as its API keeps them and WhatsApp shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\{\{(\d+)\}\}")
_BODY = 1024
_VARIABLES = 1024
_SHAPES = {"twilio/quick-reply": ("actions", "title", 3, 20), "twilio/list-picker": ("items", "item", 10, 24)}


class ContentError(Exception):
    """`code` is Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Shown:
    """What the person sees. `kind`: `text`, `quick-reply` or `list-picker`; `buttons` as (title, id)."""

    text: str
    kind: str = "text"
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    sid: str
    friendly_name: str
    types: dict[str, Any]
    samples: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": None,
            "friendly_name": self.friendly_name,
            "language": "id",
            "variables": self.samples,
            "types": self.types,
            "date_created": "2026-11-22T01:30:00Z",
            "date_updated": "2026-11-22T01:30:00Z",
            "url": f"https://content.twilio.com/v1/Content/{self.sid}",
            "links": {},
        }


def checked(sid: str, data: dict[str, Any]) -> Content:
    """A new resource, if the Content API takes it. Raises ContentError."""
    types = data.get("types") or {}
    samples = data.get("variables") or {}
    if set(types) - set(_SHAPES) or len(types) != 1:
        raise ContentError(20001, "Invalid types")
    for kind, content in types.items():
        field, title, most, _ = _SHAPES[kind]
        options = content.get(field) or []
        if not 1 <= len(options) <= most or not all(option.get(title) and option.get("id") for option in options):
            raise ContentError(20001, f"{field} must hold 1 to {most} options, each with {title} and id")
        if kind == "twilio/list-picker" and not 1 <= len(content.get("button") or "") <= 20:
            raise ContentError(20001, "button must have 1 to 20 characters")
        used = set(_VARIABLE.findall(str(content)))
        if used != set(samples) or not all(samples.values()):
            raise ContentError(20001, "Every variable needs a sample")
    return Content(sid, str(data.get("friendly_name") or ""), types, samples)


def shown(content: Content, variables: Any) -> Shown:
    """The message that a person gets. Raises ContentError as Twilio refuses (21656) or WhatsApp fails (63021)."""
    if not isinstance(variables, dict) or not all(isinstance(v, str) and v.strip() for v in variables.values()):
        raise ContentError(21656, "The ContentVariables Parameter is invalid")
    if len(variables) > 100 or sum(map(len, variables.values())) > _VARIABLES:
        raise ContentError(21656, "The ContentVariables Parameter is invalid")
    values = content.samples | variables

    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda match: values[match[1]], text)

    ((kind, parts),) = content.types.items()
    field, title, _, longest = _SHAPES[kind]
    buttons = tuple((filled(option[title]), filled(option["id"])) for option in parts[field])
    body = filled(parts["body"])
    titles = [text for text, _ in buttons]
    if len(body) > _BODY or len(set(titles)) < len(titles) or any(len(text) > longest for text in titles):
        raise ContentError(63021, "Channel invalid content error")
    return Shown(body, kind.removeprefix("twilio/"), buttons)
