"""What the API takes and gives. The people of the examples are made up; no answer of these holds a full NIK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.domain.benefits import Payment, Quota
from backend.domain.consents import Purpose
from backend.domain.household import Component
from backend.domain.names import mask_name
from backend.domain.numbers import ALPHABET
from backend.policy.rulesets import RuleSet
from backend.repositories.listing import ListedAppeal, ListedConversation, ListedPerson, ListedRegistration

RegistrationStatus = Literal["waiting_identity", "submitted", "decided", "withdrawn", "erased"]
Outcome = Literal["eligible", "not_eligible", "waiting"]
AppealStatus = Literal["received", "in_review", "need_more", "field_check", "decided", "withdrawn"]
AppealOutcome = Literal["upheld", "partly", "rejected", "redirected", "withdrawn"]

Digits16 = Annotated[str, StringConstraints(pattern=r"^[0-9]{16}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1500)]
ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
RegistrationNumber = Annotated[str, StringConstraints(pattern=rf"^PRL-[{ALPHABET}]{{4}}-[{ALPHABET}]{{2}}$")]
AppealNumber = Annotated[str, StringConstraints(pattern=rf"^SGH-[{ALPHABET}]{{4}}-[{ALPHABET}]{{2}}$")]


class Given(BaseModel):
    """A request: fields that do not exist are an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """An answer, read from a row."""

    model_config = ConfigDict(from_attributes=True)


class NewRegistration(Given):
    """A registration of one person. It waits for the owner's face check in the chat unless that was made before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "nik": "3510164503870001",
                    "kk": "3510160101100001",
                    "name": "Siti Aminah",
                    "components": ["sd"],
                    "bank": "BRI",
                    "account": "002170001234",
                    "phone": "+6281234567890",
                    "consents": ["data_access", "face", "notification"],
                }
            ]
        },
    )
    nik: Digits16
    kk: Digits16
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    programme: Literal["PKH"] = "PKH"
    components: Annotated[list[Component], Field(max_length=20)] = []
    bank: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] = ""
    account: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,20}$")] = ""
    phone: Annotated[str, StringConstraints(pattern=r"^(\+62[0-9]{8,13})?$")] = ""
    consents: Annotated[list[Purpose], Field(description="what the person has agreed to, each by itself")]


class RegistrationSummary(Shown):
    """A registration; name and NIK are masked."""

    id: int
    number: str = Field(examples=["PRL-7K2M-93"])
    person_id: int
    name: str = Field(examples=["S*** A*****"])
    nik: str = Field(examples=["************0001"])
    channel: str
    programme: str
    region_code: str = Field(examples=["35.10.16"])
    status: RegistrationStatus
    decision_id: int | None
    outcome: Outcome | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: ListedRegistration) -> RegistrationSummary:
        found = cls.model_validate(row)
        return found.model_copy(update={"name": mask_name(found.name)})


class QuotaShown(Shown):
    """A place in the quota, as `source` said on a day."""

    state: Quota
    source: str = Field(examples=["Kemensos"])
    as_of: date


class PaymentShown(Shown):
    """One stage's payment; `amount` in rupiah, null where the source does not say it."""

    period: str = Field(description="stage of a year", examples=["2026-4"])
    state: Payment
    amount: int | None = Field(examples=[225000])
    source: str = Field(examples=["Himbara"])
    as_of: date


class RegistrationRead(RegistrationSummary):
    """A registration with what the household said. The account shows its last four digits.

    `quota` and `payments` stand beside the decision: who is eligible is not yet placed, and not yet paid.
    """

    quota: QuotaShown | None
    payments: list[PaymentShown]
    components: list[str]
    bank: str
    account: str = Field(examples=["********1234"])


class ReasonShown(BaseModel):
    """One reason with its datum, the datum's owner, its date, and the limit of the rule."""

    code: str = Field(examples=["electricity"])
    kind: Literal["against", "for", "wait"]
    datum: str
    value: Any = Field(examples=[2200])
    limit: Any = Field(examples=[1300])
    owner: str = Field(examples=["PLN"])
    as_of: date | None
    evidence: list[str]
    contestable: bool


class DecisionSummary(Shown):
    """A decision. `codes` are those of its reasons, joined by commas."""

    id: int
    registration_id: int
    registration_number: str
    person_id: int
    region_code: str
    previous_id: int | None
    current: bool
    outcome: Outcome
    rule_set: str
    rule_set_version: str
    codes: str
    decided_at: datetime
    appeal_until: date | None
    told_at: datetime | None


