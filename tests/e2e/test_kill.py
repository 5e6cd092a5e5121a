"""kill -9 in the middle of 500 conversations: every one of them finishes, nothing is missing, nothing is doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from backend import crypto
from backend.db import Database
from backend.gateways.faces import FacePool
from backend.gateways.http import HttpClient
from backend.models import Appeal, Consent, Decision, Inbox, Job, Outbox, Person, Registration, table
from backend.sandbox.app import SandboxConfig, create_sandbox
from backend.sandbox.residents import Directory, load_residents
from tests.e2e.conftest import PUBLIC
from tests.e2e.people import FRONT, TURNED
from tests.e2e.running import SECRET, Service
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.telegram_user import TelegramUser
from tests.sandbox.serving import Served

PEOPLE = 500
WITH_FACE = 12
APPEALING = 4
REFUSED_VA = 2200
PATIENCE_S = 90.0


@dataclass
class Walker:
    """One citizen who waits for the right question, whatever is repeated in between."""

    user: TelegramUser
    nik: str
    heard: list[str] = field(default_factory=list)
    repeats: int = 0
    patience: float = PATIENCE_S

    async def expects(self, fragment: str) -> str:
        while True:
            try:
                text = str((await self.user.hears(self.patience)).text)
            except TimeoutError:
                raise AssertionError(f"expected {fragment!r}, heard: {self.heard[-3:]}") from None
            if self.heard and text == self.heard[-1]:
                self.repeats += 1
            self.heard.append(text)
            if fragment in text:
                return text

    async def says(self, text: str, fragment: str) -> str:
        await self.user.says(text)
        return await self.expects(fragment)

    async def to_the_name(self) -> None:
        await self.user.starts()
        await self.expects("Mau mulai dari mana")
        await self.says("daftar", "kami perlu melihat data")
        await self.says("ya", "kirim NIK")
        await self.says(self.nik, "nomor KK")
        await self.says(f"351016010110{self.nik[-4:]}", "Kami menemukan data")

    async def is_kept(self) -> None:
        """IKD is not active: the registration is kept."""
        await self.to_the_name()
        await self.says("1", "belum aktif")

    async def registers(self) -> None:
        """With the face, to the decision."""
        await self.to_the_name()
        await self.says("1", "mencocokkan foto wajah")
        await self.says("ya", "Hanya wajah")
        await self.shows_face("Siapa saja")
        await self.says("3", "rekening")
        await self.says("belum punya", "mengabari")
        await self.says("1", "ringkasan")
        await self.says("1", "Nomornya")
        await self.expects("pendaftaran PRL-")

    async def appeals(self) -> None:
        """Refused for the electricity: a photo of the meter, a sentence, the face, the number of the appeal."""
        await self.registers()
        await self.says("1", "tidak cocok")
        await self.says("1", "rekening")
        await self.user.sends_photo(FRONT["collins"])
        await self.expects("1 foto yang terbaca jelas")
        await self.says("selesai", "dengan kata-kata")
        await self.says("Di rumah saya 450 VA, yang 2.200 itu rumah lama.", "Hanya wajah")
        await self.shows_face("boleh kami kirim")
        await self.says("1", "Paling lambat dijawab")

    async def shows_face(self, then: str) -> None:
        face = "collins" if int(self.nik[6:8]) > 40 else "hopper"
        await self.user.sends_photo(FRONT[face])
        await self.expects("menoleh")
        await self.user.sends_photo(TURNED[face])
        await self.expects(then)


def nik(number: int) -> str:
    """A well-formed NIK of nobody: women and men in turn."""
    day = 1 + number % 28 + (40 if number % 2 else 0)
    return f"351016{day:02}0885{number + 1:04}"


def niks() -> list[str]:
    """One NIK a walker: first those whose electricity is the one reason for a refusal."""
    directory = Directory(load_residents(), synthetic=True)
    today = datetime.now(UTC).date()

    def refused_for_electricity(candidate: str) -> bool:
        made_up = directory.find(candidate, today)
        assert made_up is not None
        return made_up.power_va == REFUSED_VA and made_up.decile in (1, 2) and (made_up.income or 0) < 2_000_000

    every = [nik(number) for number in range(3 * PEOPLE)]
    refused = [candidate for candidate in every if refused_for_electricity(candidate)][:APPEALING]
    return refused + [candidate for candidate in every if candidate not in refused][: PEOPLE - APPEALING]


@pytest.fixture
def apart(tmp_path: Path, faces: FacePool, keyring: crypto.KeyRing) -> Iterator[str]:
    """The sandbox as a service of its own: it outlives the one that is killed."""
    config = SandboxConfig(synthetic=True, data_dir=tmp_path / "sandbox")
    app = create_sandbox(config, seal=keyring.seal, open_=keyring.open, faces=faces, clock=lambda: datetime.now(UTC))
    with Served(app) as served:
        yield served.url


@pytest.mark.timeout(400)
async def test_every_conversation_finishes_and_nothing_is_missing_or_doubled(
    database_url: str, tmp_path: Path, apart: str, http: HttpClient, nlu_model: Path
) -> None:
    async with FakeTelegram(redeliver_for=120) as telegram:
        service = Service(
            tmp_path / "service",
            database_url,
            ikd_url=f"{apart}/ikd",
            sources_url=f"{apart}/sources",
            public_url=PUBLIC,
            telegram_mode="webhook",
            telegram_token=telegram.token,
            telegram_secret=SECRET,
            telegram_api_url=telegram.url,
            telegram_per_second="2000",
        )
        walkers = [Walker(telegram.user(7_000_000_000 + n), known) for n, known in enumerate(niks())]
        for walker in walkers[WITH_FACE:]:
            await http.request("POST", f"{apart}/control", json={"nik": walker.nik, "ikd": "inactive"})
        crypto.use(crypto.KeyRing(service.environment["PERLINSOS_SECRET_KEYS"]))
        try:
            await asyncio.to_thread(service.start)
            telegram.point_at(service.url, SECRET)
            appeals = [asyncio.create_task(walker.appeals()) for walker in walkers[:APPEALING]]
            registrations = [asyncio.create_task(walker.registers()) for walker in walkers[APPEALING:WITH_FACE]]
            kept = [asyncio.create_task(walker.is_kept()) for walker in walkers[WITH_FACE:]]
            journeys = [*appeals, *registrations, *kept]
            moments = (
                lambda: len(telegram.sent) >= 1.5 * PEOPLE,
                lambda: len(telegram.sent) >= 3.6 * PEOPLE,
                lambda: any("Sekarang tolong ceritakan" in walker.heard[-1] for walker in walkers[:APPEALING]),
            )
            for moment in moments:
                await until(moment, journeys)
                service.kill()
                await asyncio.to_thread(service.start)
            await asyncio.gather(*journeys)
        finally:
            await asyncio.to_thread(service.stop)
    await nothing_missing_or_doubled(Database(database_url or service.environment["PERLINSOS_DATABASE_URL"]))
    assert len({walker.nik for walker in walkers}) == PEOPLE
    print(f"repeated replies after three kills: {sum(walker.repeats for walker in walkers)}")


async def until(moment: Callable[[], bool], journeys: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the moment; a journey that fails before it fails the test at once."""
    while not moment():
        for journey in journeys:
            if journey.done():
                journey.result()
        await asyncio.sleep(0.01)


