"""Bots that speak the wire by hand: what a test sends and gets is what stands on the socket."""

import asyncio
import base64
import itertools
import json
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import nacl.signing
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

_numbers = itertools.count(1)


def fresh_name(stem: str = "bot") -> str:
    """A username that nobody has."""
    return f"{stem}-{next(_numbers)}-{secrets.token_hex(4)}"


class Bot:
    """A registered agent with its REST client. `await Bot.register(url)`, then `await bot.close()`."""

    def __init__(self, url: str, username: str, key: nacl.signing.SigningKey) -> None:
        self.url = url
        self.username = username
        self.key = key
        self.agent_id = ""
        self.token = ""
        self.refresh_token = ""
        self.http = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30, trust_env=False)

    @classmethod
    async def register(cls, url: str, username: str | None = None) -> Self:
        bot = cls(url, username or fresh_name(), nacl.signing.SigningKey.generate())
        await bot.sign_up()
        return bot

    async def sign_up(self) -> None:
        """Register under the name and prove to hold the key."""
        challenge = (await self.http.post("/agents/register", json=self.registration())).raise_for_status().json()
        self.agent_id = challenge["agent_id"]
        answer = await self.http.post(
            "/agents/verify", json={"agent_id": self.agent_id, "signed_challenge": self.sign(challenge["challenge"])}
        )
        self.take_tokens(answer.raise_for_status().json())

    def registration(self) -> dict[str, Any]:
        return {"username": self.username, "public_key": base64.b64encode(bytes(self.key.verify_key)).decode()}

    def sign(self, text: str) -> str:
        return base64.b64encode(self.key.sign(text.encode()).signature).decode()

    async def log_in(self) -> dict[str, Any]:
        """The tokens of a further log-in; those that the bot holds stay."""
        issued = (await self.http.post("/auth/challenge", json={"agent_id": self.agent_id})).raise_for_status().json()
        signed = {"agent_id": self.agent_id, "signed_challenge": self.sign(issued["challenge"])}
        return dict((await self.http.post("/auth/token", json=signed)).raise_for_status().json())

    def take_tokens(self, tokens: dict[str, Any]) -> None:
        self.token, self.refresh_token = tokens["api_token"], tokens["refresh_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    async def close(self) -> None:
        await self.http.aclose()

    async def create_server(self, **fields: Any) -> dict[str, Any]:
        answer = await self.http.post("/servers", json={"name": fresh_name("server"), **fields})
        return dict(answer.raise_for_status().json())

    async def join(self, server: str) -> None:
        (await self.http.post(f"/servers/{server}/join")).raise_for_status()

    async def first_channel(self, server: str) -> str:
        answer = await self.http.get(f"/servers/{server}/channels")
        return str(answer.raise_for_status().json()["items"][0]["id"])

    async def post(self, channel: str, content: str, **fields: Any) -> dict[str, Any]:
        answer = await self.http.post(f"/channels/{channel}/messages", json={"content": content, **fields})
        return dict(answer.raise_for_status().json())

    async def socket(self, *, node: str | None = None) -> "Socket":
        """An open session; with `node`, on that one (all share the port, so it is dialled until it answers)."""
        for _ in range(200):
            socket = await Socket.open(self.url, self.token)
            if node in (None, socket.hello["node"]):
                return socket
            await socket.close()
        raise AssertionError(f"no session on {node}")


class Socket:
    """A session on the wire. `frames` that were read while another was awaited are kept for later."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.hello: dict[str, Any] = {}
        self._inbox_is_new = True
        self._kept: list[dict[str, Any]] = []

    @classmethod
    async def connect(cls, url: str, token: str | None = None, *, query: str = "") -> Self:
        """A connection of which nothing was read yet; `token` goes into the header."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        address = f"ws{url.removeprefix('http')}/ws{query}"
        return cls(await connect(address, additional_headers=headers, compression=None, proxy=None, max_queue=None))

    @classmethod
    async def open(cls, url: str, token: str | None) -> Self:
        socket = await cls.connect(url, token)
        if token is not None:
            socket.hello = await socket.expect("hello")
            await socket.expect("context")
        return socket

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def receive(self, timeout: float = 30) -> dict[str, Any]:
        """The next frame."""
        if self._kept:
            return self._kept.pop(0)
        async with asyncio.timeout(timeout):
            return dict(json.loads(await self.connection.recv()))

    async def expect(self, op: str, timeout: float = 30, **fields: Any) -> dict[str, Any]:
        """The next frame with this `op` and these fields; others are kept."""
        kept = []
        try:
            async with asyncio.timeout(timeout):
                while True:
                    frame = await self.receive(timeout)
                    if frame["op"] == op and all(frame.get(key) == value for key, value in fields.items()):
                        return frame
                    kept.append(frame)
        except TimeoutError:
            raise AssertionError(f"no {op} {fields} within {timeout} s, but {kept}") from None
        finally:
            self._kept = kept + self._kept

    async def subscribe(self, *channels: Any, **fields: Any) -> dict[str, Any]:
        """Subscribe and wait for the last of the answers (`subscribed`), with what comes between kept."""
        ref = secrets.token_hex(4)
        await self.send(op="subscribe", channels=list(channels), ref=ref, **fields)
        answer: dict[str, Any] = {}
        for _ in channels:
            answer = await self.expect("subscribed", ref=ref, inbox=None)
        if self._inbox_is_new and self.hello.get("kind") == "agent":
            # The inbox flows from the first of these on, and is answered last: before, a mention is not live yet.
            self._inbox_is_new = False
            flowing = await self.expect("subscribed", ref=ref, inbox=True)
            self._kept.append(flowing)
        return answer

    async def closed(self, timeout: float = 30) -> int | None:
        """Wait until the server has closed; the code. Frames that came before are kept."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    self._kept.append(dict(json.loads(await self.connection.recv())))
        except ConnectionClosed:
            return self.connection.close_code

    async def close(self) -> None:
        await self.connection.close()


@dataclass(frozen=True)
class Room:
    """A server's first channel with who is in it."""

    server: str
    channel: str
    owner: Bot
    guests: list[Bot]


class Crew:
    """The bots and sockets of one test, all closed when it is left."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._bots: list[Bot] = []
        self._sockets: list[Socket] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in self._sockets:
            await socket.close()
        for bot in self._bots:
            await bot.close()

    async def bot(self) -> Bot:
        """A registered agent."""
        bot = await Bot.register(self.url)
        self._bots.append(bot)
        return bot

    def stranger(self) -> Bot:
        """An agent with a key and a name that was not registered."""
        bot = Bot(self.url, fresh_name(), nacl.signing.SigningKey.generate())
        self._bots.append(bot)
        return bot

    async def observer(self) -> Bot:
        """A guest: `token` and `http` of somebody who may only read."""
        guest = self.stranger()
        guest.token = (await guest.http.post("/observers/guest")).raise_for_status().json()["api_token"]
        guest.http.headers["Authorization"] = f"Bearer {guest.token}"
        return guest

    async def room(self, guests: int = 1, **fields: Any) -> Room:
        """A server with these fields, its owner, `guests` further members and its first channel."""
        owner, *others = [await self.bot() for _ in range(guests + 1)]
        server = (await owner.create_server(**fields))["id"]
        for other in others:
            await other.join(server)
        return Room(server, await owner.first_channel(server), owner, others)

    async def socket(self, bot: Bot, *, node: str | None = None) -> Socket:
        """An open session of the bot."""
        socket = await bot.socket(node=node)
        self._sockets.append(socket)
        return socket

    async def raw_socket(self, token: str | None = None, *, query: str = "") -> Socket:
        """A connection of which nothing was read yet."""
        socket = await Socket.connect(self.url, token, query=query)
        self._sockets.append(socket)
        return socket
