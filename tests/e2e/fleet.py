"""One installation in many processes: a role each, on PostgreSQL and NATS, with the sandbox as a process beside them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from backend import crypto
from tests.e2e.running import Service

READY_WITHIN = 90.0


class Fleet(AbstractContextManager["Fleet"]):
    """`processes` name themselves and their roles: `{"worker-1": ["worker"]}`. All run while the block runs."""

    def __init__(
        self, folder: Path, database_url: str, bus_url: str, processes: Mapping[str, Sequence[str]], **settings: str
    ) -> None:
        self.keys = crypto.new_key()
        self.sandbox = Service(folder / "sandbox", database_url, ["sandbox"], **self._shared(folder, bus_url, settings))
        at_sandbox = {"sandbox_url": f"{self.sandbox.url}/sandbox"}
        self.services = {
            name: Service(
                folder / name, database_url, roles, **self._shared(folder, bus_url, {**settings, **at_sandbox})
            )
            for name, roles in processes.items()
        }

    def _shared(self, folder: Path, bus_url: str, settings: dict[str, str]) -> dict[str, str]:
        shared = {
            "bus_url": bus_url,
            "secret_keys": self.keys,
            "media_url": f"file:{folder}/photos",
            "data_dir": str(folder),
        }
        return {**shared, **settings}

    def __getitem__(self, name: str) -> Service:
        return self.services[name]

    def _all(self) -> list[Service]:
        return [self.sandbox, *self.services.values()]

    def ready(self) -> None:
        """Wait until every process says so. Raises AssertionError with what is missing."""
        deadline = time.monotonic() + READY_WITHIN
        for service in self._all():
            while set(found := service.parts().values()) != {"ok"}:
                assert time.monotonic() < deadline, (service.folder.name, found, service.log.read_text()[-2000:])
                time.sleep(0.1)

    def __enter__(self) -> Fleet:
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Service.start, self._all()))
            self.ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Service.stop, self._all()))
