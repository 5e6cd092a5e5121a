"""Photos at rest: in a folder or an S3-compatible store, every object sealed before it leaves this process.

The associated data of the sealing is the object's key: an object copied over another one's does not open.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

Cipher = Callable[[bytes, bytes], bytes]
R = TypeVar("R")

HEALTH_WITHIN = 5.0
"""Seconds after which a store that has not answered counts as one that does not answer."""

_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}(/[A-Za-z0-9_-]{1,80}){0,4}")
_NEVER_KEPT = "readiness-check"
_S3_CODE = re.compile(r"<Code>(\w+)</Code>")
_KEY_FAULTS = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})


class PhotoStoreError(Exception):
    """The store did not do what was asked. `retryable`: it may later; `state` says why in a word, for operators."""

    retryable = True
    state = "no answer"


class PhotoMissing(PhotoStoreError):
    """There is no such photo (any more): erased, or never kept."""

    retryable = False
    state = "no such photo"


class NoBucket(PhotoStoreError):
    """The store answers, but there is no bucket of this name: an operator makes it, and what waits goes on."""

    state = "no bucket"


class KeysRefused(PhotoStoreError):
    """The store answers, but does not let these access keys do this."""

    state = "keys refused"


class PhotoStore:
    """Sealed objects under `url`: `file:/var/photos`, `s3://bucket/prefix` or `memory:`.

    An S3 store's endpoint, region and keys are those of the usual AWS_ variables; they are never written to a log.
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

    async def pages(self) -> AsyncIterator[list[str]]:
        """The keys of all that is kept, a thousand at a time, in no order. Raises PhotoStoreError."""
        found = obstore.list(self._store, chunk_size=1000)
        while page := await self._attempt(anext(found, [])):
            yield [kept["path"] for kept in page]

    async def health(self) -> str:
        """`ok` when the store answers, holds the bucket and takes the keys, else what is wrong; for readiness checks."""
        try:
            async with asyncio.timeout(HEALTH_WITHIN):
                await self.get(_NEVER_KEPT)
        except PhotoMissing:
            return "ok"
        except PhotoStoreError as error:
            return error.state
        except TimeoutError:
            return PhotoStoreError.state
        return "ok"

    async def _put(self, key: str, sealed: bytes) -> None:
        await obstore.put_async(self._store, key, sealed)

    async def _get(self, key: str) -> bytes:
        return (await (await obstore.get_async(self._store, key)).bytes_async()).to_bytes()

    async def _attempt(self, work: Awaitable[R]) -> R:
        try:
            return await work
        except (BaseError, OSError) as error:
            raise self._fault(error) from error

    def _fault(self, error: BaseError | OSError) -> PhotoStoreError:
        """What the store's answer means. A missing bucket must not pass for a missing photo: that one is told to citizens."""
        found = _S3_CODE.search(str(error))
        code = found[1] if found else ""
        if code == "NoSuchBucket":
            return NoBucket("there is no such bucket")
        if code in _KEY_FAULTS or isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return KeysRefused("the photo store refused the keys")
        # A 404 without S3's own code comes from something else at that address: a proxy, another service.
        if isinstance(error, FileNotFoundError) and (code == "NoSuchKey" or not isinstance(self._store, S3Store)):
            return PhotoMissing("no such photo")
        return PhotoStoreError("the photo store failed")


def _store(url: str) -> ObjectStore:
    if url.startswith("memory:"):
        return MemoryStore()
    if url.startswith("file:"):
        # Not LocalStore.from_url: it takes a relative path for an absolute one.
        folder = Path(url.removeprefix("file:").removeprefix("//")).absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStore(folder)
    if url.startswith("s3:"):
        return S3Store.from_url(
            url,
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
            # Plain HTTP only where AWS_ENDPOINT_URL says so: what travels is sealed, and the keys only sign.
            client_options={"timeout": "15s", "connect_timeout": "5s", "allow_http": True},
        )
    raise ValueError("a photo store's URL begins with file:, s3: or memory:")


def _checked(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise ValueError("a photo's key is made of letters, digits, - and _, in up to five parts")
    return key
