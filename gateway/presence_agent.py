"""One agent that has sessions on this gateway, and when it is to be judged again."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from core.presence.records import Question, Verdict
from core.presence.roster import Standing
from db.repositories.presence import IdleChoice

# Also where nothing is due by itself: a word of another process may have been lost.
_JUDGE_AT_LEAST_S: Final = 300.0


class LocalAgent:
    """Its sessions are the node's `sessions`; this is what presence knows besides."""

    __slots__ = (
        "_alarm",
        "_choice",
        "_chosen",
        "_due_at",
        "_is_fresh",
        "_judge_soon",
        "closes_when_idle",
        "id",
        "is_here",
        "leaving",
        "name",
        "standing",
        "timeout_s",
    )

    def __init__(self, agent: UUID, name: str, judge_soon: "Callable[[LocalAgent], None]") -> None:
        """`judge_soon` is called when the time has come to ask how it stands."""
        self.id = agent
        self.name = name
        self.is_here = False  # Whether it has sessions, or had one within the grace.
        self.leaving = 0  # The number of the last leaving.
        # Any verdict is later than this first guess.
        self.standing: Standing = ("online", 0)
        self.timeout_s: int | None = None
        self.closes_when_idle = False
        self._judge_soon = judge_soon
        self._is_fresh = False
        self._chosen: str | None = None  # What is to be told.
        self._choice: str | None = None  # What holds.
        self._due_at = 0.0
        self._alarm: Alarm | None = None

    def begin(self) -> None:
        """A session has begun."""
        self.is_here = True
        self._is_fresh = True

    def choose(self, state: str) -> None:
        """It has chosen a state by hand; `online` takes the choice back."""
        self._chosen = state

    def tell_choice_again(self) -> None:
        """Its record may be gone."""
        if self._chosen is None:
            self._chosen = self._choice

    def configure(self, choice: IdleChoice) -> None:
        """What it chose about idling."""
        self.timeout_s = choice.idle_timeout_seconds
        self.closes_when_idle = choice.on_idle != "stay" and choice.can_be_woken

    def question(self) -> Question:
        """What to ask now; it counts as told."""
        asked = Question(self.id, self.is_here, self._is_fresh, self._chosen, self.timeout_s)
        self._is_fresh = False
        self._chosen = None
        return asked

    def put_back(self, question: Question) -> None:
        """It could not be asked."""
        self._is_fresh |= question.is_fresh
        if self._chosen is None:
            self._chosen = question.choice

    def take(self, verdict: Verdict, now: float) -> bool:
        """How it stands at `now` (unix seconds); whether it is to be closed for having been idle."""
        self.standing = (verdict.state, verdict.at)
        self._choice = verdict.choice
        due_s = _JUDGE_AT_LEAST_S if verdict.due_s is None else min(verdict.due_s, _JUDGE_AT_LEAST_S)
        self._due_at = now + due_s
        # One that has begun meanwhile is judged again.
        return verdict.state == "offline" and self.closes_when_idle and not self._is_fresh

    def alarm(self) -> "Alarm | None":
        """What the timer wheel is to be given, for `at`; None where it has it already."""
        if not self.is_here or (self._alarm is not None and self._alarm.at <= self._due_at):
            return None
        self._alarm = Alarm(self, self._due_at)
        return self._alarm

    def on_alarm(self, alarm: "Alarm", now: float) -> float | None:
        """An alarm has gone off; when it should again."""
        if alarm is not self._alarm:
            return None  # Another one took its place, which was to go off earlier.
        if self.is_here and now < self._due_at:
            alarm.at = self._due_at
            return alarm.at
        self._alarm = None
        if self.is_here:
            self._judge_soon(self)
        return None


class Alarm:
    """An agent's one entry in the timer wheel."""

    __slots__ = ("_agent", "at")

    def __init__(self, agent: LocalAgent, at: float) -> None:
        self.at = at
        self._agent = agent

    def on_time(self, now: float) -> float | None:
        """Called by the timer wheel."""
        return self._agent.on_alarm(self, now)
