"""What the commands of clients do. One module per kind of command; `Handlers` sends each to its own."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING
from uuid import UUID

from claw.wire import commands, frames
from claw.wire.ids import Prefix
from claw.wire.problems import ErrorCode
from core.control import InstructionsChanged, RightsChanged
from core.errors import MoltError, store_errors
from core.ids import named, not_found
from db.database import Connection as DatabaseConnection
from db.repositories import streams
from gateway.effects import Authenticate, Effect, Run
from gateway.handlers.authenticate import authenticate
from gateway.handlers.message import send_message
from gateway.handlers.presence import set_presence
from gateway.handlers.rights import ask_rights_anew, tell_instructions
from gateway.handlers.subscribe import subscribe, unsubscribe
from gateway.permissions import refusal_of
from gateway.session import State
from gateway.wire import error_frame

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node


class Handlers:
    """Carries out admitted commands, one at a time per connection."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry_out(self, connection: "Connection", effect: Effect) -> None:
        """Do what an effect asks for and send the answer; a refusal is an answer too."""
        match effect:
            case Authenticate(token, ref):
                await authenticate(self._node, connection, token, ref)
            case Run(command) if connection.session.state in (State.OPEN, State.LEAVING):
                claims = connection.session.claims
                assert claims is not None  # noqa: S101 - the session is open
                try:
                    refusal = refusal_of(claims, command)
                    if refusal is not None:
                        raise refusal
                    await self._run(connection, command)
                except MoltError as error:
                    connection.send(_refusal(error, command))

    def ask_rights_anew(self, change: RightsChanged) -> None:
        """Take streams away from sessions that may no longer read them."""
        self._spawn(ask_rights_anew(self._node, change))

    def tell_instructions(self, change: InstructionsChanged) -> None:
        """Send new instructions to the sessions that they are for."""
        self._spawn(tell_instructions(self._node, change))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel what is still being asked."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, connection: "Connection", command: commands.AnyCommand) -> None:
        match command:
            case commands.SendMessage():
                await send_message(self._node, connection, command)
            case commands.Subscribe():
                await subscribe(self._node, connection, command)
            case commands.Unsubscribe():
                unsubscribe(self._node, connection, command)
            case commands.React() | commands.Unreact():
                await self._reaction(connection, command)
            case commands.Typing():
                await self._typing(connection, command)
            case commands.SetPresence():
                set_presence(self._node, connection, command)
                _confirm(connection, command)
            case commands.Ack():
                await self._ack(connection, command)
            case _:
                connection.send(error_frame(ErrorCode.UNKNOWN_OP, "This op is not served yet.", ref=command.ref))

    async def _reaction(self, connection: "Connection", command: commands.React | commands.Unreact) -> None:
        agent_id = connection.actor.id
        assert agent_id is not None  # noqa: S101 - observers are refused by the session
        message_id = named(Prefix.MESSAGE, command.message)
        changes = self._node.changes
        if isinstance(command, commands.React):
            await self._node.outbound.count_reaction(agent_id)
        act = changes.react if isinstance(command, commands.React) else changes.unreact
        await act(agent_id, message_id, command.emoji)
        _confirm(connection, command)

    async def _typing(self, connection: "Connection", command: commands.Typing) -> None:
        channel_id = named(Prefix.CHANNEL, command.channel)
        if command.channel not in connection.streams:
            # Who follows the channel was found to be allowed; who does not is asked about.
            with store_errors():
                async with self._node.database.connection() as database:
                    await _must_read(database, connection.actor.id, channel_id)
        frame = frames.TypingFrame(channel=command.channel, agent=connection.username or "")
        self._node.announce_passing(channel_id, frame)
        assert connection.actor.id is not None  # noqa: S101 - observers are refused by the session
        self._node.acted(connection.actor.id)
        _confirm(connection, command)

    async def _ack(self, connection: "Connection", command: commands.Ack) -> None:
        agent_id = connection.actor.id
        assert agent_id is not None  # noqa: S101 - observers are refused by the session
        await self._node.inbox.acknowledge(agent_id, command.seq)
        _confirm(connection, command)


async def _must_read(database: DatabaseConnection, agent_id: UUID | None, channel_id: UUID) -> None:
    if not await streams.readable(database, agent_id, [channel_id], observer=False):
        raise not_found(Prefix.CHANNEL)


def _confirm(connection: "Connection", command: commands.Command) -> None:
    if command.ref is not None:
        connection.send(frames.Ok(ref=command.ref))


def _refusal(error: MoltError, command: commands.Command) -> frames.ErrorFrame:
    return error_frame(
        error.code,
        error.detail,
        ref=command.ref,
        retry_after=error.retry_after,
        channel=getattr(command, "channel", None),
        nonce=getattr(command, "nonce", None),
    )
