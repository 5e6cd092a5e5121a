"""Personal data at rest: sealing with a key ring, look-ups through keyed hashes.

AES-256-GCM with a random nonce; the associated data binds a ciphertext to its place, so that one cannot be moved into
another column or object. The ring's first key seals, every key opens, the last one (the founding key) keys the hashes,
so that a rotation puts a new key in front and look-ups go on.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

VERSION = 1
NONCE = 12


class KeyRingError(Exception):
    """The key ring is missing, malformed, or lacks the key that sealed a value."""


def new_key() -> str:
    """One entry for `SECRET_KEYS`: `<id>:<32 random bytes in base64url>`."""
    return f"k{os.urandom(3).hex()}:{base64.urlsafe_b64encode(os.urandom(32)).decode()}"


class KeyRing:
    """`entries` as in `SECRET_KEYS`: comma-separated `<id>:<base64url of 32 bytes>`, newest first."""

    def __init__(self, entries: str) -> None:
        masters = [_parse(entry) for entry in entries.split(",") if entry.strip()]
        if not masters:
            raise KeyRingError("SECRET_KEYS is empty: generate one entry with `perlinsos key ring`")
        self._ciphers = {name: AESGCM(_derive(master, b"seal")) for name, master in masters}
        self._first = masters[0][0]
        self._hash_key = _derive(masters[-1][1], b"index")

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Ciphertext: version, key id with its length, nonce, data. `place` must be given again to open it."""
        name = self._first.encode()
        nonce = os.urandom(NONCE)
        head = bytes((VERSION, len(name))) + name
        return head + nonce + self._ciphers[self._first].encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The plain bytes. Raises KeyRingError for an unknown key, another place or a changed ciphertext."""
        size = sealed[1]
        name = sealed[2 : 2 + size].decode()
        cipher = self._ciphers.get(name)
        if sealed[0] != VERSION or cipher is None:
            raise KeyRingError(f"no key {name!r} in SECRET_KEYS")
        start = 2 + size
        try:
            return cipher.decrypt(sealed[start : start + NONCE], sealed[start + NONCE :], place)
        except InvalidTag as error:
            raise KeyRingError(f"a value sealed for {place!r} does not open") from error

    def index(self, kind: str, value: str) -> bytes:
        """32 bytes that find `value` again without holding it: HMAC-SHA256 over kind and value."""
        return hmac.digest(self._hash_key, f"{kind}\0{value}".encode(), sha256)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another secret of this installation, for example the console's cookie."""
        return _derive(self._hash_key, purpose.encode())


def _parse(entry: str) -> tuple[str, bytes]:
    name, separator, encoded = entry.strip().partition(":")
    try:
        master = base64.urlsafe_b64decode(encoded)
    except ValueError:
        master = b""
    if not separator or not name or len(master) != 32:
        raise KeyRingError("an entry of SECRET_KEYS is not `<id>:<base64url of 32 bytes>`")
    return name, master


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"perlinsos " + purpose).derive(master)


_rings: list[KeyRing] = []


def use(ring: KeyRing) -> None:
    """Install the ring that the column types seal with. Called once by main, worker and cli."""
    _rings[:] = [ring]


def ring() -> KeyRing:
    """The installed ring."""
    if not _rings:
        raise KeyRingError("no key ring is installed")
    return _rings[0]


class Sealed(TypeDecorator[Any]):
    """A column whose JSON value rests encrypted. `place` names table and column and binds the ciphertext to them."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else ring().seal(orjson.dumps(value), self.place.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(ring().open(value, self.place.encode()))


def index_all(kind: str, values: Sequence[str]) -> list[bytes]:
    """`index` of many values with the installed ring."""
    installed = ring()
    return [installed.index(kind, value) for value in values]
