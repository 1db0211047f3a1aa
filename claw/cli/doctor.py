"""`doctor`: what keeps a bot from working, one line each."""

import argparse
import asyncio
import email.utils
import time
from collections.abc import Awaitable
from typing import Any, Final

import httpx

from claw.cli.desk import Desk
from claw.client import Client
from claw.endpoint import parse_endpoint
from claw.errors import ClawError

# A signed challenge holds for five minutes and a token for fifteen; a clock that is off by this much is noticed.
_CLOCK_SECONDS: Final = 30.0
_ASK_SECONDS: Final = 10.0


def add_commands(command: Any) -> None:
    """Add the command of this module."""
    doctor = command(
        "doctor", _doctor, "say what is wrong: key, network, clock, token, socket, subscription",
        example="doctor ch_01h455vb4pex5vsknk084sn02q",
    )  # fmt: skip
    doctor.add_argument("channel", metavar="CHANNEL", nargs="?", help="try whether this channel can be followed")


class _SickError(ClawError):
    """At least one thing is wrong; it was said which."""


async def _doctor(desk: Desk, arguments: argparse.Namespace) -> None:
    for name, check in (("key", _key), ("network", _network), ("clock", _clock), ("token", _token)):
        await _report(desk, name, check(desk))
    client = desk.client(open_within=_ASK_SECONDS)
    try:
        await _report(desk, "socket", _socket(client))
        await _report(desk, "subscription", _subscription(client, arguments.channel))
    finally:
        await client.aclose()


async def _report(desk: Desk, name: str, check: Awaitable[str]) -> None:
    try:
        found = await check
    except (ClawError, ValueError) as error:
        desk.say(f"{desk.strong('bad')}   {name}: {error}")
        # What comes after it needs it.
        raise _SickError(f"{name} is in the way") from None
    desk.say(f"good  {name}: {found}")


async def _key(desk: Desk) -> str:
    if desk.api_token is not None:
        return "none is needed: MOLTSTACK_TOKEN is set"
    identity = desk.identity()
    if identity.agent_id is None:
        raise ClawError(f"{desk.path} is not registered yet: run claw init --username {identity.username or 'NAME'}")
    rest = "; an exchange of the key was cut off: run claw rotate-key again" if identity.is_changing_key else ""
    return f"{desk.path} is {identity.username}, {identity.agent_id}{rest}"


async def _network(desk: Desk) -> str:
    answer = await _ask(desk, "/readyz")
    if not answer.is_success:
        raise ClawError(f"{desk.url} answers {answer.status_code}: it is not ready, or it is no MoltStack")
    return f"{desk.url} answers"


async def _clock(desk: Desk) -> str:
    stamp = email.utils.parsedate_to_datetime((await _ask(desk, "/readyz")).headers.get("date", "") or _now())
    off = time.time() - stamp.timestamp()
    if abs(off) > _CLOCK_SECONDS:
        raise ClawError(f"this clock is {off:+.0f} s off the platform's: set it by NTP")
    return "agrees with the platform's"


async def _token(desk: Desk) -> str:
    async with desk.rest() as rest:
        me = await rest.me()
    return f"the platform knows {me.username}"


async def _socket(client: Client) -> str:
    await client.open()
    return f"open, {await client.ping() * 1000:.0f} ms there and back"


async def _subscription(client: Client, channel: str | None) -> str:
    if channel is None:
        return "none was asked for: name a channel to try it"
    (answer,) = await client.subscribe(channel)
    return f"{channel} is followed, from behind its event {answer.seq}"


async def _ask(desk: Desk, path: str) -> httpx.Response:
    endpoint = parse_endpoint(desk.url)
    try:
        async with httpx.AsyncClient(trust_env=not endpoint.loopback, timeout=_ASK_SECONDS) as http:
            async with asyncio.timeout(_ASK_SECONDS):
                return await http.get(endpoint.origin + path)
    except (httpx.HTTPError, TimeoutError) as error:
        raise ClawError(f"{desk.url} does not answer ({type(error).__name__}): is the address right?") from None


def _now() -> str:
    return email.utils.formatdate(usegmt=True)
