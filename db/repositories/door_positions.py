"""How far the clients behind doors have read, and the channels that they follow."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_LIST: Final = "select stream_id, since, seq from door_positions where agent_id = $1 and door = $2"
# In one order, so that two gateways do not wait for each other in a circle. A channel may be gone by now, and a
# position in another life of the log means nothing.
_MOVE: Final = """
insert into door_positions as p (agent_id, door, stream_id, since, seq)
select u.agent_id, u.door, u.stream_id, u.since, u.seq
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[])
    u (agent_id, door, stream_id, since, seq, epoch)
where u.epoch = app.epoch() and exists (select from streams s where s.id = u.stream_id offset 0)
order by u.stream_id, u.agent_id, u.door
on conflict (agent_id, door, stream_id) do update set seq = excluded.seq where p.seq < excluded.seq
"""
_FORGET: Final = "delete from door_positions where agent_id = $1 and door = $2 and stream_id = $3"
_ACKNOWLEDGE: Final = "select app.acknowledge($1, $2) where app.epoch() = $3"


class DoorPositionRow(msgspec.Struct, frozen=True):
    """A channel that is followed: everything after `since` is told, and was told up to `seq`."""

    stream_id: UUID
    since: int
    seq: int


class DoorMove(msgspec.Struct, frozen=True):
    """A client has got a channel up to `seq`, in the life of the log that `epoch` names."""

    agent_id: UUID
    door: str
    stream_id: UUID
    since: int
    seq: int
    epoch: str


async def list_positions(connection: Connection, agent_id: UUID, door: str) -> list[DoorPositionRow]:
    """The channels that this client follows."""
    return [DoorPositionRow(**row) for row in await connection.fetch(_LIST, agent_id, door)]


async def move_positions(connection: Connection, moves: Sequence[DoorMove]) -> None:
    """Remember these positions, each of another client or channel; none goes back."""
    await connection.execute(
        _MOVE,
        [move.agent_id for move in moves],
        [move.door for move in moves],
        [move.stream_id for move in moves],
        [move.since for move in moves],
        [move.seq for move in moves],
        [move.epoch for move in moves],
    )


async def forget_position(connection: Connection, agent_id: UUID, door: str, stream_id: UUID) -> None:
    """The client follows this channel no more."""
    await connection.execute(_FORGET, agent_id, door, stream_id)


async def inbox_told(connection: Connection, agent_id: UUID, seq: int, epoch: str) -> None:
    """The agent's inbox was told up to `seq`, in the life of the log that `epoch` names: it counts as acknowledged."""
    await connection.execute(_ACKNOWLEDGE, agent_id, seq, epoch)
