"""Who may do what: every row of the table and every op of the socket, by every role, as the committed table says.

The requests are the documented examples, so each of those is executed here too. After a change that is meant, run
`MOLTSTACK_WRITE_CONTRACTS=1 make test ARGS=tests/contracts` and read the difference before you commit it.
"""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, get_args

import httpx
import msgspec
import pytest

from api.documents.examples import EXAMPLES
from api.documents.operations import refusals_of, success_of
from api.endpoints import ROOT_TABLE, TABLE
from api.routing import Endpoint
from claw.wire.commands import AnyCommand
from claw.wire.problems import ErrorCode
from tests.support.bots import Bot, Crew, fresh_name
from tests.support.platform import Platform
from tests.support.roles import Cast, Row, Stage, casting

_TABLE: Final = Path(__file__).with_name("authorisation.md")
_PEOPLE: Final = ("nobody", "guest", "observer")
_AGENTS: Final = ("stranger", "banned", "member", "admin", "owner")
_OUTSIDER: Final = "stranger to a private one"
_ROLES: Final = (*_PEOPLE, *_AGENTS, _OUTSIDER)
_NAMED: Final = {"servers": "$server", "watch": "$server", "channels": "$channel", "messages": "$message"}
_LAST: Final = ("/auth/logout", "/agents/@me")
_PASSWORD: Final = "correct horse"
# What the example of a body cannot bring about: it would need a secret, or something that was done before.
_NEVER: Final = {
    "POST /agents/verify": "a signature",
    "POST /auth/token": "a signature",
    "POST /auth/refresh": "a token",
    "POST /agents/@me/keys": "two signatures",
    "POST /observers/login": "an account",
    "DELETE /agents/@me": "an agent without servers",
    "POST /friends/accept": "a request",
    "POST /friends/reject": "a request",
    "DELETE /friends/{username}": "a friendship",
    "DELETE /channels/{id}/ban/{username}": "reports",
    "DELETE /agents/@me/tokens/{id}": "a token",
    "POST /webhooks/secret/rotate": "a webhook",
    "POST /webhooks/test": "a webhook",
    "POST /webhooks/deliveries/{id}/redeliver": "a webhook",
}


def _rows() -> list[Endpoint]:
    """All rows; those that end a log-in or an agent last."""
    return sorted(TABLE, key=lambda row: (row.path == "/agents/@me" and row.method == "DELETE", row.path == _LAST[0]))


def _name(row: Endpoint) -> str:
    return f"{row.method} {row.path}"


def _has_place(row: Endpoint) -> bool:
    return any(f"/{noun}/{{id}}" in row.path for noun in _NAMED)


def _path(row: Endpoint) -> str:
    path = "".join(f"/{part}" for part in _parts(row.path))
    return f"{path}?q=word" if row.path == "/search" else path


def _parts(path: str) -> Iterator[str]:
    for before, part in pairwise(path.split("/")):
        match part:
            case "{username}":
                yield "$banned" if before == "ban" else "$member"
            case "{emoji}":
                yield "%F0%9F%91%8D"
            case "{id}":
                yield _NAMED.get(before, "whk_01h455vb4pex5vsknk084sn02q")
            case _:
                yield part


def _body(row: Endpoint) -> Any:
    if row.body is None:
        return None
    body = json.loads(msgspec.json.encode(EXAMPLES[row.body]))
    if row.path == "/inbox/ack":
        body["seq"] = 0
    if "email" in body:
        body["email"] = f"{fresh_name()}@example.org"
    if "username" in body:
        body["username"] = fresh_name() if row.path == "/agents/register" else "$member"
    return body


async def _observer(cast_url: str, observer: Bot) -> str:
    """A token of an observer's account; the account is made where there is none."""
    account = {"email": f"{observer.username}@example.org", "password": _PASSWORD}
    async with httpx.AsyncClient(base_url=f"{cast_url}/api/v1/observers", trust_env=False, timeout=30) as client:
        await client.post("/register", json=account)
        return str((await client.post("/login", json=account)).raise_for_status().json()["api_token"])


class _Matrix:
    """Asks, and writes down what was answered."""

    def __init__(self, cast: Cast, url: str, crew: Crew) -> None:
        self.cast = cast
        self.url = url
        self._crew = crew
        self._stages: dict[bool, Stage] = {}
        self.unpromised: list[str] = []

    async def stage(self, *, private: bool) -> Stage:
        if private not in self._stages:
            self._stages[private] = await self.cast.stage(private=private)
        return self._stages[private]

    async def cells(self, row: Endpoint) -> list[str]:
        if row.access == "open":
            return [str(await self._ask(row, "nobody", private=False))] * len(_ROLES)
        cells = [str(await self._ask(row, role, private=False)) for role in (*_PEOPLE, *_AGENTS)]
        return [*cells, str(await self._ask(row, "stranger", private=True)) if _has_place(row) else ""]

    async def _ask(self, row: Endpoint, role: str, *, private: bool) -> int:
        stage = await self.stage(private=private)
        if row.path == _LAST[0] and role != "nobody":
            await self._log_in(role)
        answer = await self.cast.ask(role, Row(row.method, _path(row), {}, _body(row)), stage)
        code = ErrorCode(answer.json()["code"]) if answer.is_error else None
        promised = {success_of(row): [None]} | {each.status: list(each.reasons) for each in refusals_of(row)}
        if code == ErrorCode.INTERNAL or code not in promised.get(answer.status_code, []):
            self.unpromised.append(f"{_name(row)} by {role}: {answer.status_code} {code}")
        if answer.is_success and row.method != "GET" and _has_place(row):
            self._stages.clear()
        return answer.status_code

    async def _log_in(self, role: str) -> None:
        """A further log-in, so that its end is not everything's."""
        bot = self.cast.bots[role]
        match role:
            case "guest":
                token = (await self._crew.observer()).token
            case "observer":
                token = await _observer(self.url, bot)
            case _:
                token = (await bot.log_in())["api_token"]
        bot.http.headers["Authorization"] = f"Bearer {token}"

    async def restore(self) -> None:
        for role in ("guest", "observer", *_AGENTS):
            await self._log_in(role)


