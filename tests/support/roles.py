"""Tables that say who may do what over HTTP: a cast of actors, a server in which each has a part, and rows.

A row is a request and what each actor is answered. `$server`, `$channel`, `$message`, `$owner`, `$admin`, `$member`,
`$banned` and `$stranger` stand in paths and bodies for the ids of a fresh server, its channel and a member's message in
it, and for the usernames of the cast. Whoever is refused must leave no event behind, whoever is not exactly those told.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from string import Template
from typing import Any

import asyncpg
import httpx

from claw.wire.ids import Prefix, decode_id
from stack.embedded import EmbeddedPostgres
from tests.support.bots import Bot, Crew, Socket
from tests.support.platform import Platform

AGENTS = ("owner", "admin", "member", "banned", "stranger")
ACTORS = (*AGENTS, "observer", "nobody")
# Who has no part is refused alike everywhere: what a human or nobody may not do, whatever it is done to.
WATCHERS = {"observer": 403, "nobody": 401}
_BAN = "insert into server_bans (server_id, agent_id) values ($1, $2)"


@dataclass(frozen=True)
class Row:
    """`answers` is the status by actor, several actors in one key if need be; who is left out is not asked.

    `told` are the ops of the events that a success leaves on the streams named `server` and `channel`, in order;
    None where the streams are gone by then.
    """

    method: str
    path: str
    answers: Mapping[str, int]
    body: Any = None
    told: Mapping[str, Sequence[str]] | None = field(default_factory=dict)
    private: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}{' (private)' if self.private else ''}"

    def status_of(self, actor: str) -> int | None:
        return next((status for actors, status in self.answers.items() if actor in actors.split()), None)


@dataclass(frozen=True)
class Stage:
    """A fresh server with the cast in it; `names` is what rows may mention."""

    server: str
    channel: str
    names: Mapping[str, str]

    def fill(self, text: str) -> str:
        return Template(text).substitute(self.names)


class Cast:
    """The actors by name, and a socket of the owner's that counts events."""

    def __init__(self, bots: Mapping[str, Bot], socket: Socket, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.bots = dict(bots)
        self._socket = socket
        self._admin = admin

    async def stage(self, *, private: bool = False, **fields: Any) -> Stage:
        """A server of the owner's, with an admin, a member, one who is banned, and a message of the member's."""
        owner = self.bots["owner"]
        server = (await owner.create_server(is_public=not private, **fields))["id"]
        invite = (await owner.http.post(f"/servers/{server}/invites")).raise_for_status().json()["invite"]
        for name in ("admin", "member"):
            (await self.bots[name].http.post(f"/servers/{server}/join", json={"invite": invite})).raise_for_status()
        path = f"/servers/{server}/members/{self.bots['admin'].username}"
        (await owner.http.patch(path, json={"role": "admin"})).raise_for_status()
        banned = decode_id(Prefix.AGENT, self.bots["banned"].agent_id)
        await self._admin.execute(_BAN, decode_id(Prefix.SERVER, server), banned)
        channel = await owner.first_channel(server)
        message = (await self.bots["member"].post(channel, "a word"))["id"]
        names = {name: self.bots[name].username for name in AGENTS}
        return Stage(server, channel, {"server": server, "channel": channel, "message": message, **names})

    async def ask(self, actor: str, row: Row, stage: Stage) -> httpx.Response:
        content = None if row.body is None else stage.fill(json.dumps(row.body))
        return await self.bots[actor].http.request(row.method, stage.fill(row.path), content=content)

    async def check(self, row: Row) -> None:
        """Everybody is answered as the row says, and the streams tell of what was done, and of nothing else."""
        stage = await self.stage(private=row.private)
        heads = await self._heads(stage)
        refused = [actor for actor in ACTORS if (row.status_of(actor) or 0) >= HTTPStatus.BAD_REQUEST]
        for actor in refused:
            await self._assert_answered(actor, row, stage)
        assert await self._told(stage, heads) == {"server": [], "channel": []}, f"{row}: refused, and told"
        for actor in ACTORS:
            if actor in refused or row.status_of(actor) is None:
                continue
            stage = await self.stage(private=row.private)
            heads = await self._heads(stage)
            await self._assert_answered(actor, row, stage)
            if row.told is not None:
                expected = {"server": [], "channel": [], **{name: list(ops) for name, ops in row.told.items()}}
                assert await self._told(stage, heads) == expected, f"{row} by {actor}"

    async def _assert_answered(self, actor: str, row: Row, stage: Stage) -> None:
        answer = await self.ask(actor, row, stage)
        assert answer.status_code == row.status_of(actor), f"{row} by {actor}: {answer.status_code} {answer.text}"

    async def _heads(self, stage: Stage) -> dict[str, int]:
        heads = {}
        for name, stream in (("server", stage.server), ("channel", stage.channel)):
            heads[name] = (await self._socket.subscribe(stream))["seq"]
            await self._socket.send(op="unsubscribe", channels=[stream])
            await self._socket.expect("unsubscribed", channel=stream)
        return heads

    async def _told(self, stage: Stage, heads: Mapping[str, int]) -> dict[str, list[str]]:
        """The ops of the events since `heads`, as a replay brings them: all that is stored, before `subscribed`."""
        told: dict[str, list[str]] = {}
        for name, stream in (("server", stage.server), ("channel", stage.channel)):
            await self._socket.send(op="subscribe", channels=[{"id": stream, "after": heads[name]}], ref=name)
            told[name] = []
            while (frame := await self._socket.receive(30)).get("ref") != name:
                if frame.get(name) == stream and frame.get("seq", 0) > heads[name]:
                    told[name].append(frame["op"])
            assert frame["op"] == "subscribed", frame
            await self._socket.send(op="unsubscribe", channels=[stream])
            await self._socket.expect("unsubscribed", channel=stream)
        return told


@asynccontextmanager
async def casting(platform: Platform) -> AsyncIterator[Cast]:
    """The cast on a running platform."""
    url = EmbeddedPostgres(platform.data_dir).known_admin_url()
    assert url is not None
    admin = await asyncpg.connect(url)
    try:
        async with Crew(platform.url) as crew:
            bots = {name: await crew.bot() for name in AGENTS}
            bots |= {"observer": await crew.observer(), "nobody": crew.stranger()}
            yield Cast(bots, await crew.socket(bots["owner"]), admin)
    finally:
        await admin.close()
