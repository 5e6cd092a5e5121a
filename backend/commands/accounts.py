"""`perlinsos user` and `perlinsos key`: who may use console and API."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from backend import crypto
from backend.commands.common import fail, out, with_database
from backend.db import Database
from backend.parts import now
from backend.repositories import accounts as stored
from backend.services import accounts
from backend.services.accounts import AccountError, KeyRole, UserRole

user_app = typer.Typer(no_args_is_help=True, help="Console logins.")
key_app = typer.Typer(no_args_is_help=True, help="Keys: the ring that seals personal data, and bearer keys of the API.")
RegionCode = Annotated[str, typer.Option("--region", help="Kemendagri code such as 35.10; without it every region")]


@user_app.command("add")
def user_add(
    login: str,
    role: Annotated[UserRole, typer.Option(help="what they may do")],
    name: Annotated[str, typer.Option(help="how the console calls them")] = "",
    region: RegionCode = "",
    ask: Annotated[bool, typer.Option("--ask", help="type a password instead of getting one")] = False,
) -> None:
    """Add a login. Its password is printed once, or typed."""
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else secrets.token_urlsafe(12)

    async def add(database: Database) -> None:
        await accounts.add_user(database, login, name or login, password, role, region, now())

    try:
        with_database(add)
    except AccountError as error:
        fail(f"{login}: {error}")
    out.print(f"{login} may log in now." + ("" if ask else f" Password, shown this once: {password}"), markup=False)


@user_app.command("list")
def user_list() -> None:
    """Every login."""

    async def read(database: Database) -> list[stored.UserRow]:
        async with database.read() as connection:
            return await stored.users(connection)

    table = Table("login", "name", "role", "region", "state")
    for user in with_database(read):
        table.add_row(
            user.login, user.name, user.role, user.region_code or "all", "active" if user.active else "disabled"
        )
    out.print(table)


@user_app.command("disable")
def user_disable(login: str) -> None:
    """The login works no more, and whoever is in with it is out."""
    try:
        with_database(lambda database: accounts.disable_user(database, login))
    except AccountError as error:
        fail(f"{login}: {error}")
    out.print(f"{login} is disabled.", markup=False)


@key_app.command("ring")
def key_ring() -> None:
    """Print one new entry for PERLINSOS_SECRET_KEYS."""
    typer.echo(crypto.new_key())


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="which system it is for; the audit log shows it")],
    role: Annotated[KeyRole, typer.Option(help="what it may do")],
    region: RegionCode = "",
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="how long it works; without it until revoked")
    ] = None,
    personal: Annotated[bool, typer.Option(help="its exports may hold names, NIK and KK")] = False,
) -> None:
    """Make a bearer key of the API and print it, this once."""
    at = now()
    until = at + timedelta(days=days) if days is not None else None
    made = with_database(
        lambda database: accounts.create_key(database, name, role, region, until, at, personal=personal)
    )
    typer.echo(made.secret)


@key_app.command("list")
def key_list() -> None:
    """Every bearer key; the keys themselves are not known here."""

    async def read(database: Database) -> list[stored.KeyRow]:
        async with database.read() as connection:
            return await stored.keys(connection)

    table = Table("id", "name", "role", "region", "personal", "made", "state")
    for key in with_database(read):
        state = "revoked" if key.revoked_at else f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "active"
        region, personal = key.region_code or "all", "yes" if key.personal else ""
        table.add_row(str(key.id), key.name, key.role, region, personal, f"{key.created_at:%Y-%m-%d}", state)
    out.print(table)


@key_app.command("revoke")
def key_revoke(key_id: int) -> None:
    """The key works no more."""
    try:
        with_database(lambda database: accounts.revoke_key(database, key_id, now()))
    except AccountError as error:
        fail(str(error))
    out.print(f"key {key_id} is revoked.")