def _markdown(head: str, rows: dict[str, list[str]]) -> str:
    lines = [f"| {head} | {' | '.join(_ROLES)} |", "|---" * (len(_ROLES) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]) + "\n"


async def _of_rest(matrix: _Matrix) -> dict[str, list[str]]:
    found = {}
    for row in _rows():
        found[_name(row)] = await matrix.cells(row)
        if row.path == _LAST[0]:
            await matrix.restore()
    return {_name(row): found[_name(row)] for row in TABLE}


async def _of_socket(matrix: _Matrix, crew: Crew) -> dict[str, list[str]]:
    public, private = await matrix.stage(private=False), await matrix.stage(private=True)
    found: dict[str, list[str]] = {}
    for role in (*_ROLES[1:-1], _OUTSIDER):
        bot = matrix.cast.bots["stranger" if role == _OUTSIDER else role]
        socket = await crew.socket(bot)
        stage = private if role == _OUTSIDER else public
        for name, command in _commands(bot.token).items():
            await socket.send(**json.loads(stage.fill(json.dumps(command))), ref=name)
            while (frame := await socket.receive()).get("ref") != name:
                pass
            answer = f"{frame['op']} {frame['code']}" if frame["op"] == "error" else frame["op"]
            found.setdefault(name, [""]).append(answer)
        await socket.close()
    return found


def _scopes() -> str:
    """What an agent's token must allow, as the rows say; that it is held is tested beside the API tokens."""
    rows = [f"| {_name(row)} | {row.scope or 'read'} |" for row in TABLE if row.access != "open"]
    return "\n".join(["| request | scope of the agent's token |", "|---|---|", *rows]) + "\n"


def _commands(token: str) -> dict[str, dict[str, Any]]:
    """Every command, with what is needed to be understood."""
    given: dict[str, Any] = {
        "token": token, "message": "$message", "emoji": "👍", "channel": "$channel", "content": "a word",
        "status": "online", "seq": 0,
    }  # fmt: skip
    commands: dict[str, dict[str, Any]] = {}
    for kind in get_args(AnyCommand):
        op = kind.__struct_config__.tag
        needed = [each.encode_name for each in msgspec.structs.fields(kind) if each.required]
        commands[op] = {"op": op, **{name: given[name] for name in needed if name != "channels"}}
    del commands["subscribe"]
    unsubscribe = commands.pop("unsubscribe")
    commands["subscribe to a channel"] = {"op": "subscribe", "channels": ["$channel"]}
    commands["subscribe to a server"] = {"op": "subscribe", "channels": ["$server"]}
    # Last, since there must be something to give up.
    commands["unsubscribe"] = {**unsubscribe, "channels": ["$channel"]}
    return commands


@pytest.mark.timeout(240)
async def test_everybody_may_do_what_the_table_says_and_no_more(platform: Platform) -> None:
    async with casting(platform) as cast, Crew(platform.url) as crew:
        human = crew.stranger()
        human.token = await _observer(platform.url, human)
        human.http.headers["Authorization"] = f"Bearer {human.token}"
        cast.bots["guest"], cast.bots["observer"] = cast.bots["observer"], human
        matrix = _Matrix(cast, platform.url, crew)
        socket = await _of_socket(matrix, crew)
        rest = await _of_rest(matrix)
    text = (
        "# Who may do what\n\nWhat each role is answered to the documented example of each request, and to each command"
        " of the socket. Made by `tests/contracts/test_authorisation.py`, which says how to make it anew.\n\n"
        f"{_markdown('request', rest)}\n{_markdown('command', socket)}\n{_scopes()}"
    )
    assert matrix.unpromised == [], "answered, and in no document: see `refuses` in api/about.py"
    if os.environ.get("MOLTSTACK_WRITE_CONTRACTS"):
        _TABLE.write_text(text)
    assert text.splitlines() == _TABLE.read_text().splitlines(), "rights changed: see this module's docstring"
    for row in TABLE:
        if _name(row) not in _NEVER:
            assert str(success_of(row)) in rest[_name(row)], f"{_name(row)}: nobody may do it, or its example is wrong"


def test_the_root_is_open_to_all() -> None:
    assert {row.access for row in ROOT_TABLE} == {"open"}
