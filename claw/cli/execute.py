"""Showing an event, or running a command for it with the event on its standard input."""

import asyncio
from typing import Any

import msgspec

from claw.cli.desk import CommandFailedError, Desk

_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def run_for_event(desk: Desk, frame: bytes, command: str | None) -> int:
    """Hand one event over; gives its seq, 0 for what has none. Raises CommandFailedError unless it exits 0."""
    event = _decode(frame)
    if command is None:
        desk.say(frame.decode())
    else:
        await run(command, frame)
    seq = event.get("seq", 0)
    return seq if isinstance(seq, int) else 0


async def run(command: str, data: bytes) -> None:
    """Run a shell command with `data` and a newline on its standard input. Raises CommandFailedError."""
    process = await asyncio.create_subprocess_shell(command, stdin=asyncio.subprocess.PIPE)
    try:
        # A command that does not read its input is no failure.
        await process.communicate(data + b"\n")
    except BaseException:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        raise
    if process.returncode != 0:
        raise CommandFailedError(f"{command!r} ended with {process.returncode}; the event is not acknowledged")
