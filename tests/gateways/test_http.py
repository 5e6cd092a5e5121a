"""The HTTP client against real sockets: what each failure is called, and that no error tells where the call went."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import pytest

from backend.gateways.http import (
    BadRequest,
    FilePart,
    HttpClient,
    HttpError,
    Response,
    ResponseTooLarge,
    TimedOut,
    Unreachable,
)

SECRET = "bot123:AAtokenAA"  # as Telegram puts it into every URL
Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncIterator[str]:
    """A server that reads one request's head, hands it to `handler` and hangs up; gives the URL with the secret."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await handler(head, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{SECRET}/getFile"


def answering(raw: bytes) -> Handler:
    async def handler(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return handler


async def silence(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1.5)


async def failure(http: HttpClient, url: str, **options: float) -> HttpError:
    with pytest.raises(HttpError) as caught:
        await http.request("POST", url, json={}, timeout=options.get("timeout", 5.0))
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert SECRET not in told
    assert "127.0.0.1" not in told
    return caught.value


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", b"SSH-2.0-OpenSSH_9\r\n\r\n"],
    ids=["hangs up", "breaks off", "is not HTTP"],
)
async def test_a_broken_answer_may_have_been_processed(http: HttpClient, raw: bytes) -> None:
    async with raw_server(answering(raw)) as url:
        error = await failure(http, url)
    assert type(error) is Unreachable
    assert error.maybe_processed


async def test_nobody_listening_was_certainly_not_processed(http: HttpClient, free_port: int) -> None:
    error = await failure(http, f"http://127.0.0.1:{free_port}/{SECRET}")
    assert type(error) is Unreachable
    assert not error.maybe_processed


async def test_an_unknown_host_was_certainly_not_processed(http: HttpClient) -> None:
    error = await failure(http, f"http://no-such-host.invalid/{SECRET}")
    assert type(error) is Unreachable
    assert not error.maybe_processed


async def test_silence_times_out_and_may_have_been_processed(http: HttpClient) -> None:
    async with raw_server(silence) as url:
        error = await failure(http, url, timeout=0.2)
    assert type(error) is TimedOut
    assert error.maybe_processed


async def test_a_connection_that_is_not_accepted_was_not_processed() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with HttpClient(connect_timeout=0.2) as http:
            error = await failure(http, f"http://127.0.0.1:{full.getsockname()[1]}/{SECRET}", timeout=3)
        for one in waiting:
            one.close()
    assert type(error) is TimedOut
    assert not error.maybe_processed


@pytest.mark.parametrize("url", ["no url", "ftp://127.0.0.1/" + SECRET, ""])
async def test_a_url_that_is_none(http: HttpClient, url: str) -> None:
    error = await failure(http, url)
    assert type(error) is BadRequest
    assert not error.maybe_processed


async def test_nothing_is_logged_about_a_call(http: HttpClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw_server(answering(b"")) as url:
        await failure(http, url)
    assert SECRET not in caplog.text


async def test_any_status_is_a_response_with_lower_case_headers(http: HttpClient) -> None:
    raw = b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\n{}"
    async with raw_server(answering(raw)) as url:
        answer = await http.request("GET", url)
    assert (answer.status, answer.ok, answer.headers["retry-after"], answer.headers["x-a"]) == (429, False, "3", "1, 2")
    assert answer.json() == {}
    assert "{}" not in repr(answer)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 50_000),
    ],
    ids=["declared", "undeclared", "compressed"],
)
async def test_a_body_beyond_the_limit_is_not_read_to_its_end(http: HttpClient, raw: bytes) -> None:
    async with raw_server(answering(raw)) as url:
        with pytest.raises(ResponseTooLarge):
            await http.request("GET", url, max_bytes=4999)


async def test_a_body_within_the_limit_is_whole(http: HttpClient) -> None:
    async with raw_server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)) as url:
        assert (await http.request("GET", url, max_bytes=5000)).content == b"x" * 5000


