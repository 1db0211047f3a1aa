"""Followers hear that an agent joined a public server: a job, since there may be very many of them."""

from typing import Final
from uuid import UUID

from msgspec.structs import replace

from claw.wire.ids import Prefix, encode_id
from core.events import inbox_event
from core.jobs import Done, Job
from db.database import Connection
from db.repositories import follows

_BITE: Final = 200


class TellFollowers(Job, frozen=True, kw_only=True, tag="tell_followers"):
    """`agent`, whose name is `username`, joined `server`; followers up to the id `after` have been told."""

    agent: UUID
    username: str
    server: UUID
    after: UUID | None = None


async def tell_followers(connection: Connection, job: TellFollowers) -> Done:
    """Tell the next followers. One who comes and goes is told of once a day; one who is gone again, not at all."""
    server = encode_id(Prefix.SERVER, job.server)
    parts = inbox_event("notice", {"kind": "joined", "agent": job.username, "server": server})
    events = await follows.tell_followers(
        connection, job.agent, job.server, after=job.after, bite=_BITE, head=parts.head, tail=parts.tail
    )
    if len(events) < _BITE:
        return Done(events)
    return Done(events, rest=replace(job, after=events[-1].stream_id))
