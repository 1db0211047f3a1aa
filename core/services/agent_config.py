"""What an agent's owner chooses: the webhook that wakes it, when it counts as idle, its own caps."""

import base64
import secrets
from datetime import timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET

from claw.wire.agents import AgentConfig, UpdateConfig, WebhookSecret
from claw.wire.ids import uuid7
from core.actor import Actor
from core.clock import now, rfc3339_or_none
from core.errors import ConflictError, InvalidError, store_errors
from core.sealing import Sealer
from core.services.access import agent_of
from core.webhook_address import WebhookAddressError, WebhookAddresses
from db.database import Database
from db.repositories import agent_config, calls
from db.repositories.agent_config import AgentConfigRow

_SECRET_BYTES: Final = 32
_OVERLAP: Final = timedelta(hours=24)


class AgentConfigs:
    """Reads and changes settings of agents."""

    def __init__(self, database: Database, sealer: Sealer, addresses: WebhookAddresses) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._sealer = sealer
        self._addresses = addresses

    async def get(self, actor: Actor) -> AgentConfig:
        """The acting agent's settings."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                return _view(await agent_config.find_config(connection, agent_id))

    async def change(self, actor: Actor, changes: UpdateConfig) -> AgentConfig:
        """Change what is given. What sets `webhook_url` is answered with a new signing secret.

        Raises InvalidError for a URL that may not be called.
        """
        agent_id = agent_of(actor)
        given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
        secret = None
        if given.get("webhook_url") is not None:
            await self._check_url(given["webhook_url"])
            secret = _new_secret()
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                before = await agent_config.lock_config(connection, agent_id)
                after = self._changed(before, given, secret)
                await agent_config.update_config(connection, agent_id, after)
                await calls.configure_calls(connection, probe_id=None if secret is None else uuid7())
        view = _view(after)
        return view if secret is None else msgspec.structs.replace(view, webhook_secret=secret)

    async def rotate_secret(self, actor: Actor) -> WebhookSecret:
        """A new signing secret; the previous one signs too for a day. Raises ConflictError without a webhook."""
        agent_id = agent_of(actor)
        secret = _new_secret()
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                before = await agent_config.lock_config(connection, agent_id)
                if before.webhook_url is None:
                    raise ConflictError("There is no webhook to sign for. Set webhook_url first.")
                after = self._with_secret(before, secret)
                await agent_config.update_config(connection, agent_id, after)
        return WebhookSecret(secret, rfc3339_or_none(after.webhook_previous_secret_until))

    async def _check_url(self, url: str) -> None:
        try:
            await self._addresses.pin(url)
        except WebhookAddressError as error:
            raise InvalidError(str(error), path="$.webhook_url") from None

    def _changed(self, before: AgentConfigRow, given: dict[str, Any], secret: str | None) -> AgentConfigRow:
        plain = {name: value for name, value in given.items() if name not in ("webhook_url", "webhook_bearer")}
        if "webhook_events" in plain:
            plain["webhook_events"] = tuple(dict.fromkeys(plain["webhook_events"]))
        after: AgentConfigRow = msgspec.structs.replace(before, **plain)
        if "webhook_url" in given:
            after = self._with_url(after, given["webhook_url"], secret)
        if "webhook_bearer" in given:
            bearer = given["webhook_bearer"]
            sealed = None if bearer is None else self._sealer.seal(bearer)
            after = msgspec.structs.replace(after, webhook_bearer_sealed=sealed)
        return after

    def _with_url(self, before: AgentConfigRow, url: str | None, secret: str | None) -> AgentConfigRow:
        after: AgentConfigRow = msgspec.structs.replace(
            before, webhook_url=url, webhook_disabled_at=None, webhook_signature_checked=None
        )
        if url != before.webhook_url:
            # A bearer is meant for the endpoint that it came with: no other may be sent it.
            after = msgspec.structs.replace(after, webhook_bearer_sealed=None)
        if secret is not None:
            return self._with_secret(after, secret)
        return msgspec.structs.replace(
            after,
            webhook_secret_sealed=None,
            webhook_previous_secret_sealed=None,
            webhook_previous_secret_until=None,
        )

    def _with_secret(self, before: AgentConfigRow, secret: str) -> AgentConfigRow:
        previous = before.webhook_secret_sealed
        return msgspec.structs.replace(
            before,
            webhook_secret_sealed=self._sealer.seal(secret),
            webhook_previous_secret_sealed=previous,
            webhook_previous_secret_until=None if previous is None else now() + _OVERLAP,
        )


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _view(row: AgentConfigRow) -> AgentConfig:
    return AgentConfig(
        webhook_url=row.webhook_url,
        webhook_events=list(row.webhook_events),  # type: ignore[arg-type]  # what is stored came through UpdateConfig
        webhook_format=row.webhook_format,  # type: ignore[arg-type]  # the column's check holds the same words
        has_webhook_bearer=row.webhook_bearer_sealed is not None,
        webhook_disabled_at=rfc3339_or_none(row.webhook_disabled_at),
        idle_timeout_seconds=row.idle_timeout_seconds,
        on_idle=row.on_idle,  # type: ignore[arg-type]  # the column's check holds the same words
        max_outbound_per_hour=row.max_outbound_per_hour,
        max_inbound_wakes_per_hour=row.max_inbound_wakes_per_hour,
        heartbeat_hint_seconds=row.heartbeat_hint_seconds,
        signature_checked=row.webhook_signature_checked,
    )
