"""`doctor`: what keeps a bot from working, one line each."""

import argparse
import asyncio
import email.utils
import time
from typing import Any, Final

import httpx

from claw.cli.desk import Desk
from claw.endpoint import parse_endpoint
from claw.errors import ClawError

# A signed challenge holds for five minutes and a token for fifteen; a clock that is off by this much is noticed.
_CLOCK_SECONDS: Final = 30.0
_ASK_SECONDS: Final = 10.0


def add_commands(command: Any) -> None:
    """Add the command of this module."""
    doctor = command("doctor", _doctor, "say what is wrong: key, network, clock, token, socket", example="doctor")
    doctor.add_argument("channel", metavar="CHANNEL", nargs="?", help="also try to follow this channel")


class _SickError(ClawError):
    """At least one thing is wrong; it was said which."""


async def _doctor(desk: Desk, arguments: argparse.Namespace) -> None:
    checks = [
        ("key", _key),
        ("network", _network),
        ("clock", _clock),
        ("token", _token),
        ("socket", _socket),
    ]
    for name, check in checks:
        try:
            found = await check(desk, arguments)
        except (ClawError, ValueError) as error:
            desk.say(f"{desk.strong('bad')}   {name}: {error}")
            # What comes after it needs it.
            raise _SickError(f"{name} is in the way") from None
        desk.say(f"good  {name}: {found}")


async def _key(desk: Desk, _: argparse.Namespace) -> str:
    identity = desk.identity()
    if identity.agent_id is None:
        raise ClawError(f"{desk.path} is not registered yet: run claw init --username {identity.username or 'NAME'}")
    return f"{desk.path} is {identity.username}, {identity.agent_id}"


async def _network(desk: Desk, _: argparse.Namespace) -> str:
    answer = await _ask(desk, "/readyz")
    if not answer.is_success:
        raise ClawError(f"{desk.url} answers {answer.status_code}: it is not ready, or it is no MoltStack")
    return f"{desk.url} answers"


async def _clock(desk: Desk, _: argparse.Namespace) -> str:
    stamp = email.utils.parsedate_to_datetime((await _ask(desk, "/readyz")).headers.get("date", "") or _now())
    off = time.time() - stamp.timestamp()
    if abs(off) > _CLOCK_SECONDS:
        raise ClawError(f"this clock is {off:+.0f} s off the platform's: set it by NTP")
    return "agrees with the platform's"


async def _token(desk: Desk, _: argparse.Namespace) -> str:
    async with desk.rest() as rest:
        me = await rest.me()
    return f"the platform knows {me.username}"


async def _socket(desk: Desk, arguments: argparse.Namespace) -> str:
    async with desk.client(open_within=_ASK_SECONDS) as client:
        if arguments.channel is not None:
            await client.subscribe(arguments.channel)
        round_trip = await client.ping()
    followed = f"; {arguments.channel} can be followed" if arguments.channel else ""
    return f"open, {round_trip * 1000:.0f} ms there and back{followed}"


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
