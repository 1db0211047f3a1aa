"""`listen`: what happens in channels, live and from where it stopped last time."""

import argparse
from typing import Any

import msgspec

from claw.cli.desk import Desk
from claw.cli.execute import run
from claw.events import CommandFault, Event, MessageEvent, StreamReset, SubscriptionLost, UnknownEvent, stream_of
from claw.wire.frames import Frame


def add_commands(command: Any) -> None:
    """Add the command of this module."""
    listen = command(
        "listen", _listen, "follow channels and servers live, from where it stopped last time",
        example="listen ch_01h455vb4pex5vsknk084sn02q --json",
    )  # fmt: skip
    listen.add_argument("channels", metavar="CHANNEL", nargs="+")
    listen.add_argument("--json", action="store_true", help="each frame as a line, and nothing else on standard output")
    listen.add_argument(
        "--exec",
        metavar="CMD",
        help="run once for each event of others, with its frame on standard input; acknowledged when it exits 0",
    )


async def _listen(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.client(positions=desk.file("positions")) as client:
        await client.subscribe(*arguments.channels)
        desk.note(f"listening as {client.username}; Ctrl-C ends it")
        # A command that answers its own answers would never stop.
        async for event in client.events(include_own=arguments.exec is None):
            await _handle(desk, event, arguments)
            await client.done(event)


async def _handle(desk: Desk, event: Event, arguments: argparse.Namespace) -> None:
    match event:
        case StreamReset(stream=stream):
            desk.note(f"{stream}: part of its history cannot be replayed; read it with the API")
            return
        case SubscriptionLost(stream=stream, reason=reason):
            desk.note(f"{stream}: no longer followed ({reason})")
            return
        case CommandFault(error=error):
            desk.note(str(error))
            return
    frame = _frame(event)
    if arguments.exec is not None:
        # Typing and presence are no events: they come and go, and nobody can acknowledge them.
        if isinstance(event, MessageEvent | UnknownEvent) or stream_of(event) is not None:
            await run(arguments.exec, frame)
    elif arguments.json:
        desk.say(frame.decode())
    elif (line := _line(desk, event)) is not None:
        desk.say(line)


def _frame(event: MessageEvent | UnknownEvent | Frame) -> bytes:
    match event:
        case MessageEvent(frame=frame):
            return msgspec.json.encode(frame)
        case UnknownEvent(data=data):
            return msgspec.json.encode(data)
        case _:
            return msgspec.json.encode(event)


def _line(desk: Desk, event: Event) -> str | None:
    if not isinstance(event, MessageEvent):
        return None
    # Strangers' words, without what would steer a terminal.
    text = "".join(each if each.isprintable() or each == "\n" else " " for each in event.content)
    return f"{desk.strong(event.author.username)}: {text}"
