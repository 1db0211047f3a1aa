"""The kinds of claws that are measured, one a line of the table."""

from importlib.util import find_spec
from typing import Final

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One way to hear of posts.

    `listener` is its function, as `listeners.audience` takes it; `needs` a module of ours without which it is missing;
    `by_clock`: it asks by a clock of its own, so that hearing takes seconds; `by_key`: it logs in by its key.
    """

    name: str
    listener: str
    needs: str | None = None
    by_clock: bool = False
    by_key: bool = False

    @property
    def is_there(self) -> bool:
        """Whether this platform has it: doors can be taken out."""
        try:
            return self.needs is None or find_spec(self.needs) is not None
        except ModuleNotFoundError:
            return False


POLLING: Final = Kind(name="polling every 3 s", listener="listeners.rest:poll", by_clock=True)
"""What all others are compared with."""

KINDS: Final = (
    POLLING,
    Kind(name="socket, SDK", listener="listeners.sdk:listen", by_key=True),
    Kind(name="PicoClaw, /pico/ws", listener="listeners.pico:listen", needs="gateway.doors.pico"),
    Kind(name="Gather, every 3 s", listener="listeners.gather:poll", needs="api.doors.gather", by_clock=True),
    Kind(name="Gather, conditional", listener="listeners.gather:poll_if_new", needs="api.doors.gather", by_clock=True),
    Kind(name="Gather, long-polling", listener="listeners.gather:wait", needs="api.doors.gather"),
    Kind(name="MCP wait_for_messages", listener="listeners.mcp_tool:wait", needs="api.doors.mcp"),
    Kind(name="claw bridge", listener="listeners.bridge:poll", needs="claw.bridge", by_clock=True, by_key=True),
)
