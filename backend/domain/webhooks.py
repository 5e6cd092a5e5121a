"""Where an outgoing webhook may go, and how it is signed (Standard Webhooks)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

KINDS = (
    "registration.created",
    "registration.submitted",
    "decision.made",
    "appeal.received",
    "appeal.step",
    "appeal.decided",
    "consent.withdrawn",
    "person.erased",
)
TEST = "webhook.test"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the published prefix, no secret
BACK_OFF = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 21600, 32400)
"""Seconds from one try to the next: the last one is made 23 hours after the first."""
BOTH_SIGN = timedelta(hours=24)
"""How long the former secret signs as well after a rotation."""
_NAT64 = IPv6Network("64:ff9b::/96")


def url_fault(url: str, *, loopback: bool) -> str:
    """Why this URL cannot be a webhook's; empty when it can. `loopback`: this machine itself may be spoken to, by http."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is no URL."
    if not host or parts.username is not None or parts.fragment:
        return "A URL with a host, and without a login or a fragment."
    try:
        literal = ip_address(host)
    except ValueError:
        literal = None
    if parts.scheme == "http":
        local = host == "localhost" or (literal is not None and literal.is_loopback)
        return "" if loopback and local else "Only https."
    if parts.scheme != "https":
        return "Only https."
    if literal is not None and not may_reach(literal, loopback=loopback):
        return "This address is not a public one."
    return ""


def may_reach(address: IPv4Address | IPv6Address, *, loopback: bool) -> bool:
    """Whether a webhook may be sent to this address: a public one, also where IPv6 only wraps an IPv4."""
    if loopback and address.is_loopback:
        return True
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return may_reach(inner, loopback=False)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def signature(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one for each secret, with a space in between."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, sha256)).decode()}" for secret in secrets)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))