class EntitlementShown(Shown):
    """What the components of a family come to in a year by the table that held on the day of the decision.

    At most so many persons of a family count as the table says, those with the highest amounts. No promise of payment.
    """

    table: str = Field(examples=["pkh 2025-1"])
    components: list[Component]
    yearly_amount: int = Field(description="rupiah", examples=[2400000])


class DecisionRead(DecisionSummary):
    """A decision with its reasons and, for those who review, the data it stands on and what they come to."""

    quota: QuotaShown | None
    payments: list[PaymentShown]
    entitlement: EntitlementShown | None = Field(description="null for the role portal, and when not eligible")

    reasons: list[ReasonShown]
    inputs: dict[str, Any] | None = Field(description="null for the role portal, and once the person is erased")


class SelectionRead(Shown):
    """A selection of many as far as it has come: `total` waited when it began. `told`: who of them has been sent word."""

    id: int
    region: str | None = Field(validation_alias="region_code", examples=["35.10"])
    status: Literal["running", "done"]
    total: int
    eligible: int
    not_eligible: int
    waiting: int
    skipped: int
    told: int
    started_at: datetime
    updated_at: datetime


class NewSelection(Given):
    """Which registrations to decide; all that wait when no region is named."""

    region: Annotated[str, StringConstraints(pattern=r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$")] | None = Field(
        default=None, examples=["35.10"]
    )


class NewAppeal(Given):
    """An appeal. `nik_misused` names in `not_mine` whose data are not theirs, and is refused from a system; all others name
    contestable `reasons`, `household_wrong` only those about the household."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "decision_id": 12,
                    "kind": "data_wrong",
                    "reasons": ["electricity"],
                    "statement": "Daya listrik rumah saya sudah diturunkan menjadi 900 VA.",
                }
            ]
        },
    )
    decision_id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    kind: Literal["data_wrong", "nik_misused", "circumstances", "household_wrong"]
    reasons: Annotated[list[ReasonCode], Field(max_length=20)] = []
    not_mine: Annotated[list[ReasonCode], Field(max_length=20)] = []
    statement: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1500)] = ""


class AppealSummary(Shown):
    """An appeal without its words; name and NIK are masked."""

    id: int
    number: str = Field(examples=["SGH-7K2M-93"])
    decision_id: int
    registration_id: int
    person_id: int
    name: str
    nik: str
    region_code: str
    kind: str
    status: AppealStatus
    outcome: AppealOutcome | None
    due_on: date
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: ListedAppeal) -> AppealSummary:
        found = cls.model_validate(row)
        return found.model_copy(update={"name": mask_name(found.name)})


class AppealStep(Shown):
    """One line of the history that the appellant sees."""

    at: datetime
    status: AppealStatus
    note: str | None


class Evidence(Shown):
    """A photo that came with an appeal; officers read it at `/api/v1/appeals/{appeal_id}/evidence/{id}`."""

    id: int
    width: int
    height: int
    created_at: datetime


class AppealRead(AppealSummary):
    """An appeal with what is contested, the statement, the evidence and the history.

    `step_due_on`: until when it should leave its state. `first_number`: the first appeal about this registration, when
    this one asks again.
    """

    step_due_on: date | None
    first_number: str | None = Field(examples=["SGH-7K2M-92"])
    contested: list[str]
    not_mine: list[str]
    statement: str | None
    outcome_reason: str | None
    evidence: list[Evidence]
    history: list[AppealStep]


class MoreAsked(Given):
    """What the officer needs, in words that the appellant reads in the chat."""

    question: Words = Field(examples=["Tolong kirim foto meteran listrik yang angkanya terbaca."])


class Resolution(Given):
    """The officer's decision. The appellant reads `reason`. `accepted`: for `partly`, the reasons that do not hold."""

    outcome: Literal["upheld", "partly", "rejected", "redirected"]
    reason: Words = Field(examples=["Foto rekening menunjukkan daya 900 VA."])
    accepted: Annotated[list[ReasonCode], Field(max_length=20)] = []


class ConversationSummary(Shown):
    """A chat; whose it is stands there once they have proven it. The name is masked."""

    id: int
    channel: str
    person_id: int | None
    name: str
    region_code: str
    reachable: bool
    last_inbound_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: ListedConversation) -> ConversationSummary:
        found = cls.model_validate(row)
        return found.model_copy(update={"name": mask_name(found.name)})


