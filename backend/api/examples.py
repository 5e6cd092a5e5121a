"""Examples for the OpenAPI document, made from its schemas: what a field says of itself, else what fields of its name or
form usually hold. So none is forgotten, and none contradicts its schema; a test compares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_BY_NAME: Mapping[str, Any] = {
    "id": 12,
    "previous_id": 8,
    "width": 640,
    "height": 480,
    "kind": "data_wrong",
    "contested": "electricity",
    "not_mine": "electricity",
    "accepted": "electricity",
    "evidence": "electricity_bill",
    "components": "sd",
    "title": "PKH, pilot 2026",
    "owner": "PLN",
    "cause": "http_503",
    "person_id": 3,
    "registration_id": 7,
    "registration_number": "PRL-7K2M-93",
    "decision_id": 9,
    "appeal_id": 5,
    "conversation_id": 4,
    "name": "S*** A*****",
    "nik": "************0001",
    "region_code": "35.10.16",
    "channel": "whatsapp",
    "programme": "PKH",
    "rule_set": "pkh",
    "rule_set_version": "2026-1",
    "version": "2026-1",
    "codes": "electricity",
    "code": "electricity",
    "datum": "power_va",
    "actor": "key:portal",
    "action": "appeal.in_review",
    "subject": "appeal:5",
    "text": "Kapan hasilnya keluar?",
    "statement": "Daya listrik rumah saya sudah diturunkan menjadi 900 VA.",
    "outcome_reason": "Foto rekening menunjukkan daya 900 VA.",
    "note": "Tolong kirim foto meteran listrik yang angkanya terbaca.",
    "digest": "0" * 64,
    "when": "power_va > power_va_limit",
    "key": "35.10",
}
_SAMPLES = (
    "electricity", "PRL-7K2M-93", "SGH-7K2M-93", "3510164503870001", "35.10", "+6281234567890", "evt_12", "0" * 64,
    "https://portal.example.go.id/hook",
)  # fmt: skip
"""For a field with a pattern: the first one that it allows."""
_BY_FORMAT = {"date-time": "2026-11-22T03:00:00Z", "date": "2026-11-22"}
_BY_TYPE_OF = {int: "integer", str: "string", bool: "boolean"}
_BY_TYPE: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "string": "…", "null": None}


def example_of(schema: Schema, known: Mapping[str, Schema], name: str = "") -> Any:
    """A value that this schema allows. `known`: the document's named schemas; `name`: of the field that it is for."""
    if "$ref" in schema:
        return example_of(known[schema["$ref"].rpartition("/")[2]], known, name)
    for said in (schema.get("examples"), schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if said:
            return said[0]
    if "allOf" in schema or "anyOf" in schema or "oneOf" in schema:
        some = schema.get("allOf") or schema.get("anyOf") or schema["oneOf"]
        return example_of(next((one for one in some if one.get("type") != "null"), some[0]), known, name)
    kind = schema.get("type", "object" if "properties" in schema else "")
    if kind == "object":
        return {field: example_of(of, known, field) for field, of in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema["items"], known, name)] if schema.get("items") else []
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    fitting = _BY_NAME.get(name)
    if fitting is not None and _BY_TYPE_OF.get(type(fitting)) == kind:
        return fitting
    if "pattern" in schema:
        return next(sample for sample in _SAMPLES if re.search(schema["pattern"], sample))
    return schema.get("minimum", _BY_TYPE.get(kind, {}))
