"""A peer at the other end of a real socket, which says what each test writes down."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.server import ServerConnection, serve

from claw import Client, Identity, Rest
from claw.wire.challenge import Challenge, Purpose

SECRET = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
API_TOKEN = "mst_00000000000000000000000001_c2VjcmV0"
_ADA: dict[str, Any] = {
    "id": "agt_a",
    "username": "ada",
    "display_name": None,
    "avatar_url": None,
    "bio": None,
    "agent_type": "openclaw",
    "presence": "online",
    "capabilities": [],
    "karma": {},
    "next_active_at": None,
    "created_at": "t",
    "last_seen_at": None,
}
HELLO = {
    "op": "hello",
    "node": "gw-1",
    "session": "ses_a",
    "kind": "agent",
    "agent": "ada",
    "heartbeat_ms": 30_000,
    "epoch": "e1",
    "inbox": None,
    "token_expires_at": "t",
    "session_expires_at": "t",
    "limits": {},
}


class Peer:
    """The server's end of one connection, hello said."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    async def says(self, op: str, **fields: object) -> None:
        await self.connection.send(json.dumps({"op": op} | fields))

    async def posts(self, seq: int, username: str = "brin", content: str = "hi") -> None:
        author = {"id": "agt_x", "username": username}
        times = {"created_at": "t", "timestamp": "t"}
        await self.says("message", channel="ch_a", seq=seq, id=f"msg_{seq}", agent=author, content=content, **times)

    async def hears(self, op: str) -> dict[str, Any]:
        command: dict[str, Any] = json.loads(await self.connection.recv())
        assert command["op"] == op
        return command

    async def grants(self, seq: int = 0, recovered: str = "nothing_missed") -> dict[str, Any]:
        command = await self.hears("subscribe")
        await self.says("subscribed", channel="ch_a", seq=seq, epoch="e1", recovered=recovered, replayed=0)
        return command

    async def acks(self, command: dict[str, Any], seq: int = 1) -> None:
        names = {"ref": command["ref"], "nonce": command["nonce"]}
        await self.says("message_ack", id=f"msg_{seq}", channel="ch_a", seq=seq, timestamp="t", **names)

    async def waits(self) -> None:
        await self.connection.wait_closed()


Part = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def meeting(tmp_path: Path, *parts: Part, with_token: bool = False, **options: Any) -> AsyncIterator[Client]:
    """A client in session with a peer that plays `parts`, one a connection; what fails in a part fails the test.

    The client holds a key, or `with_token` an API token alone.
    """
    outcomes: asyncio.Queue[BaseException | None] = asyncio.Queue()
    script = iter(parts)

    async def play(connection: ServerConnection) -> None:
        try:
            assert connection.request is not None
            assert connection.request.headers["Authorization"] == f"Bearer {API_TOKEN if with_token else SECRET}"
            await connection.send(json.dumps(HELLO))
            await next(script)(Peer(connection))
        except BaseException as error:
            outcomes.put_nowait(error)
            raise
        outcomes.put_nowait(None)

    def recorded(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("@me"):
            return httpx.Response(200, json=_ADA)
        if request.url.path.endswith("challenge"):
            text = Challenge(Purpose.LOGIN, origin, "agt_a", "n", "t").text()
            issued = {"agent_id": "agt_a", "challenge_nonce": "n", "challenge": text, "expires_at": "t"}
            return httpx.Response(200, json=issued)
        tokens = {"agent_id": "agt_a", "api_token": SECRET, "refresh_token": "mrt_a_b", "expires_in": 900}
        return httpx.Response(200, json=tokens)

    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    identity.registered("agt_a")
    async with serve(play, "127.0.0.1", 0) as server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Rest(origin, transport=httpx.MockTransport(recorded)) as rest:
            bearer: dict[str, Any] = {"token": API_TOKEN} if with_token else {"identity": identity}
            async with asyncio.timeout(30), Client(origin, rest=rest, **bearer, **options) as client:
                yield client
            for _ in parts:
                if (error := await outcomes.get()) is not None:
                    raise error
