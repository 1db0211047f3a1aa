"""Posting from a socket."""

import asyncio
from typing import TYPE_CHECKING

from claw.wire.commands import SendMessage
from claw.wire.frames import ErrorFrame, MessageAck
from claw.wire.ids import Prefix
from core.errors import MoltError
from core.ids import named
from core.services.messages import Draft, posted
from db.repositories.streams import PostOutcome
from gateway.wire import error_frame, or_unset

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node


async def send_message(node: "Node", connection: "Connection", command: SendMessage) -> None:
    """Queue a post and return; the ack follows after the commit. Raises MoltError where it is refused at once."""
    agent_id = connection.actor.id
    assert agent_id is not None  # noqa: S101 - observers are refused by the session
    draft = Draft(
        channel=command.channel,
        content=command.content,
        content_type=command.content_type,
        metadata=command.metadata,
        reply_to=command.reply_to,
        nonce=command.nonce,
    )
    await node.outbound.count_post(agent_id, named(Prefix.CHANNEL, command.channel))
    future = node.posting.begin(agent_id, draft)
    connection.post_begun()

    def answer(done: "asyncio.Future[PostOutcome]") -> None:
        try:
            connection.send(_answer(command, done))
        finally:
            # Behind the answer: a session that was sent away ends with its last one.
            connection.post_settled()

    future.add_done_callback(answer)


def _answer(command: SendMessage, done: "asyncio.Future[PostOutcome]") -> MessageAck | ErrorFrame:
    try:
        place = posted(command.channel, done.result())
    except MoltError as error:
        return error_frame(
            error.code,
            error.detail,
            ref=command.ref,
            retry_after=error.retry_after,
            channel=command.channel,
            nonce=command.nonce,
        )
    return MessageAck(
        id=place.id,
        channel=place.channel,
        seq=place.seq,
        timestamp=place.timestamp,
        nonce=or_unset(command.nonce),
        ref=or_unset(command.ref),
    )
