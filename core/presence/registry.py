"""Who is registered in which channel by which gateway, as it lies in Redis, and how gateways tell each other.

A channel has a hash. A field is a gateway's id (16 bytes) and a username, its value the state and since when; the
gateway's id alone is its number, which grows with each change. A gateway writes first and announces then, so who
listens and reads afterwards misses nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from core.presence.batch import Command, run_together
from core.presence.roster import Standing, State
from core.redis_client import RedisClient

# In place of an event's number: what gateways tell each other about presence on a channel, or an agent's gateway.
PRESENCE_SEQ: Final = 2**64 - 1

_STAMPS: Final = "molt:presence:gateways"
_EXPIRE_S: Final = 3600
_ID_BYTES: Final = 16
_STATES: Final[dict[bytes, State]] = {b"online": "online", b"idle": "idle", b"dnd": "dnd", b"offline": "offline"}


class Change(Struct, frozen=True, array_like=True):
    """A gateway's change number `number` in one channel. A `whole` one names all that it has there."""

    gateway: Annotated[bytes, Meta(min_length=_ID_BYTES, max_length=_ID_BYTES)]
    number: int
    whole: bool
    changes: dict[str, Standing | None]


class Entry(Struct, frozen=True):
    """What a gateway writes for one channel; `is_empty` where it has nobody there any more."""

    channel: UUID
    number: int
    present: Mapping[str, Standing]
    gone: Sequence[str]
    is_empty: bool


class Stamps(Struct, frozen=True):
    """A reading of all gateways' stamps (milliseconds, by Redis). `mine` is the reader's own last one."""

    now: int
    mine: int | None
    of: dict[UUID, int]


Members = dict[UUID, tuple[int, dict[str, Standing]]]


class Registry:
    """All channels' registrations, and the gateways' stamps. All calls raise OutOfContactError."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._beat = (resources.files("core.presence") / "beat.lua").read_text(encoding="utf-8")

    async def beat(self, gateway: UUID | None) -> Stamps:
        """Say that a gateway lives (None for who only looks), and look who else does."""
        mine = b"" if gateway is None else gateway.bytes
        ((now, last, *stamps),) = await run_together(self._redis, [("EVAL", self._beat, 1, _STAMPS, mine)])
        found = {UUID(bytes=each): stamp for each, stamp in zip(stamps[::2], stamps[1::2], strict=True)}
        return Stamps(now, None if last < 0 else last, found)

    async def write(self, gateway: UUID, entries: Iterable[Entry]) -> None:
        """Write a gateway's changes."""
        commands: list[Command] = []
        for entry in entries:
            key = _key(entry.channel)
            gone = [_field(gateway, name) for name in entry.gone]
            if entry.is_empty:
                gone.append(gateway.bytes)
            if gone:
                # First: the number, which says that the change is there, comes last.
                commands.append(("HDEL", key, *gone))
            if not entry.is_empty:
                pairs = [(_field(gateway, name), _value(standing)) for name, standing in entry.present.items()]
                commands.append(
                    ("HSET", key, *(each for pair in pairs for each in pair), gateway.bytes, str(entry.number))
                )
                commands.append(("EXPIRE", key, _EXPIRE_S))
        await run_together(self._redis, commands)

    async def read(self, channel: UUID) -> Members:
        """All that is registered in a channel: by gateway its number and its members."""
        (answer,) = await run_together(self._redis, [("HGETALL", _key(channel))])
        fields = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
        numbers: dict[bytes, int] = {}
        members: dict[bytes, dict[str, Standing]] = {}
        for field, value in fields:
            gateway, name = field[:_ID_BYTES], field[_ID_BYTES:]
            if name:
                members.setdefault(gateway, {})[name.decode()] = _standing(value)
            else:
                numbers[gateway] = int(value)
        return {UUID(bytes=each): (number, members.get(each, {})) for each, number in numbers.items()}

    async def numbers(self, channels: Sequence[UUID], gateways: Sequence[UUID]) -> list[list[int | None]]:
        """For each channel the number of each gateway, None where it has nobody there."""
        fields = [gateway.bytes for gateway in gateways]
        commands: list[Command] = []
        for channel in channels:
            commands += [("HMGET", _key(channel), *fields), ("EXPIRE", _key(channel), _EXPIRE_S)]
        answers = await run_together(
            self._redis,
            commands,
        )
        return [[None if each is None else int(each) for each in row] for row in answers[::2]]

    async def clean(self, garbage: Iterable[tuple[UUID, UUID, Sequence[str]]]) -> None:
        """Take away what gateways that are lost have left: by channel and gateway the names."""
        commands: list[Command] = [
            ("HDEL", _key(channel), gateway.bytes, *(_field(gateway, name) for name in names))
            for channel, gateway, names in garbage
        ]
        await run_together(self._redis, commands)


def encode_change(change: Change) -> bytes:
    """The bytes to announce."""
    return msgspec.msgpack.encode(change)


_decoder: Final[msgspec.msgpack.Decoder[Change]] = msgspec.msgpack.Decoder(Change)


def decode_change(data: bytes) -> Change | None:
    """The change in `data`, None for one of a version that this program does not know."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError):
        return None


def encode_agents(agents: Iterable[UUID]) -> bytes:
    """What a gateway is told: agents to judge again."""
    return b"".join(agent.bytes for agent in agents)


def decode_agents(data: bytes) -> list[UUID]:
    """The agents in `data`."""
    whole = len(data) - len(data) % _ID_BYTES
    return [UUID(bytes=data[start : start + _ID_BYTES]) for start in range(0, whole, _ID_BYTES)]


def _key(channel: UUID) -> str:
    return f"molt:presence:channel:{channel.hex}"


def _field(gateway: UUID, name: str) -> bytes:
    return gateway.bytes + name.encode()


def _value(standing: Standing) -> str:
    return f"{standing[0]} {standing[1]}"


def _standing(value: bytes) -> Standing:
    state, _, at = value.partition(b" ")
    return _STATES[state], int(at)
