"""The wake-ups of one worker process, put together."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Self
from uuid import UUID

from core.broker import Subscriber
from core.keys import ensure_worker_keys, load_opening_key, load_webhook_key
from core.redis_client import RedisClient
from core.sealing import Opener
from core.settings import Settings
from core.wakes.caller import Caller
from core.wakes.planner import Planner
from core.wakes.recorder import Recorder
from core.wakes.sender import WebhookSender, tls_context
from core.wakes.signal import WAKES
from core.wakes.signing import WebhookSigner
from core.webhook_address import WebhookAddresses
from db.database import Database
from db.repositories.streams import StoredEvent

# Looking up a name that nobody answers for takes a thread for a while.
_RESOLVING: Final = 32


class Waker:
    """Hears, plans and calls. Open it with `open`; it ends with `run`."""

    def __init__(self, planner: Planner, caller: Caller, subscriber: Subscriber, addresses: WebhookAddresses) -> None:
        """Not for callers: use `open`."""
        self._planner = planner
        self._caller = caller
        self._subscriber = subscriber
        self._addresses = addresses

    @classmethod
    async def open(
        cls,
        settings: Settings,
        database: Database,
        redis: RedisClient,
        *,
        announce: Callable[[Sequence[StoredEvent]], None],
        living_gateways: Callable[[], Iterable[UUID] | None],
    ) -> Self:
        """`database` logs in as the worker's role; `living_gateways` gives None while that is not known.

        Raises KeysError where the keys of a worker are not there, OSError where Redis is not.
        """
        await asyncio.to_thread(ensure_worker_keys, settings.keys_dir)
        signer = WebhookSigner(await asyncio.to_thread(load_webhook_key, settings.keys_dir))
        opener = Opener(await asyncio.to_thread(load_opening_key, settings.keys_dir))
        addresses = WebhookAddresses(settings.webhook_allow_networks, threads=_RESOLVING)
        timeout_s = settings.webhook_timeout_seconds
        sender = WebhookSender(addresses, await asyncio.to_thread(tls_context), timeout_s=timeout_s)
        recorder = Recorder(database, announce)
        caller = Caller(database, sender, signer, opener, recorder, timeout_s=timeout_s, capped=settings.limits)
        planner = Planner(database, redis, living_gateways, grace_s=settings.wake_grace_seconds, planned=caller.look)
        subscriber = Subscriber(
            settings.redis_url or "", on_event=planner.hear, on_control=_ignore, on_restored=_sweeping_suffices
        )
        await subscriber.start()
        await subscriber.follow(WAKES)
        return cls(planner, caller, subscriber, addresses)

    async def run(self) -> None:
        """Work until cancelled, then wait a little for the calls under way."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._planner.run())
                group.create_task(self._caller.run())
        finally:
            await self._subscriber.close()
            self._addresses.close()


def _ignore(_control: bytes) -> None:
    """Log-ins and rights are nothing to a worker."""


def _sweeping_suffices() -> None:
    """What was announced while Redis was away is found by the next sweep."""
