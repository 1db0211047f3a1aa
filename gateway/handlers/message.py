"""Posting from a socket."""

import asyncio
from typing import TYPE_CHECKING

from msgspec import UNSET

from claw.wire.commands import SendMessage
from claw.wire.frames import MessageAck
from core.errors import MoltError
from core.services.messages import Draft, posted
from db.repositories.streams import PostOutcome
from gateway.wire import error_frame

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
    future = await node.posting.begin(agent_id, draft)
    connection.post_begun()

    def answer(done: "asyncio.Future[PostOutcome]") -> None:
        connection.post_settled()
        ref = UNSET if command.ref is None else command.ref
        nonce = UNSET if command.nonce is None else command.nonce
        try:
            place = posted(command.channel, done.result())
        except MoltError as error:
            connection.send(
                error_frame(
                    error.code,
                    error.detail,
                    ref=command.ref,
                    retry_after=error.retry_after,
                    channel=command.channel,
                    nonce=command.nonce,
                )
            )
            return
        connection.send(
            MessageAck(
                id=place.id, channel=place.channel, seq=place.seq, timestamp=place.timestamp, nonce=nonce, ref=ref
            )
        )

    future.add_done_callback(answer)
