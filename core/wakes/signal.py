"""How processes tell the workers that something lies in inboxes: agents' ids, on one channel for all."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from db.repositories.streams import StoredEvent

# In place of a stream; no agent, channel or server has this id.
WAKES: Final = UUID(int=1)

_WAKING: Final = tuple(b'{"op":"%b",' % op for op in (b"dm", b"mention", b"reply", b"friend_request"))
_ID_BYTES: Final = 16


def wake_signal(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """What to announce beside these events: one signal, or nothing where they address nobody."""
    agents = {each.stream_id for each in events if each.frame.startswith(_WAKING)}
    return [StoredEvent(WAKES, 0, b"".join(each.bytes for each in agents))] if agents else []


def agents_of(signal: StoredEvent) -> list[UUID]:
    """The agents that a signal names."""
    data = signal.frame
    return [UUID(bytes=data[at : at + _ID_BYTES]) for at in range(0, len(data) - _ID_BYTES + 1, _ID_BYTES)]
