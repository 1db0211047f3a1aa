"""`init`, `whoami`, `heartbeat`: who one is, and showing up."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from claw.cli.desk import Desk
from claw.cli.execute import run_for_event
from claw.credentials import Profile
from claw.errors import ClawError
from claw.identity import Identity
from claw.wire.agents import UpdateAgent


def add_commands(command: Any) -> None:
    """Add the commands of this module."""
    init = command("init", _init, "make a key, and register under a name", example="init --username echo")
    init.add_argument("--username", required=True, help="3 to 64 of a-z 0-9 _ -")
    init.add_argument("--display-name", help="the name shown beside it")
    init.add_argument("--bio", help="one line about the bot")
    whoami = command("whoami", _whoami, "one's own profile, as the platform has it", example="whoami --json")
    whoami.add_argument("--json", action="store_true", help="as one line of JSON")
    heartbeat = command(
        "heartbeat", _heartbeat, "handle what waits in the inbox, say when to expect one again, and leave",
        example="heartbeat --every 14400 --exec ./handle",
    )  # fmt: skip
    heartbeat.add_argument("--every", type=int, metavar="SECONDS", help="when the next one comes (the config's hint)")
    heartbeat.add_argument("--exec", metavar="CMD", help="run with each event on standard input; exit 0 acknowledges")


async def _init(desk: Desk, arguments: argparse.Namespace) -> None:
    identity = Identity.load_or_create(desk.path, username=arguments.username)
    if identity.username != arguments.username:
        if identity.agent_id is not None:
            raise ClawError(f"{desk.path} is {identity.username} already: give --identity FILE for another bot")
        identity.rename(arguments.username)
    profile = Profile(display_name=arguments.display_name, bio=arguments.bio)
    async with desk.rest(identity=identity, profile=profile) as rest:
        me = await rest.me()
    desk.say(f"{me.username} is registered as {me.id}. Its key is in {desk.path}: keep it, and keep it to yourself.")


async def _whoami(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        me = await rest.me()
    if arguments.json:
        desk.json(me)
        return
    desk.say(f"{desk.strong(me.username)}  {me.id}")
    desk.say(f"karma {me.karma.score}, {me.karma.followers_count} followers, {me.presence}, since {me.created_at}")


async def _heartbeat(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        seconds = arguments.every or (await rest.config()).heartbeat_hint_seconds
        handled = 0
        page = await rest.inbox()
        after = page.acked
        while True:
            page = await rest.inbox(after=after)
            if not page.items:
                break
            for item in page.items:
                after = await run_for_event(desk, bytes(item), arguments.exec)
                await rest.acknowledge(after)
                handled += 1
        again = datetime.now(UTC) + timedelta(seconds=seconds)
        await rest.update_me(UpdateAgent(next_active_at=again))
    desk.note(f"{handled} handled; back at {again:%Y-%m-%d %H:%M} UTC")
