"""Settings from the environment, prefix `PERLINSOS_`. Only main, worker and cli read them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.roles import Role

OnOff = Literal["on", "off"]
SOURCES = frozenset({"dtsen", "pln", "bank", "income", "civil_service", "dukcapil"})


class Settings(BaseSettings):
    """Every knob of the service; docs/operations.md explains each."""

    model_config = SettingsConfigDict(env_prefix="PERLINSOS_", env_file=None, extra="ignore")

    database_url: str = "sqlite+aiosqlite:///var/perlinsos.db"
    database_pooler: OnOff = "off"
    database_pool: int = Field(default=0, ge=0, description="connections of this process; 0: by its roles")
    bus_url: SecretStr = SecretStr("memory://")
    bus_replicas: int = Field(default=1, ge=1, le=5)
    media_url: str = "file:var/photos"
    public_url: str = ""
    secret_keys: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: Path = Path("var")
    log_level: str = "INFO"

    nlu_engine: Literal["embedded", "rasa"] = "embedded"
    nlu_model: Path = Path("var/nlu/model.bin")
    rasa_url: str = "http://127.0.0.1:5005"
    rasa_timeout: float = Field(default=0.8, gt=0, description="seconds until the embedded engine reads instead")

    sandbox: OnOff = "off"
    sandbox_synthetic: bool = False
    sandbox_recovers_after: float = Field(default=600.0, description="seconds until the slow resident's IKD answers")
    sandbox_url: str = ""
    ikd_url: str = ""
    sources_url: str = ""
    sources_imported: str = Field(default="", description="owners read from imported files, separated by commas")
    sources_kept_hours: float = Field(default=24.0, gt=0)
    demo: OnOff = "off"
    auto_select: OnOff = "on"
    broadcast_hours: str = Field(default="07-20", pattern=r"^([01]\d|2[0-3])-([01]\d|2[0-4])$")

    telegram_token: SecretStr = SecretStr("")
    telegram_secret: SecretStr = SecretStr("")
    telegram_api_url: str = "https://api.telegram.org"
    telegram_per_second: float = 30.0
    telegram_mode: Literal["webhook", "polling", "off"] = "off"

    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_from: str = ""
    twilio_api_url: str = "https://api.twilio.com"
    twilio_per_second: float = 80.0

    messages_kept_months: int = Field(default=13, ge=0, description="full months; 0 keeps them for ever")

    programme: str = "PKH"
    face_processes: int = 1

    @property
    def own_url(self) -> str:
        """How this process reaches itself: the sandbox is spoken to over HTTP even when it is mounted here."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def one_process(self) -> bool:
        """The bus lives in the memory of the only process there is."""
        return self.bus_url.get_secret_value().startswith("memory://")

    @property
    def bus_servers(self) -> list[str]:
        return [url.strip() for url in self.bus_url.get_secret_value().split(",") if url.strip()]

    @property
    def imported_sources(self) -> tuple[str, ...]:
        """The owners of `sources_imported`."""
        return tuple(name.strip() for name in self.sources_imported.split(",") if name.strip())

    @property
    def broadcast_between(self) -> tuple[int, int]:
        """The hours of the day, where people live, between which a broadcast may arrive."""
        first, _, end = self.broadcast_hours.partition("-")
        return int(first), int(end)

    @property
    def whatsapp_on(self) -> bool:
        return bool(self.twilio_account_sid and self.twilio_auth_token.get_secret_value() and self.twilio_from)

    @property
    def telegram_on(self) -> bool:
        return self.telegram_mode != "off" and bool(self.telegram_token.get_secret_value())

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Refuse to start with a hole, and say which one."""
        if self.sandbox == "on":
            self.sandbox_url = (self.sandbox_url or f"{self.own_url}/sandbox").rstrip("/")
            self.ikd_url = self.ikd_url or f"{self.sandbox_url}/ikd"
            self.sources_url = self.sources_url or f"{self.sandbox_url}/sources"
        elif not self.ikd_url or not self.sources_url:
            raise ValueError("without PERLINSOS_SANDBOX=on, PERLINSOS_IKD_URL and PERLINSOS_SOURCES_URL must be set")
        unknown = set(self.imported_sources) - SOURCES
        if unknown:
            raise ValueError(
                f"PERLINSOS_SOURCES_IMPORTED: {', '.join(sorted(unknown))} is no source; there are {', '.join(sorted(SOURCES))}"
            )
        if self.demo == "on" and self.public_url:
            raise ValueError(
                "PERLINSOS_DEMO=on seeds known passwords: it is refused together with PERLINSOS_PUBLIC_URL"
            )
        if self.telegram_on and self.telegram_mode == "webhook" and not self.telegram_secret.get_secret_value():
            raise ValueError("PERLINSOS_TELEGRAM_MODE=webhook needs PERLINSOS_TELEGRAM_SECRET")
        if self.whatsapp_on and not self.public_url:
            raise ValueError("WhatsApp needs PERLINSOS_PUBLIC_URL: Twilio signs it into every request")
        self._bus_fits()
        return self

    def _bus_fits(self) -> None:
        schemes = {url.partition("://")[0] for url in self.bus_servers}
        if schemes != {"memory"} and not (schemes and schemes <= {"nats", "tls"}):
            raise ValueError("PERLINSOS_BUS_URL: memory://, or nats:// servers with commas between them")
        if not self.one_process and self.database_url.startswith("sqlite"):
            raise ValueError("PERLINSOS_BUS_URL=nats://… is for many processes, and SQLite serves one: use PostgreSQL")

    def misfit(self, roles: Collection[Role]) -> str:
        """Why these settings do not go with a process of these roles; empty when they do."""
        if not roles:
            return ""
        if self.one_process:
            return "serve --role needs a bus between the processes: PERLINSOS_BUS_URL=nats://…"
        if self.telegram_on and self.telegram_mode == "polling":
            return "PERLINSOS_TELEGRAM_MODE=polling is for one process: serve without --role, or use webhook"
        if Role.SANDBOX in roles and self.sandbox != "on":
            return "serve --role sandbox needs PERLINSOS_SANDBOX=on"
        return ""
