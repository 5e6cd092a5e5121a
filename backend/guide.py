"""What `serve` prints once it is up: what to open, in the languages of those who start it."""

from __future__ import annotations

from collections.abc import Mapping


def guide(url: str, logins: Mapping[str, str], *, sandbox: bool) -> str:
    """A few lines. `logins`: the demo's passwords by login, shown at this start only; none outside of a demo."""
    opened = [("Simulator", f"{url}/simulator")] if sandbox else []
    opened += [("Konsol / console", f"{url}/console"), ("API", f"{url}/docs")]
    lines = ["", "Perlinsos siap. Buka / open:", *(f"  {name:<18}{address}" for name, address in opened)]
    if logins:
        lines += ["", "Masuk ke konsol / console logins (baru setiap mulai / new at every start):"]
        lines += [f"  {login:<18}{password}" for login, password in logins.items()]
    key = "perlinsos key create NAMA --role reader"
    if sandbox:  # what `make run` has set, and another shell has not
        key = f'PERLINSOS_SANDBOX=on PERLINSOS_SECRET_KEYS="$(cat var/key-ring)" .venv/bin/{key}'
    lines += ["", f"Kunci API / API key:  {key}", "Berhenti / stop:      Ctrl+C", ""]
    return "\n".join(lines)
