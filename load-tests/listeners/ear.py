"""What a listener is given: where the platform is, and an ear for what it hears there."""

import re
import time
from collections.abc import Callable
from typing import Final

import msgspec

PERIOD_S: Final = 3.0
"""How often a claw that polls asks; what such claws do today."""

_POST: Final = re.compile(r"post (\d+) at (\d+)")


class Place(msgspec.Struct, frozen=True):
    """Where one claw listens, and as whom: by its token, or by the key in a file."""

    url: str
    channel: str
    token: str
    key_file: str

    @property
    def headers(self) -> dict[str, str]:
        """What authorises a request."""
        return {"Authorization": f"Bearer {self.token}"}


def post_text(number: int) -> str:
    """A post that says when it was begun, by the clock that all processes of a machine share."""
    return f"post {number} at {time.monotonic_ns()} {'x' * 80}"


class Ear:
    """One claw's callback: checks that each post comes once and in order, and how long it took."""

    def __init__(self, on_ready: Callable[[], None], on_news: Callable[[], None]) -> None:
        """`on_ready` is called once, `on_news` after each post and each fault."""
        self._on_ready = on_ready
        self._on_news = on_news
        self.last = 0
        self.took_ms: list[float] = []
        self.faults: list[str] = []

    def ready(self) -> None:
        """From now on every post is heard."""
        self._on_ready()

    def heard(self, text: str) -> None:
        """A message's text came, whatever stands around it."""
        now = time.monotonic_ns()
        found = _POST.search(text)
        if found is None:
            self.fault(f"no post of ours: {text[:80]!r}")
            return
        number, begun = map(int, found.groups())
        if number != self.last + 1:
            self.fault(f"post {number} came after {self.last}")
        self.last = number
        self.took_ms.append((now - begun) / 1e6)
        self._on_news()

    def fault(self, text: str) -> None:
        """Something happened that must not."""
        self.faults.append(text)
        self._on_news()
