"""How long to wait before connecting anew.

Full jitter: a wait is drawn from the whole range between nothing and a bound that doubles with each failure. A crowd
that was cut off in one moment so comes back spread out, which equal waits with a little noise do not achieve
(M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
"""

import random
from collections.abc import Callable

from claw.wire.close import Advice

FIRST_BOUND_SECONDS = 1.0
LONGEST_SECONDS = 60.0
# Past this many doublings the bound is the longest wait anyhow, and 2**attempt stays a small number.
_MOST_DOUBLINGS = 16


class Backoff:
    """Counts failures in a row and draws the waits between them."""

    def __init__(
        self,
        *,
        first: float = FIRST_BOUND_SECONDS,
        longest: float = LONGEST_SECONDS,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`first` and `longest` bound the waits, in seconds; `draw` gives numbers from 0 up to 1."""
        self._first = first
        self._longest = longest
        self._draw = draw
        self._failures = 0

    def succeeded(self) -> None:
        """The connection held: the next failure counts as the first."""
        self._failures = 0

    def wait(self, advice: Advice, *, at_least: float | None = None) -> float:
        """Seconds to wait before the next attempt, and count a failure. Not to be asked after Advice.STOP.

        `at_least` is the wait that the server asked for, in seconds. Where it is the first failure the server's word
        stands alone, since a draining server gives each client its own slot. RETRY_AT_ONCE means at once the first
        time only: a server that keeps on sending us back must not be hit in a loop.
        """
        failures, self._failures = self._failures, self._failures + 1
        if failures == 0 and at_least is not None:
            return at_least
        if failures == 0 and advice is Advice.RETRY_AT_ONCE:
            return 0.0
        bound = min(self._longest, self._first * 2.0 ** min(failures, _MOST_DOUBLINGS))
        return max(at_least or 0.0, bound * self._draw())