class MessageShown(Shown):
    """One line of a chat; long numbers are masked, pictures only counted."""

    at: datetime
    incoming: bool
    kind: str
    text: str
    photos: int
    status: str


class Messages(BaseModel):
    """The last lines of a chat, oldest first."""

    items: list[MessageShown]


class OfficerMessage(Given):
    """Words for the citizen, shown in the chat as an officer's."""

    text: Words = Field(examples=["Berkas Ibu sudah kami terima, besok pagi kami periksa."])


class MessageAccepted(BaseModel):
    """`sent` false: a message with this Idempotency-Key was there before."""

    sent: bool


class PersonShown(Shown):
    """A person; name and NIK are masked."""

    id: int
    name: str
    nik: str
    sex: str
    region_code: str
    level: str
    notifications: bool
    created_at: datetime
    erased_at: datetime | None

    @classmethod
    def of(cls, row: ListedPerson) -> PersonShown:
        found = cls.model_validate(row)
        return found.model_copy(update={"name": mask_name(found.name)})


class PersonSearch(Given):
    """A NIK travels in a body only: addresses end up in logs."""

    nik: Digits16 = Field(examples=["3510164503870001"])


class People(BaseModel):
    """Nobody or one person."""

    items: list[PersonShown]


class CountShown(Shown):
    """One bar: `key` is a status, an outcome, a regency's code or a day."""

    key: str
    count: int


class Stats(Shown):
    """The four stages, for registrations of the asked time and region."""

    registered: int
    decided: int
    told: int
    appealed: int
    open_tickets: int
    registrations: list[CountShown]
    outcomes: list[CountShown]
    appeals: list[CountShown]
    appeal_outcomes: list[CountShown]
    by_region: list[CountShown]
    by_day: list[CountShown]


class AuditEventShown(BaseModel):
    """Who did what to which case; nothing personal is in it."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    data: Mapping[str, Any]


def reasons(stored: Sequence[Mapping[str, Any]]) -> list[ReasonShown]:
    """The reasons of a decision as they were stored."""
    return [ReasonShown.model_validate(reason) for reason in stored]


class RuleSetSummary(Shown):
    """One version of a rule set. `state` active: it decides, or will from `starts_on`, until a later version begins."""

    rule_set: str = Field(examples=["pkh-pilot"])
    version: str = Field(examples=["2026-1"])
    digest: str
    title: str
    starts_on: date
    state: Literal["proposed", "active", "withdrawn"]
    proposed_by: str
    activated_by: str | None


class RuleSetList(BaseModel):
    """All versions; there are a handful."""

    items: list[RuleSetSummary]


class RuleRead(BaseModel):
    """One rule: `when` says on whom it hits, `limit` names the threshold that is told to the person."""

    code: str
    kind: Literal["against", "for", "wait"]
    datum: str
    when: str
    limit: str | None
    contestable: bool
    evidence: list[str]


class RuleSetRead(BaseModel):
    """A rule set as it decides: its thresholds (with those of regions) and its rules, in the order in which they are told."""

    rule_set: str
    version: str
    digest: str
    title: str
    programme: str
    regions: list[str] = Field(examples=[["35.10", "64.71"]])
    starts_on: date
    ends_on: date | None
    thresholds: dict[str, dict[str, Any]]
    rules: list[RuleRead]

    @classmethod
    def of(cls, rules: RuleSet) -> RuleSetRead:
        return cls(
            rule_set=rules.id,
            version=rules.version,
            digest=rules.digest,
            title=rules.title,
            programme=rules.programme,
            regions=list(rules.regions),
            starts_on=rules.start,
            ends_on=rules.end,
            thresholds={
                name: {"default": threshold.default, "by_region": dict(threshold.by_region)}
                for name, threshold in rules.thresholds.items()
            },
            rules=[
                RuleRead(
                    code=rule.code,
                    kind=rule.kind,
                    datum=rule.datum,
                    when=rule.when,
                    limit=rule.limit or None,
                    contestable=rule.contestable,
                    evidence=list(rule.evidence),
                )
                for rule in rules.rules
            ],
        )
