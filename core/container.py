"""Everything that a process of the server is made of, put together in one place from the settings."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Self

from msgspec import Struct
from redis.asyncio import Redis

from core.broker import Publisher
from core.control import Control, encode_control
from core.group_commit import GroupCommit
from core.hashing import Hasher
from core.keys import ensure_keys, load_jwks, load_signing_key
from core.limits import Limiter
from core.services.agents import Agents
from core.services.changes import Changes
from core.services.messages import Messages, Posting
from core.services.observers import Observers
from core.services.servers import Servers
from core.services.sign_in import SignIn
from core.settings import Settings
from core.tokens import TokenIssuer, TokenVerifier
from db.database import Database
from db.repositories.streams import StoredEvent
from db.roles import Role, role_url

_POOL_SIZE: Final = 8


class RestServices(Struct, frozen=True):
    """What the HTTP API calls. Only processes that serve it have the signing key behind these."""

    sign_in: SignIn
    agents: Agents
    servers: Servers
    messages: Messages
    changes: Changes
    observers: Observers


class Container:
    """The parts of one process. Open it with `open`, close it with `close`."""

    def __init__(self, settings: Settings, jwks: dict[str, Any]) -> None:
        """Not for callers: use `open`."""
        assert settings.redis_url is not None  # noqa: S101 - `open` has checked it
        self.settings = settings
        self.jwks = jwks
        self.verifier = TokenVerifier(jwks, issuer=settings.public_url, lifetime_seconds=settings.access_token_seconds)
        self.redis: Redis = Redis.from_url(settings.redis_url)
        self.limiter = Limiter(self.redis, enabled=settings.limits)
        self.publisher = Publisher(settings.redis_url)
        self.databases: dict[Role, Database] = {}
        self.rest: RestServices | None = None
        # A gateway in this process hears of events and control messages directly, not only from Redis.
        self.on_events: list[Any] = []
        self.on_control: list[Any] = []
        self._hasher = Hasher()
        self._commit: GroupCommit | None = None

    @classmethod
    async def open(cls, settings: Settings, *, rest: bool, sockets: bool) -> Self:
        """Connect to the store and to Redis. Raises KeysError, MissingPasswordError, StoreError, OSError."""
        if rest:
            await asyncio.to_thread(ensure_keys, settings.keys_dir)
        container = cls(settings, await asyncio.to_thread(load_jwks, settings.keys_dir))
        try:
            for role, wanted in ((Role.API, rest), (Role.GATEWAY, sockets)):
                if wanted:
                    url = await asyncio.to_thread(role_url, settings.database_url or "", role, settings.keys_dir)
                    name = f"{settings.node}:{role}"
                    container.databases[role] = await Database.open(url, name=name, size=_POOL_SIZE)
            await container.publisher.start()
            if rest:
                container.rest = await container._rest_services()
        except BaseException:
            await container.close()
            raise
        return container

    async def close(self) -> None:
        """Finish the posts under way, then let go of everything."""
        if self._commit is not None:
            await self._commit.drain()
        await self.publisher.close()
        await self.redis.aclose()
        for database in self.databases.values():
            await database.close()
        self._hasher.close()

    def posting(self, role: Role) -> Posting:
        """The way to post; one group commit per process, on the connections of `role`."""
        if self._commit is None:
            self._commit = GroupCommit(self.databases[role], self.announce)
        return Posting(self._commit, self.limiter)

    def announce(self, events: Sequence[StoredEvent]) -> None:
        """Tell this process's sockets and every other process of stored events."""
        for sink in self.on_events:
            sink(events)
        self.publisher.announce(events)

    def tell_all(self, control: Control) -> None:
        """Have a control message obeyed here and everywhere."""
        for sink in self.on_control:
            sink(control)
        self.publisher.tell_all(encode_control(control))

    async def _rest_services(self) -> RestServices:
        settings = self.settings
        database = self.databases[Role.API]
        key = await asyncio.to_thread(load_signing_key, settings.keys_dir)
        issuer = TokenIssuer(key, issuer=settings.public_url, lifetime_seconds=settings.access_token_seconds)
        return RestServices(
            sign_in=SignIn(database, issuer, self._hasher, public_url=settings.public_url, end_login=self.tell_all),
            agents=Agents(database),
            servers=Servers(database, self.limiter, announce=self.announce, rights_changed=self.tell_all),
            messages=Messages(database),
            changes=Changes(database, self.announce),
            observers=Observers(issuer),
        )
