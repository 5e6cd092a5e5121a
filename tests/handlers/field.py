"""A facilitator's hour in the field: the real turns, jobs, rules and tables; only IKD, the faces and the photo store are
stand-ins, which know whose face a photo shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import select

from backend.db import Database
from backend.domain.household import Component
from backend.gateways.face_report import SelfieVerdict
from backend.gateways.ikd import FaceMatch, IkdRecord
from backend.models import Base, Conversation, Outbox, table
from backend.repositories import facilitators, people, photos
from backend.repositories.jobs import JobRow
from backend.repositories.people import Identity
from backend.services import delegations, identity
from backend.services.work import Finished, Work
from bot import session as sessions
from bot.events import Choice, Event, PhotoRef, Photos, Text
from bot.handlers.channel import Inbound
from bot.handlers.jobs import JobWorker
from tests.handlers.support import Bench

OWN = Identity("3510164503870077", "3510160101180009", "Wati", "female", "1980-01-12", "35.10.16")


@dataclass(frozen=True, slots=True)
class Citizen:
    """One of many, each with numbers, a name and a household of their own."""

    number: int

    @property
    def sex(self) -> str:
        return "female" if self.number % 2 else "male"

    @property
    def nik(self) -> str:
        day = 1 + self.number % 28 + (40 if self.sex == "female" else 0)
        return f"351016{day:02}0387{self.number:04}"

    @property
    def kk(self) -> str:
        return f"3510160101{100000 + self.number}"

    @property
    def name(self) -> str:
        letter = "BDFGHJKLMNPRSTW"[self.number % 15]
        return f"{letter}a{'bcdefghijklmnop'[self.number // 15]}una Kirana"

    @property
    def account(self) -> str:
        return str(100000000000000 + self.number)

    @property
    def component(self) -> Component:
        return list(Component)[self.number % len(Component)]


class FieldWork(Bench):
    """One facilitator on one channel, bound already."""

    def __init__(self, database: Database, citizens: list[Citizen], channel: str) -> None:
        super().__init__(database)
        self.name = channel
        self.by_nik = {one.nik: one for one in citizens}
        self.chat = 0
        self.sent = 0
        self.worker = JobWorker(
            database,
            self.bus,
            {
                "ikd.look_up": self._with(identity.look_up),
                "face.verify": self._with(identity.verify_face),
                "facilitator.people": self._with(delegations.listed),
                "photo.receive": self._receive,
                "selection.run": self._nothing,
            },
            self.clock,
        )
        stand_ins = SimpleNamespace(
            database=database, ikd=self, faces=self, photos=self, auto_select=True, code=lambda: "7K2M93"
        )
        self._work = cast(Work, stand_ins)

    def _with(self, function: Any) -> Any:
        async def execute(job: JobRow, now: datetime) -> Finished:
            return cast(Finished, await function(self._work, job, now))

        return execute

    async def bound(self) -> None:
        """The chat is a facilitator's: made, bound, and proven to be theirs."""
        await self.says("halo")
        async with self.database.write() as connection:
            await people.add(connection, self.database, [OWN], "chat_precheck", self.clock())
            own = (await people.by_nik_hashes(connection, [people.nik_hash(OWN.nik)]))[people.nik_hash(OWN.nik)].id
            values = {
                "nik_hash": people.nik_hash(OWN.nik), "name": OWN.name, "role": "pkh", "conversation_id": self.chat,
                "expires_at": self.clock() + timedelta(days=90), "created_by": "officer", "created_at": self.clock(),
            }  # fmt: skip
            duty = await facilitators.add(connection, values, ["35.10"])
            session = sessions.Session(duty=duty, person_id=own, proven_at=self.clock())
            chats = table(Conversation)
            await connection.execute(chats.update().values(session=sessions.to_json(session), person_id=own))

    # --- what IKD, faces and photo store stand for -------------------------------------------------------------------

    async def look_up(self, nik: str, kk: str, consent_at: datetime, transaction_id: str) -> IkdRecord:
        one = self.by_nik.get(nik)
        if one is None or one.kk != kk:
            return IkdRecord(belongs=False)
        sex = "female" if one.sex == "female" else "male"
        return IkdRecord(True, one.name, sex, date(1987, 3, 5), "35.10.16", "active")  # type: ignore[arg-type]

    async def match_face(self, nik: str, front: bytes, consent_at: datetime, transaction_id: str) -> FaceMatch:
        return FaceMatch(match=nik in front.decode(), score=0.9 if nik in front.decode() else 0.1, threshold=0.75)

    async def verify_selfie(self, front: bytes, turned: bytes) -> SelfieVerdict:
        return SelfieVerdict(ok=True, problem=None)

    async def get(self, key: str) -> bytes:
        return key.encode()

    async def _receive(self, job: JobRow, now: datetime) -> Finished:
        key = f"{job.data['purpose']}/{job.data['photos'][0]['ref']}/{job.id}"
        row = {
            "conversation_id": job.conversation_id, "person_id": None, "purpose": job.data["purpose"], "object_key": key,
            "fingerprint": key.encode(), "width": 400, "height": 400, "created_at": now,
        }  # fmt: skip
        async with self.database.write() as connection:
            await photos.add(connection, self.database, [row])
            stored = await photos.by_keys(connection, [key])
        return Finished("received", {"photos": [{"id": stored[key].id, "problem": None}]})

    async def _nothing(self, job: JobRow, now: datetime) -> Finished:
        return Finished("skipped")

    # --- what the facilitator does -----------------------------------------------------------------------------------

    async def says(self, *messages: Event | str) -> None:
        """These messages arrive together, each delivered twice, and everything that follows happens."""
        await self.burst(*messages)
        await self.settle()

    async def burst(self, *messages: Event | str) -> None:
        for message in messages:
            self.sent += 1
            event = Text(message) if isinstance(message, str) else message
            for _ in range(2):
                await self.intake.accept([Inbound(self.name, "field", f"m{self.sent}", event, f"m{self.sent}")])
        self.chat = self.chat or (await self.rung("turns"))[0]

    async def taps(self, option: str) -> None:
        """A button of the last message, on a channel that has some; its words elsewhere."""
        session = await self.session()
        assert session.asked is not None
        ids = [choice.id for choice in session.asked.options]
        if self.name == "telegram":
            await self.says(Choice(f"{session.asked.number}:{option}"))
        else:
            await self.says(str(ids.index(option) + 1))

    def selfie(self, one: Citizen) -> tuple[Event, Event]:
        """Photos of somebody's face; each is one message, as all channels deliver them."""
        self.sent += 1
        return (
            Photos((PhotoRef(f"{one.nik}-front-{self.sent}"),)),
            Photos((PhotoRef(f"{one.nik}-turned-{self.sent}"),)),
        )

    async def settle(self, *, jobs: bool = True) -> None:
        """Turns and jobs until nothing is left to do."""
        for _ in range(40):
            self.clock.passes(seconds=1.3)
            await self.turns.run([self.chat])
            done = await self.rung("jobs") if jobs else []
            await self.worker.run(done)
            await self.bus.done("jobs", done)
            session = await self.session()
            due = session.next_timer
            if not done and not await self.pending() and (due is None or due > self.clock()):
                return
        raise AssertionError("it does not come to rest")

    async def session(self) -> sessions.Session:
        chats = table(Conversation)
        async with self.database.read() as connection:
            found = await connection.execute(select(chats.c.session).where(chats.c.id == self.chat))
            return sessions.from_json(found.scalar_one())

    async def heard(self) -> list[str]:
        """Every outgoing text, oldest first."""
        async with self.database.read() as connection:
            found = await connection.execute(
                select(table(Outbox).c.body, table(Outbox).c.kind).order_by(table(Outbox).c.id)
            )
            return [body["text"] for body, kind in found if kind == "reply"]

    async def rows(self, model: type[Base]) -> list[Mapping[str, Any]]:
        of = table(model)
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(select(of).order_by(of.c.id))).mappings()]