class Recorder:
    """Answers `200 ok` and keeps what was asked."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def __call__(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.heads.append(head.decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def redirecting(status: int, location: str) -> Handler:
    return answering(f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())


async def get_with_credentials(http: HttpClient, url: str) -> Response:
    headers = {"Authorization": "Bearer other-secret", "Cookie": "c=1", "Accept": "image/*"}
    return await http.request("GET", url, headers=headers, follow_redirects=True)


async def test_credentials_do_not_follow_to_another_host(http: HttpClient) -> None:
    cdn = Recorder()
    async with raw_server(cdn) as target, raw_server(redirecting(307, target)) as url:
        assert (await get_with_credentials(http, url)).content == b"ok"
        answer = await http.request("GET", url, auth=("AC1", "password"), follow_redirects=True)
    assert answer.content == b"ok"
    assert all("authorization" not in head and "cookie" not in head for head in cdn.heads)
    assert "accept: image/*" in cdn.heads[0]


async def test_credentials_follow_within_a_host(http: HttpClient) -> None:
    heads: list[str] = []

    async def handler(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head.decode().lower())
        target = b"Location: /second" if len(heads) == 1 else b"X-Done: 1"
        writer.write(b"HTTP/1.1 %d Go\r\n%s\r\nContent-Length: 0\r\n\r\n" % (302 if len(heads) == 1 else 200, target))

    async with raw_server(handler) as url:
        await http.request("GET", url, auth=("AC1", "password"), follow_redirects=True)
    assert len(heads) == 2
    assert all("authorization: basic" in head for head in heads)


async def test_redirects_are_not_followed_unasked_nor_for_a_post(http: HttpClient) -> None:
    cdn = Recorder()
    async with raw_server(cdn) as target, raw_server(redirecting(307, target)) as url:
        assert (await http.request("GET", url)).status == 307
        assert (await http.request("POST", url, json={}, follow_redirects=True)).status == 307
    assert cdn.heads == []


async def test_a_redirect_loop_and_an_unsafe_target_end(http: HttpClient) -> None:
    async with raw_server(redirecting(302, "/again")) as url:
        with pytest.raises(BadRequest):
            await get_with_credentials(http, url)
    async with raw_server(redirecting(302, "file:///etc/passwd")) as url:
        with pytest.raises(BadRequest):
            await get_with_credentials(http, url)


async def test_the_offices_proxy_is_used_but_never_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    direct, proxy = Recorder(), Recorder()
    async with raw_server(direct) as url, raw_server(proxy) as through:
        monkeypatch.setenv("http_proxy", through.partition("/bot")[0])
        monkeypatch.setenv("no_proxy", "intern.example")
        async with HttpClient() as http:
            assert (await http.request("GET", url)).ok
            assert (await http.request("GET", "http://ikd.example.invalid/")).ok
            with pytest.raises(Unreachable):
                await http.request("GET", "http://no-such-host.intern.example/", timeout=5)
    assert len(direct.heads) == 1
    assert [head.splitlines()[0] for head in proxy.heads] == ["get http://ikd.example.invalid/ http/1.1"]


async def test_bodies_of_every_kind_arrive(http: HttpClient, serve_app: Callable[[object], str]) -> None:
    seen: list[tuple[str, bytes]] = []

    async def app(scope: dict[str, object], receive: Callable[[], Awaitable[dict[str, object]]], send: object) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            event = await receive()
            part = event["body"]
            assert isinstance(part, bytes)
            body += part
            if not event.get("more_body"):
                break
        headers = scope["headers"]
        assert isinstance(headers, list)
        seen.append((dict(headers).get(b"content-type", b"").decode(), body))
        assert callable(send)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    url = serve_app(app)
    await http.request("POST", url, json={"a": "é"})
    await http.request("POST", url, form={"To": "whatsapp:+62811", "MediaUrl": ["x", "y"], "Body": "a&b=c é"})
    await http.request("POST", url, content=b"\x00\x01", headers={"Content-Type": "image/jpeg"})
    await http.request("POST", url, multipart={"chat_id": "7", "photo": FilePart("a.jpg", b"\xff\xd8", "image/jpeg")})
    json_body, form, raw, multipart = seen
    assert json_body == ("application/json", '{"a":"é"}'.encode())
    assert form[0] == "application/x-www-form-urlencoded"
    assert parse_qsl(form[1].decode()) == [
        ("To", "whatsapp:+62811"), ("MediaUrl", "x"), ("MediaUrl", "y"), ("Body", "a&b=c é"),
    ]  # fmt: skip
    assert raw == ("image/jpeg", b"\x00\x01")
    assert multipart[0].startswith("multipart/form-data; boundary=")
    assert b'name="chat_id"\r\n\r\n7' in multipart[1]
    assert b'filename="a.jpg"' in multipart[1]
    with pytest.raises(BadRequest):
        await http.request("POST", url, json={}, form={})
