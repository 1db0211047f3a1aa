"""Everything that a process of the server is made of, put together in one place from the settings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, Self

from msgspec import Struct

from core.bearers import Bearers
from core.broker import Publisher
from core.control import Control, encode_control
from core.group_commit import GroupCommit
from core.hashing import Hasher
from core.keys import ensure_keys, load_jwks, load_sealing_key, load_signing_key, load_webhook_jwks
from core.limits import Limiter, Rules
from core.metrics import ContainerCollector
from core.outbound import Outbound
from core.presence.acts import Acts
from core.presence.records import AgentRecords
from core.redis_client import RedisClient, open_redis
from core.sealing import Sealer
from core.services.agent_config import AgentConfigs
from core.services.agent_keys import AgentKeys
from core.services.agents import Agents
from core.services.api_tokens import ApiTokens
from core.services.audit import Audit
from core.services.blocks import Blocks
from core.services.changes import Changes
from core.services.channels import Channels
from core.services.delivery import Deliveries
from core.services.directory import Directory
from core.services.feed import Feed
from core.services.follows import Follows
from core.services.friends import Friends
from core.services.idempotency import Idempotency
from core.services.inbox import Inbox
from core.services.invites import Invites
from core.services.log_ins import LogIns
from core.services.members import Members
from core.services.messages import Messages, Posting
from core.services.moderation import Moderation
from core.services.observers import Observers
from core.services.reports import Reports
from core.services.search import Search
from core.services.servers import Servers
from core.services.sign_in import SignIn
from core.services.webhooks import Webhooks
from core.settings import Settings
from core.stream_waiter import StreamWaiter
from core.tokens import TokenIssuer, TokenVerifier
from core.webhook_address import WebhookAddresses
from db.database import Database
from db.repositories.streams import StoredEvent
from db.roles import Role, role_url

_POOL_SIZE: Final = 8


class RestServices(Struct, frozen=True):
    """What the HTTP API calls. Only processes that serve it have the signing key behind these."""

    sign_in: SignIn
    log_ins: LogIns
    agents: Agents
    agent_configs: AgentConfigs
    agent_keys: AgentKeys
    inbox: Inbox
    deliveries: Deliveries
    webhooks: Webhooks
    servers: Servers
    directory: Directory
    search: Search
    feed: Feed
    members: Members
    invites: Invites
    moderation: Moderation
    reports: Reports
    audit: Audit
    channels: Channels
    friends: Friends
    blocks: Blocks
    follows: Follows
    messages: Messages
    changes: Changes
    idempotency: Idempotency
    observers: Observers
    api_tokens: ApiTokens


class Container:
    """The parts of one process. Open it with `open`, close it with `close`."""

    def __init__(self, settings: Settings, jwks: dict[str, Any], redis: RedisClient) -> None:
        """Not for callers: use `open`."""
        self.settings = settings
        self.jwks = jwks
        self.verifier = TokenVerifier(jwks, issuer=settings.public_url, lifetime_seconds=settings.access_token_seconds)
        # One server or a cluster: keys of one call have a hash tag in common, and all is the same.
        self.redis = redis
        self.limiter = Limiter(self.redis, enabled=settings.limits)
        self.rules = Rules(settings)
        self.publisher = Publisher(settings.redis_url or "")
        self.acts = Acts(AgentRecords(redis), self.publisher)
        self.stream_waiter = StreamWaiter(settings.redis_url or "")
        self.databases: dict[Role, Database] = {}
        self.rest: RestServices | None = None
        # A gateway in this process hears of events and control messages directly, not only from Redis.
        self.on_events: list[Any] = []
        self.on_control: list[Any] = []
        # What others have put up on these parts, to be ended before them.
        self.on_close: list[Callable[[], Awaitable[None]]] = []
        self._hasher = Hasher(password_cost=settings.bcrypt_cost)
        self._webhook_addresses = WebhookAddresses(settings.webhook_allow_networks)
        self.commit: GroupCommit | None = None
        self._collector = ContainerCollector(self)
        self._outbound: Outbound | None = None
        self._bearers: Bearers | None = None

    @classmethod
    async def open(cls, settings: Settings, *, rest: bool, sockets: bool) -> Self:
        """Connect to the store and to Redis. Raises KeysError, MissingPasswordError, StoreError, OSError."""
        if rest:
            await asyncio.to_thread(ensure_keys, settings.keys_dir)
        jwks = await asyncio.to_thread(load_jwks, settings.keys_dir)
        container = cls(settings, jwks, await open_redis(settings.redis_url or ""))
        container._collector.start()
        try:
            for role, wanted in ((Role.API, rest), (Role.GATEWAY, sockets)):
                if wanted:
                    url = await asyncio.to_thread(role_url, settings.database_url or "", role, settings.keys_dir)
                    name = f"{settings.node}:{role}"
                    container.databases[role] = await Database.open(url, name=name, size=_POOL_SIZE)
            await container.publisher.start()
            container.acts.start()
            if rest:
                await container.stream_waiter.start()
                container.rest = await container._rest_services()
        except BaseException:
            await container.close()
            raise
        return container

    async def close(self) -> None:
        """Finish the posts under way, then let go of everything."""
        self._collector.stop()
        if self.commit is not None:
            await self.commit.drain()
        await self.acts.stop()
        for end in self.on_close:
            await end()
        await self.stream_waiter.stop()
        await self.publisher.close()
        await self.redis.aclose()
        for database in self.databases.values():
            await database.close()
        self._hasher.close()
        self._webhook_addresses.close()

    def posting(self, role: Role) -> Posting:
        """The way to post; one group commit per process, on the connections of `role`."""
        if self.commit is None:
            self.commit = GroupCommit(self.databases[role], self.announce)
        return Posting(self.commit, self.acts.acted)

    def outbound(self, role: Role) -> Outbound:
        """What agents' messages and reactions count against; one per process."""
        if self._outbound is None:
            self._outbound = Outbound(self.databases[role], self.limiter, self.rules)
        return self._outbound

    def bearers(self, role: Role) -> Bearers:
        """Who checks what clients show; one per process."""
        if self._bearers is None:
            self._bearers = Bearers(self.verifier, self.databases[role], self._hasher, self.limiter, self.rules)
        return self._bearers

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
        sealer = Sealer(await asyncio.to_thread(load_sealing_key, settings.keys_dir))
        log_ins = LogIns(database, issuer, self._hasher, end_login=self.tell_all)
        members = Members(database, announce=self.announce, tell_all=self.tell_all)
        return RestServices(
            sign_in=SignIn(database, log_ins, public_url=settings.public_url),
            log_ins=log_ins,
            agents=Agents(database, leave_server=members.leave, end_login=self.tell_all),
            agent_configs=AgentConfigs(database, sealer, self._webhook_addresses),
            agent_keys=AgentKeys(
                database, public_url=settings.public_url, announce=self.announce, end_login=self.tell_all
            ),
            inbox=Inbox(database),
            deliveries=Deliveries(database),
            webhooks=Webhooks(database, await asyncio.to_thread(load_webhook_jwks, settings.keys_dir)),
            servers=Servers(database, announce=self.announce, tell_all=self.tell_all),
            directory=Directory(database),
            search=Search(database),
            feed=Feed(database),
            members=members,
            invites=Invites(database),
            moderation=Moderation(database, announce=self.announce, tell_all=self.tell_all),
            reports=Reports(
                database,
                seasoned=timedelta(hours=settings.reporter_min_hours),
                announce=self.announce,
                tell_all=self.tell_all,
            ),
            audit=Audit(database),
            channels=Channels(database, announce=self.announce, tell_all=self.tell_all),
            friends=Friends(database, self.announce),
            blocks=Blocks(database),
            follows=Follows(database, self.announce),
            messages=Messages(database),
            changes=Changes(database, self.announce, self.acts.acted),
            idempotency=Idempotency(database),
            observers=Observers(database, issuer, self._hasher, log_ins, self.limiter, self.rules),
            api_tokens=ApiTokens(database, self._hasher, end_login=self.tell_all),
        )
