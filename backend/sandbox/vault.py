"""Whose face is enrolled in the sandbox: encodings only, encrypted on disk, never a photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from backend.sandbox.portraits import NAMES, PortraitName

Cipher = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A face on a resident: its encoding, and which sample portrait it is if it is one."""

    encoding: list[float] = field(repr=False)
    sample: PortraitName | None = None


class EncodingVault:
    """Enrolments in `folder`, one sealed file a resident. The file name is the resident's number, never a NIK.

    `seal` and `open_` take (bytes, associated data); a file put in another's place does not open.
    """

    def __init__(self, folder: Path, seal: Cipher, open_: Cipher) -> None:
        self._folder = folder
        self._seal = seal
        self._open = open_

    def put(self, number: int, enrolment: Enrolment) -> None:
        """Replace the face of resident `number`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        plain = orjson.dumps({"encoding": enrolment.encoding, "sample": enrolment.sample})
        path = self._path(number)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(self._seal(plain, path.name.encode()))
        fresh.replace(path)

    def get(self, number: int) -> Enrolment | None:
        """The face of resident `number`, or None when nobody enrolled one."""
        path = self._path(number)
        if not path.exists():
            return None
        stored = orjson.loads(self._open(path.read_bytes(), path.name.encode()))
        sample: PortraitName | None = next((name for name in NAMES if name == stored["sample"]), None)
        return Enrolment([float(number) for number in stored["encoding"]], sample)

    def has(self, number: int) -> bool:
        """Whether somebody enrolled a face on resident `number`."""
        return self._path(number).exists()

    def remove(self, number: int) -> None:
        """Forget the enrolled face; the resident's own portrait, if any, counts again."""
        self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"resident-{number}.face"
