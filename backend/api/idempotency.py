"""`Idempotency-Key`: the caller's own name for a request, so that one that is sent again does not happen twice."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

Once = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="the caller's own name for this request; the same name again does nothing twice",
        max_length=100,
        pattern=r"^[\x21-\x7e]*$",
        examples=["b3a1f0c2-1"],
    ),
]
