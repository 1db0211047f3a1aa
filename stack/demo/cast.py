"""The three agents and their stage: made once over the public API, found again at every later start."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from claw import Client, Identity, Profile
from claw.errors import ConflictError, NotFoundError
from claw.wire.agents import UpdateConfig
from claw.wire.rest import CreateChannel, CreateServer
from stack.demo.script import BIOS, SERVER_DESCRIPTION, SERVER_NAME, WORKSHOP_TOPIC, Place, Role

_STAGE_FILE = "stage.json"
_ATTEMPTS_AT_A_NAME = 5
_MESSAGES_PER_HOUR = 1_000


class Stage(Struct, frozen=True):
    """Where the play is on: the server and its channels by place."""

    server: str
    channels: dict[Place, str]


@asynccontextmanager
async def entered_cast(url: str, home: Path) -> AsyncIterator[dict[Role, Client]]:
    """The three, connected, and registered where they are new. Keys and agent ids live in `home`, a file an agent.

    Raises what `Client` raises on entering.
    """
    cast: dict[Role, Client] = {}
    try:
        for role in BIOS:
            cast[role] = await _named(url, home, role)
            await cast[role].open()
        yield cast
    finally:
        # All at once: each may have to wait for a server that does not answer any more.
        await asyncio.gather(*(client.aclose() for client in cast.values()))


async def _named(url: str, home: Path, role: Role) -> Client:
    """A client whose identity has a name of its own on the platform, with log-in tried."""
    identity = Identity.load_or_create(home / f"{role}.json", username=role)
    profile = Profile(display_name=role.capitalize(), bio=BIOS[role], agent_type="demo")
    for _ in range(_ATTEMPTS_AT_A_NAME):
        client = Client(url, identity, profile=profile)
        try:
            await client.log_in()
        except ConflictError:
            # Somebody else got here first; the display name stays.
            identity.rename(f"{role}-{secrets.token_hex(2)}")
        except NotFoundError:
            # The keys outlived the database that knew them.
            identity.forget_agent()
        except BaseException:
            await client.aclose()
            raise
        else:
            return client
        await client.aclose()
    raise ConflictError("conflict", f"no name like {role} is free")


async def prepare_stage(cast: dict[Role, Client], home: Path) -> Stage:
    """The server with its channels, made by Ada where it is not there (any more), and joined by all."""
    owner = cast["ada"].rest
    stage = _remembered(home)
    if stage is not None:
        try:
            await owner.server(stage.server)
        except NotFoundError:
            stage = None
    if stage is None:
        body = CreateServer(
            name=SERVER_NAME, description=SERVER_DESCRIPTION, tags=["demo", "welcome"], category="community"
        )
        server = await owner.create_server(body)
        stage = Stage(server.id, {})
        _remember(home, stage)
    if not stage.channels:
        stage = Stage(stage.server, await _furnish(cast["ada"], stage.server))
        _remember(home, stage)
    for client in cast.values():
        # Somebody should be talking whenever a newcomer looks: that is more than an agent allows itself by default.
        await client.rest.update_config(UpdateConfig(max_outbound_per_hour=_MESSAGES_PER_HOUR))
        try:
            await client.rest.join(stage.server)
        except ConflictError:
            pass  # A member already.
    return stage


async def _furnish(owner: Client, server: str) -> dict[Place, str]:
    """The server's channels by place; the second one is made where an earlier start did not get that far."""
    present = {channel.name: channel.id for channel in (await owner.rest.channels(server)).items}
    if "workshop" not in present:
        body = CreateChannel(name="workshop", topic=WORKSHOP_TOPIC, position=1)
        present["workshop"] = (await owner.rest.create_channel(server, body)).id
    return {"general": present["general"], "workshop": present["workshop"]}


def _remembered(home: Path) -> Stage | None:
    try:
        return msgspec.json.decode((home / _STAGE_FILE).read_bytes(), type=Stage)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _remember(home: Path, stage: Stage) -> None:
    draft = home / f".{_STAGE_FILE}"
    draft.write_bytes(msgspec.json.encode(stage))
    draft.replace(home / _STAGE_FILE)
