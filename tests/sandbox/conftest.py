"""A sandbox behind a real socket, with a face pool that all its tests share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.gateways.faces import FacePool
from backend.sandbox.app import SandboxConfig, create_sandbox
from tests.sandbox.serving import Served

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def faces() -> Iterator[FacePool]:
    pool = FacePool()
    yield pool
    pool.close()


class Ciphers:
    """AES-GCM with a key of its own, as the service's key ring gives it to the sandbox."""

    def __init__(self) -> None:
        self._key = AESGCM(AESGCM.generate_key(256))

    def seal(self, plain: bytes, about: bytes) -> bytes:
        return b"nonce-of-tst" + self._key.encrypt(b"nonce-of-tst", plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        return self._key.decrypt(sealed[:12], sealed[12:], about)


@pytest.fixture
def ciphers() -> Ciphers:
    return Ciphers()


@pytest.fixture
def sandbox(tmp_path: Path, faces: FacePool, ciphers: Ciphers) -> Iterator[Served]:
    """The sandbox at a fixed time; Joko's silence lasts until the test says otherwise."""
    config = SandboxConfig(synthetic=False, data_dir=tmp_path, hold_s=5)
    app = create_sandbox(config, seal=ciphers.seal, open_=ciphers.open, faces=faces, clock=lambda: NOW)
    with Served(app) as served:
        yield served
