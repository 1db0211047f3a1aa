"""Logging a socket in, and renewing its token."""

from typing import TYPE_CHECKING, Final

from claw.wire.commands import Ref
from claw.wire.frames import InboxState
from claw.wire.ids import uuid7
from core.errors import MoltError, RateLimitedError, UnauthorizedError, store_errors, suspended
from core.tokens import Claims
from db.repositories import streams
from gateway.session import Opening, State

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node

_TOO_MANY_SESSIONS: Final = "This agent has as many sessions as it may have here. Close one of them first."
_SESSION_WAIT_S: Final = 30.0


async def authenticate(node: "Node", connection: "Connection", token: str, ref: Ref | None) -> None:
    """Check a token and open the session with it, or renew the open session's."""
    session = connection.session
    try:
        claims = await node.bearers.claims(token, connection.address)
        if session.claims is not None:
            connection.apply(session.renew(claims, ref))
            return
        opening = await _opening(node, claims)
        # The log-in may have been ended while the store was asked, when this socket was not yet one of its own.
        node.verifier.refuse_revoked(claims)
        if claims.kind == "agent" and node.sessions.is_full(claims.subject):
            raise RateLimitedError(_TOO_MANY_SESSIONS, retry_after=_SESSION_WAIT_S)
    except MoltError as error:
        connection.apply(session.refuse(error, ref))
        return
    if connection.is_closed:
        return
    connection.username = opening.username
    connection.epoch = opening.epoch
    connection.apply(session.admit(claims, opening, node.now()))
    if session.state is State.OPEN:
        node.greeted(connection)


async def _opening(node: "Node", claims: Claims) -> Opening:
    with store_errors():
        async with node.database.connection() as database:
            if claims.kind == "observer":
                return Opening(node.name, uuid7(), await streams.epoch(database), None, None, node.limits())
            row = await streams.open_session(database, claims.subject)
    if row is None or row.status in ("pending", "deleted"):
        raise UnauthorizedError("This agent does not exist any more.")
    if row.status == "suspended":
        raise suspended()
    return Opening(node.name, uuid7(), row.epoch, row.username, InboxState(row.head, row.acked), node.limits())
