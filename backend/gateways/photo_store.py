"""Photos at rest: in a folder or an S3-compatible store, every object sealed before it leaves this process.

The associated data of the sealing is the object's key: an object copied over another one's does not open.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

Cipher = Callable[[bytes, bytes], bytes]
R = TypeVar("R")

_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}(/[A-Za-z0-9_-]{1,80}){0,4}")


class PhotoStoreError(Exception):
    """The store did not do what was asked. `retryable`: it may later."""

    retryable = True


class PhotoMissing(PhotoStoreError):
    """There is no such photo (any more): erased, or never kept."""

    retryable = False


class PhotoStore:
    """Sealed objects under `url`: `file:/var/photos`, `s3://bucket/prefix` or `memory:`.

    `seal` and `open_` take (bytes, associated data) and give bytes. Keys are random ids chosen by the caller, optionally
    with folders (`selfie/8f2c…`); they never hold anything about a person.
    """

    def __init__(self, url: str, seal: Cipher, open_: Cipher) -> None:
        self._store: ObjectStore = _store(url)
        self._seal = seal
        self._open = open_

    async def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, replacing what was there. Raises PhotoStoreError."""
        sealed = self._seal(data, _checked(key).encode())
        await self._attempt(self._put(key, sealed))

    async def get(self, key: str) -> bytes:
        """The photo kept under `key`. Raises PhotoMissing or PhotoStoreError."""
        return self._open(await self._attempt(self._get(_checked(key))), key.encode())

    async def delete(self, key: str) -> None:
        """Erase the photo; one that is gone already is fine, so that an erasure can be repeated."""
        try:
            await self._attempt(obstore.delete_async(self._store, _checked(key)))
        except PhotoMissing:
            return

    async def reachable(self) -> bool:
        """Whether the store answers at all; for readiness checks."""
        try:
            await self.get("readiness-check")
        except PhotoMissing:
            return True
        except PhotoStoreError:
            return False
        return True

    async def _put(self, key: str, sealed: bytes) -> None:
        await obstore.put_async(self._store, key, sealed)

    async def _get(self, key: str) -> bytes:
        return (await (await obstore.get_async(self._store, key)).bytes_async()).to_bytes()

    async def _attempt(self, work: Awaitable[R]) -> R:
        try:
            return await work
        except FileNotFoundError as error:  # also what an S3 store's 404 becomes
            raise PhotoMissing("no such photo") from error
        except (BaseError, OSError) as error:
            raise PhotoStoreError("the photo store failed") from error


def _store(url: str) -> ObjectStore:
    if url.startswith("memory:"):
        return MemoryStore()
    if url.startswith("file:"):
        # Not LocalStore.from_url: it takes a relative path for an absolute one.
        folder = Path(url.removeprefix("file:").removeprefix("//")).absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStore(folder)
    if url.startswith("s3:"):
        # The endpoint, region and credentials come from the usual AWS_ variables.
        return S3Store.from_url(
            url,
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
            client_options={"timeout": "15s", "connect_timeout": "5s"},
        )
    raise ValueError("a photo store's URL begins with file:, s3: or memory:")


def _checked(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise ValueError("a photo's key is made of letters, digits, - and _, in up to five parts")
    return key
