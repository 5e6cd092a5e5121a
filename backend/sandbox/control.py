"""Switches for trainers and tests: faults, and IKD states that change as they do at the office."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from backend.sandbox.faults import Fault, Rule
from backend.sandbox.residents import IkdState
from backend.sandbox.services import SixteenDigits
from backend.sandbox.world import World


class Switch(BaseModel):
    """One change. Without `nik` a fault hits everybody; without `service` IKD and every data owner.

    `fault` null with `clear` removes the rules (for `nik`, else all). `ikd` sets the IKD state of `nik`.
    """

    model_config = ConfigDict(extra="forbid")

    nik: SixteenDigits | None = None
    service: str | None = Field(default=None, pattern="^(ikd|dtsen|pln|bank|income|civil_service)$")
    fault: Fault | None = None
    times: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, ge=0, le=3600)
    ikd: IkdState | None = None
    clear: bool = False


def control_routes(world: World) -> APIRouter:
    """`POST /control` changes something, `DELETE /control` puts everything back."""
    router = APIRouter(tags=["control"])

    @router.post("/control", status_code=204)
    async def change(switch: Switch) -> None:
        if switch.clear:
            world.faults.clear(switch.nik)
        if switch.fault is not None:
            world.faults.add(Rule(switch.fault, switch.nik, switch.service, switch.times, switch.seconds))
        if switch.nik is not None and switch.ikd is not None:
            world.set_state(switch.nik, switch.ikd)

    @router.delete("/control", status_code=204)
    async def reset() -> None:
        world.reset()

    return router
