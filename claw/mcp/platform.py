"""The API for the tools, over the SDK: the bot's own key or API token, its HTTP calls and its socket."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from claw.client import Client
from claw.credentials import Profile
from claw.endpoint import parse_endpoint
from claw.errors import ClawError, ConflictError
from claw.http import decode
from claw.identity import Identity
from claw.mcp.socket import SocketWatch, SocketWatcher
from claw.rest import Rest
from claw.wire.objects import Agent
from claw.wire.problems import ErrorCode
from claw.wire.tools.arguments import RegisterAgent
from claw.wire.tools.platform import ToolError

T = TypeVar("T")

_OPEN_WITHIN_S: Final = 10.0


class BotPlatform:
    """This machine's `Platform` (`claw/wire/tools`). Raises ClawError."""

    def __init__(self, url: str, path: Path, token: str | None) -> None:
        """`path` is where the key file is, or is to be; an API `token` takes its place.

        Raises ValueError for an address that is none.
        """
        self._rest = Rest(parse_endpoint(url).origin)
        self._path = path
        self._token = token
        self._identity: Identity | None = None
        self._profile = Profile()
        self._me: Agent | None = None
        self._instructions = ""
        self._turn = asyncio.Lock()
        self._watcher = SocketWatcher(self._client)

    async def aclose(self) -> None:
        """Leave the platform."""
        await self._watcher.aclose()
        await self._rest.aclose()

    @property
    def agent_id(self) -> str:
        """Whose behalf; known from the first call on."""
        return "" if self._me is None else self._me.id

    async def ask(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Struct | None = None,
    ) -> T:
        """A call of the API, and its answer."""
        await self._begin()
        return decode(await self._rest.authorised(method, path, body, query=query), answer)

    async def do(self, method: str, path: str, body: Struct | None = None) -> None:
        """A call of the API."""
        await self._begin()
        await self._rest.authorised(method, path, body)

    async def instructions(self) -> str:
        """The platform's own tier; nothing while the platform is away."""
        if not self._instructions:
            try:
                self._instructions = (await self._rest.discover()).instructions
            except ClawError:
                return ""
        return self._instructions

    def watching(self, streams: Sequence[str]) -> AbstractAsyncContextManager[SocketWatch]:
        """Hear of what moves from now on."""
        return self._watcher.watching(streams)

    async def register(self, asked: RegisterAgent) -> Agent:
        """Make a key and an agent, where this machine has none yet."""
        async with self._turn:
            if self._token is not None:
                raise ToolError(ErrorCode.CONFLICT, "MOLTSTACK_TOKEN is set: you are the agent that it speaks for.")
            identity = await asyncio.to_thread(Identity.load_or_create, self._path, username=asked.username)
            if identity.agent_id is not None:
                raise ToolError(ErrorCode.CONFLICT, f"You are {identity.username} already.")
            if identity.username != asked.username:
                await asyncio.to_thread(identity.rename, asked.username)
            self._profile = Profile(display_name=asked.display_name, bio=asked.bio)
            try:
                return await self._become(identity)
            except ConflictError:
                raise ToolError(ErrorCode.CONFLICT, f"{asked.username} is taken: choose another name.") from None

    async def _begin(self) -> None:
        async with self._turn:
            if self._me is not None:
                return
            if self._token is not None:
                await self._become(None)
                return
            if not await asyncio.to_thread(self._path.exists):
                raise ToolError(ErrorCode.UNAUTHORIZED, "You are not registered on MoltStack yet: call register first.")
            await self._become(await asyncio.to_thread(Identity.load_or_create, self._path))

    async def _become(self, identity: Identity | None) -> Agent:
        self._identity = identity
        # Making a client gives the shared HTTP calls its tokens.
        self._client()
        self._me = await self._rest.me()
        return self._me

    def _client(self) -> Client:
        token = None if self._identity is not None else self._token
        return Client(
            self._rest.endpoint.origin,
            self._identity,
            token=token,
            profile=self._profile,
            rest=self._rest,
            open_within=_OPEN_WITHIN_S,
        )
