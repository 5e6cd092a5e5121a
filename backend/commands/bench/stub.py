"""The provider's side: an nginx that answers every call at once and writes down when which chat was written to.

It is a program of its own because a provider costs a service nothing: what it takes on the same machine should be small
and counted apart.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.commands.bench.machine import Part, program
from backend.commands.bench.postgres import free_port

STUB = "provider stub (nginx)"

# `return` alone would answer before the body is read, and the body holds the chat: the mirror wants the body, there is no
# such file, and that refusal is the answer.
_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  map $request_body $chat {{ default 0; "~chat_id\\W+(?<number>-?\\d+)" $number; }}
  log_format arrival "$msec $chat $uri";
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; default_type application/json;
  client_body_buffer_size 256k; client_max_body_size 8m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {folder}/nothing;
    location = /stub_status {{ stub_status; }}
    location = /body_wanted {{ internal; return 204; }}
    location ~ /getMe$ {{ return 200 '{{"ok":true,"result":{{"id":1,"is_bot":true,"first_name":"b","username":"b"}}}}'; }}
    location ~ /(setWebhook|deleteWebhook)$ {{ return 200 '{{"ok":true,"result":true}}'; }}
    location ~ ^/bot {{
      access_log {log} arrival buffer=64k flush=200ms;
      mirror /body_wanted; error_page 404 = @sent;
    }}
    location @sent {{
      access_log {log} arrival buffer=64k flush=200ms;
      if ($request_uri ~ /deleteMessage$) {{ return 200 '{{"ok":true,"result":true}}'; }}
      return 200 '{{"ok":true,"result":{{"message_id":1,"date":1,"chat":{{"id":1,"type":"private"}},"text":"x"}}}}';
    }}
    location / {{ return 404; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One reply that reached the provider: when, in seconds of the epoch, and the chat."""

    at: float
    chat: int


class ProviderStub:
    """`url` is what PERLINSOS_TELEGRAM_API_URL should hold."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        folder.mkdir()
        self._log = folder / "arrivals.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        written = folder / "nginx.conf"
        written.write_text(_CONFIGURATION.format(folder=folder, port=port, log=self._log), encoding="utf-8")
        command = [program("nginx"), "-c", str(written), "-p", str(folder), "-e", "stderr"]
        self._asked = 0
        self.part = Part(STUB, command, env, folder / "stub.log")

    def start(self) -> None:
        self.part.start(lambda: self.calls() is not None)

    def calls(self) -> int | None:
        """All calls of the service so far, or None when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/stub_status", timeout=5) as answer:  # noqa: S310 - our own
                self._asked += 1
                return int(answer.read().decode().splitlines()[2].split()[2]) - self._asked
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def arrivals(self, since: float) -> list[Arrival]:
        """Replies since that moment, in the order of their arrival. Up to 0.2 s may still be in nginx's buffer."""
        return [arrival for arrival in self._read() if arrival.at >= since]

    def _read(self) -> Iterator[Arrival]:
        with self._log.open(encoding="ascii") as lines:
            for line in lines:
                at, chat, call = line.split()
                if call.endswith("/sendMessage"):
                    yield Arrival(float(at), int(chat))