async def nothing_missing_or_doubled(database: Database) -> None:
    registrations, people, consents = table(Registration), table(Person), table(Consent)
    async with database.read() as connection:

        async def count(source: object, *conditions: object) -> int:
            statement = select(func.count()).select_from(source).where(*conditions)  # type: ignore[arg-type]
            return int((await connection.execute(statement)).scalar_one())

        statuses = Counter((await connection.execute(select(registrations.c.status))).scalars())
        assert statuses == {"decided": WITH_FACE, "waiting_identity": PEOPLE - WITH_FACE}
        assert await count(people) == PEOPLE
        assert await count(table(Decision)) == WITH_FACE
        assert await count(table(Appeal)) == APPEALING
        assert await count(consents, consents.c.purpose == "data_access") == PEOPLE
        assert await count(consents, consents.c.purpose == "face") == WITH_FACE, "one a person"
        inbox, outbox, jobs = table(Inbox), table(Outbox), table(Job)
        assert await count(inbox, inbox.c.handled_at.is_(None)) == 0
        assert await count(inbox, inbox.c.error.is_not(None)) == 0
        assert await count(outbox, outbox.c.kind == "reply", outbox.c.status.not_in(("sent", "delivered"))) == 0
        # The watch over the appeals' deadlines asks for its own next round.
        assert await count(jobs, jobs.c.status != "done", jobs.c.kind != "appeals.watch") == 0
        per_person = select(registrations.c.person_id).group_by(registrations.c.person_id).having(func.count() > 1)
        assert (await connection.execute(per_person)).first() is None
    await database.close()
