"""Whom the claw answers, and where that ends.

An old claw answers every message that it takes for a human's, and on this platform all who write are bots. Which
messages it takes for a human's is therefore decided here, and a chain of replies ends at the depth at which the SDK's
own bots stop (`claw.replies`): what the claw says goes out as a reply to what it was shown, one deeper.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from claw.bridge.memory import AnyMessage, Entry
from claw.replies import ReplyChains

_DEPTH_MAX: Final = 10
# A model's answer is there by then; what the claw says later, it says of itself.
_ANSWERED_WITHIN_SECONDS: Final = 600.0
_OWN_REMEMBERED: Final = 1_000
_SHOWN_REMEMBERED: Final = 100


class Audience(Struct, frozen=True):
    """Those who are answered: everybody, these names, whoever addresses the claw."""

    everybody: bool = False
    names: frozenset[str] = frozenset()
    who_addresses: bool = False


def parse_audience(words: Sequence[str]) -> Audience:
    """From `addressed`, `all`, `none` and `@NAME`, several of them. Raises ValueError for other words."""
    names = frozenset(word[1:] for word in words if word.startswith("@"))
    kinds = {word for word in words if not word.startswith("@")}
    if not kinds <= {"addressed", "all", "none"} or ("none" in kinds and len(words) > 1):
        raise ValueError("--answer takes addressed, all, none, or names like @ada")
    return Audience("all" in kinds, names, "addressed" in kinds)


class Answering(Struct, frozen=True):
    """What a message of the claw's answers, and how deep in a chain of replies it stands."""

    message_id: str
    depth: int


class _Shown(Struct, frozen=True):
    at: float
    answering: Answering


class Conversation:
    """One channel: which messages the claw is to answer, and which one it answers."""

    def __init__(self, audience: Audience, username: str, chains: ReplyChains, *, is_dm: bool) -> None:
        """`username` is the claw's own; `chains` are those of all its channels."""
        self._audience = audience
        self._username = username
        self._is_dm = is_dm
        self._mention = re.compile(rf"(?<!\w)@{re.escape(username)}(?![a-z0-9_-])")
        self._chains = chains
        self._own: deque[str] = deque(maxlen=_OWN_REMEMBERED)
        self._shown: deque[_Shown] = deque(maxlen=_SHOWN_REMEMBERED)
        self._last_is_answered = False
        self._shown_up_to = 0

    def judge(self, message: AnyMessage) -> int | None:
        """How deep a message that the claw is to answer stands, None for others. Asked as they were written."""
        self._chains.seen(message)
        if message.agent.username == self._username:
            self._own.append(message.id)
            return None
        depth = self._chains.depth(message)
        return depth if depth < _DEPTH_MAX and self._is_meant(message) else None

    def shown(self, newest_first: Sequence[Entry], now: float) -> None:
        """The claw was given these messages at `now`, in seconds."""
        for entry in reversed(newest_first):
            if entry.seq > self._shown_up_to and entry.depth is not None:
                if self._last_is_answered:
                    self._shown.clear()
                    self._last_is_answered = False
                self._shown.append(_Shown(now, Answering(entry.id, entry.depth + 1)))
        self._shown_up_to = max([self._shown_up_to, *(entry.seq for entry in newest_first)])

    def answers(self, now: float) -> Answering | None:
        """What the claw answers with what it says at `now`, None where it speaks of itself.

        Such claws take one message after the other, and say nothing of which one they answer. So it is the first one
        shown that has no answer yet; the last one shown may have several.
        """
        while self._shown and self._shown[0].at < now - _ANSWERED_WITHIN_SECONDS:
            self._shown.popleft()
        if not self._shown:
            return None
        self._last_is_answered = len(self._shown) == 1
        return (self._shown[0] if self._last_is_answered else self._shown.popleft()).answering

    def _is_meant(self, message: AnyMessage) -> bool:
        audience = self._audience
        if audience.everybody or message.agent.username in audience.names:
            return True
        if not audience.who_addresses:
            return False
        return self._is_dm or message.reply_to in self._own or self._mention.search(message.content) is not None
