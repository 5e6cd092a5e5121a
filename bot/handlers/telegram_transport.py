"""How our Bot API calls travel, and what Telegram's refusals mean before the channel looks at them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, TelegramError
from telegram.request import BaseRequest, RequestData

from backend.gateways.http import HttpClient, HttpError, Response

_TIMEOUT_S = 15.0
_LEAST_WAIT_S = 1.0

# As the library's own: an unknown token is "not found" when it is malformed.
_ERRORS: Mapping[int, type[TelegramError]] = {
    HTTPStatus.BAD_REQUEST: BadRequest,
    HTTPStatus.UNAUTHORIZED: InvalidToken,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: InvalidToken,
    HTTPStatus.CONFLICT: Conflict,
}

# At DEBUG the library logs its base URL, which holds the token, and every text it sends.
logging.getLogger("telegram").setLevel(logging.INFO)


class CallError(NetworkError):
    """The call brought no usable answer. `maybe_processed`: Telegram may have acted on it all the same."""

    def __init__(self, message: str, *, maybe_processed: bool) -> None:
        super().__init__(message)
        self.maybe_processed = maybe_processed


class FloodError(NetworkError):
    """Telegram wants us to wait `retry_after` seconds. The library's own class cannot be read without a warning."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("flood control")
        self.retry_after = retry_after


class Transport(BaseRequest):
    """The library's calls as JSON over the shared pool. No repeats: only the sender knows what may be repeated."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def read_timeout(self) -> float | None:
        return _TIMEOUT_S

    async def initialize(self) -> None:
        """Nothing: the pool belongs to the service."""

    async def shutdown(self) -> None:
        """Nothing: the pool belongs to the service."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """As the library's own, but it does not log a body that may hold a citizen's words."""
        try:
            data = orjson.loads(payload)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise CallError("the answer was not the Bot API's", maybe_processed=True)
        return data

    async def call(self, url: str, parameters: dict[str, Any], wait: float = 0) -> Any:
        """The result of one call, as JSON; `wait` seconds are what the call itself may take on top of the usual.

        For the calls that must be cheap: `Bot` turns every value into its types and back, which costs far more CPU than
        the call (seen: 0.44 ms a message with buttons instead of 0.09). Raises telegram.error.TelegramError as `Bot` does.
        """
        status, body = await self._exchange("POST", url, parameters, _TIMEOUT_S + wait)
        answer = self.parse_json_payload(body)
        if status == HTTPStatus.OK and "result" in answer:
            return answer["result"]
        if status == HTTPStatus.OK:
            raise CallError("the answer had no result", maybe_processed=True)
        raise _ERRORS.get(status, TelegramError)(str(answer.get("description")))

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Status and body. The pool has one deadline for a whole call; of the four time-outs it is `read_timeout`."""
        deadline = read_timeout if isinstance(read_timeout, int | float) else _TIMEOUT_S
        return await self._exchange(method, url, request_data.parameters if request_data else None, deadline)

    async def _exchange(
        self, method: str, url: str, parameters: dict[str, Any] | None, deadline: float
    ) -> tuple[int, bytes]:
        try:
            response = await self._http.request(method, url, json=parameters, timeout=deadline)
        except HttpError as error:
            raise CallError(str(error), maybe_processed=error.maybe_processed) from None
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise FloodError(_retry_after(response))
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CallError(f"server error {response.status}", maybe_processed=True)
        return response.status, response.content


class FloodJudge:
    """Tells a chat's own limit from the whole bot's, which Telegram's 429 does not.

    A chat that got nothing from us in the last second cannot have passed its own limit of one message a second. One such
    refusal may be the rest of an older penalty; two chats refused like this at the same time mean the bot. A few people
    who tap like mad (their chats did get much from us) thus never stop the others.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: deque[tuple[float, str]] = deque()
        self._suspects: dict[str, float] = {}

    def sent(self, chat: str) -> None:
        now = self._clock()
        self._sent.append((now, chat))
        while self._sent[0][0] < now - 1:
            self._sent.popleft()

    def whole_bot(self, chat: str, retry_after: float) -> bool:
        """To be asked at each 429."""
        now = self._clock()
        if any(chat == other and at >= now - 1 for at, other in self._sent):
            return False
        self._suspects = {other: until for other, until in self._suspects.items() if until > now}
        self._suspects[chat] = now + retry_after
        return len(self._suspects) > 1


def _retry_after(response: Response) -> float:
    try:
        return max(float(response.json()["parameters"]["retry_after"]), _LEAST_WAIT_S)
    except (KeyError, TypeError, ValueError):
        return _LEAST_WAIT_S  # a proxy's 429, not Telegram's
