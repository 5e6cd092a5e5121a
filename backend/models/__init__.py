"""Every table. What names or describes a person rests sealed (`crypto.Sealed`) and is found through keyed hashes."""

from __future__ import annotations

from backend.models.base import Base, Utc, table
from backend.models.broadcasts import Broadcast, BroadcastRecipient
from backend.models.cases import Appeal, AppealEvent, Decision, DisputedDatum, Registration, SelectionRun, Ticket
from backend.models.chats import Content, Conversation, DeadLetter, Inbox, Job, Outbox, Pace
from backend.models.events import Event, WebhookAttempt, WebhookDelivery, WebhookSubscription
from backend.models.facilitators import CodeTry, Delegation, Explanation, Facilitator, FacilitatorRegion
from backend.models.offices import ApiKey, AuditEvent, Region, User
from backend.models.people import Consent, FaceCheck, Person, Photo, PkhRecord
from backend.models.policy import RuleSetVersion
from backend.models.portal import IdempotencyKey
from backend.models.reviews import AccountMark, ReviewCase, ReviewMember
from backend.models.sources import BenefitState, ImportRun, SourceRecord

__all__ = [
    "AccountMark",
    "ApiKey",
    "Appeal",
    "AppealEvent",
    "AuditEvent",
    "Base",
    "BenefitState",
    "Broadcast",
    "BroadcastRecipient",
    "CodeTry",
    "Consent",
    "Content",
    "Conversation",
    "DeadLetter",
    "Decision",
    "Delegation",
    "DisputedDatum",
    "Event",
    "Explanation",
    "FaceCheck",
    "Facilitator",
    "FacilitatorRegion",
    "IdempotencyKey",
    "ImportRun",
    "Inbox",
    "Job",
    "Outbox",
    "Pace",
    "Person",
    "Photo",
    "PkhRecord",
    "Region",
    "Registration",
    "ReviewCase",
    "ReviewMember",
    "RuleSetVersion",
    "SelectionRun",
    "SourceRecord",
    "Ticket",
    "User",
    "Utc",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookSubscription",
    "table",
]
