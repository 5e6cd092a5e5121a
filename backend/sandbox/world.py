"""The state behind the sandbox's services: who exists, whose face is known, what time it is, what is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from backend.gateways.faces import FacePool
from backend.sandbox.faults import Faults
from backend.sandbox.portraits import PortraitName, available, portrait
from backend.sandbox.residents import Directory, IkdState, Resident
from backend.sandbox.vault import EncodingVault, Enrolment

_JAKARTA = ZoneInfo("Asia/Jakarta")


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """How the sandbox behaves. Durations in seconds.

    `delay_s` precedes every answer of IKD and the sources; `silent_for_s` is how long IKD does not answer for the
    resident of the state "timeout", from the first question on; `hold_s` how long an unanswered question is kept open.
    """

    synthetic: bool
    data_dir: Path
    delay_s: float = 0.0
    silent_for_s: float = 600.0
    hold_s: float = 60.0


class World:
    """Shared by the sandbox's routes; one instance an app."""

    def __init__(
        self,
        config: SandboxConfig,
        directory: Directory,
        vault: EncodingVault,
        faces: FacePool,
        clock: Callable[[], datetime],
    ) -> None:
        self.config = config
        self.directory = directory
        self.vault = vault
        self.faces = faces
        self.clock = clock
        self.faults = Faults(clock, silent_for_s=config.silent_for_s, hold_s=config.hold_s)
        self._states: dict[str, IkdState] = {}
        self._portraits: dict[PortraitName, list[float]] = {}

    def today(self) -> date:
        """The day in western Indonesia."""
        return self.clock().astimezone(_JAKARTA).date()

    def find(self, nik: str) -> Resident | None:
        """The resident with this NIK, if there is one."""
        return self.directory.find(nik, self.today())

    def state(self, resident: Resident) -> IkdState:
        """What IKD answers for them now: what was set last, else what their story says."""
        return self._states.get(resident.nik, resident.ikd)

    def set_state(self, nik: str, state: IkdState | None) -> None:
        """Change the IKD state of a NIK, as an activation at the office does; None brings the story's back."""
        if state is None:
            self._states.pop(nik, None)
        else:
            self._states[nik] = state

    def reset(self) -> None:
        """Every fault and changed state is forgotten; enrolled faces stay."""
        self._states.clear()
        self.faults.clear()

    def number(self, resident: Resident) -> int | None:
        """The resident's place in the list, from 1 on; None for a synthetic one."""
        known = self.directory.residents
        return known.index(resident) + 1 if resident in known else None

    def sample(self, resident: Resident) -> PortraitName | None:
        """The sample portrait that is this resident's face now, if it is one and can be read here."""
        number = self.number(resident)
        enrolment = self.vault.get(number) if number is not None else None
        name = enrolment.sample if enrolment is not None else resident.photo
        return name if name is not None and available(name) else None

    def has_portrait(self, resident: Resident) -> bool:
        """Whether there is a face to compare with."""
        number = self.number(resident)
        return (number is not None and self.vault.has(number)) or self.sample(resident) is not None

    async def encoding(self, resident: Resident) -> list[float] | None:
        """The encoding of the resident's portrait: an enrolled one, else the sample's, else None."""
        number = self.number(resident)
        enrolment = self.vault.get(number) if number is not None else None
        if enrolment is not None:
            return enrolment.encoding
        return await self.sample_encoding(resident.photo) if resident.photo and available(resident.photo) else None

    async def sample_encoding(self, name: PortraitName) -> list[float]:
        """The encoding of a sample portrait, computed once. Raises PortraitsMissing."""
        if name not in self._portraits:
            report = await self.faces.inspect(await self.faces.run(portrait, name))
            if report.encoding is None:
                raise RuntimeError(f"no face was found in the sample portrait {name}")
            self._portraits[name] = report.encoding
        return self._portraits[name]

    def enrol(self, number: int, encoding: list[float], sample: PortraitName | None) -> None:
        """Put a face on resident `number`."""
        self.vault.put(number, Enrolment(encoding, sample))
