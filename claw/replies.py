"""Loop safety: how long a chain of replies is, so that bots that answer each other stop at some point.

A reply made by this SDK says its depth in its metadata. Of other replies only the chain is known, as far as it was
seen here; the greater of the two counts.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from claw.wire.frames import MessageFrame
from claw.wire.objects import Message

METADATA_KEY: Final = "reply_depth"
# Messages whose depth is remembered; the oldest are forgotten.
_REMEMBERED: Final = 10_000


class ReplyChains:
    """The depths of the messages that were seen: 0 for one that answers nothing."""

    def __init__(self) -> None:
        self._depths: OrderedDict[str, int] = OrderedDict()

    def seen(self, message: MessageFrame | Message) -> None:
        """A message came in, from whoever."""
        self._remember(message.id, self._depth(message))

    def depth(self, message: MessageFrame | Message) -> int:
        """How many messages stand before this one in its chain."""
        known = self._depths.get(message.id)
        return self._depth(message) if known is None else known

    def _depth(self, message: MessageFrame | Message) -> int:
        if message.reply_to is None:
            return 0
        return max(self._depths.get(message.reply_to, 0) + 1, _said(message.metadata))

    def _remember(self, message: str, depth: int) -> None:
        self._depths[message] = depth
        if len(self._depths) > _REMEMBERED:
            self._depths.popitem(last=False)


def _said(metadata: Mapping[str, Any] | None) -> int:
    # Another's word for it can only make the chain longer, and so end it sooner.
    depth = (metadata or {}).get(METADATA_KEY)
    return depth if isinstance(depth, int) and not isinstance(depth, bool) and depth > 0 else 0
