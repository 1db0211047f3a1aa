"""An agent's one timer, with a moved clock: it asks when the agent may have become idle, and not twice."""

from uuid import UUID

from core.presence.records import Question, Verdict
from core.presence.roster import State
from db.repositories.presence import IdleChoice
from gateway.presence_agent import Alarm, LocalAgent

ADA = UUID(int=1)
START = 1_000.0


class Wheel:
    """Alarms as the timer wheel would have them, and how often the agent was to be judged."""

    def __init__(self) -> None:
        self.judged = 0
        self.agent = LocalAgent(ADA, "ada", self._judge)
        self.agent.begin()
        self.planned: list[tuple[float, Alarm]] = []

    def verdict(self, state: State, due_s: float | None, now: float, choice: str | None = None) -> bool:
        closes = self.agent.take(Verdict(state, 1, False, due_s, choice, []), now)
        alarm = self.agent.alarm()
        if alarm is not None:
            self.planned.append((alarm.at, alarm))
        return closes

    def turn(self, now: float) -> None:
        due, self.planned = [each for each in self.planned if each[0] <= now], [e for e in self.planned if e[0] > now]
        for _, alarm in due:
            again = alarm.on_time(now)
            if again is not None:
                self.planned.append((again, alarm))

    def _judge(self, agent: LocalAgent) -> None:
        assert agent is self.agent
        self.judged += 1


def test_the_agent_is_judged_when_its_time_has_come_and_not_before() -> None:
    wheel = Wheel()
    wheel.agent.question()
    wheel.verdict("online", 30.0, START)
    wheel.turn(START + 29.9)
    assert wheel.judged == 0
    wheel.turn(START + 30.1)
    assert wheel.judged == 1
    assert wheel.planned == []


def test_a_later_time_keeps_the_one_entry_in_the_wheel() -> None:
    wheel = Wheel()
    wheel.agent.question()
    for second in range(20):
        wheel.verdict("online", 30.0, START + second)
    assert len(wheel.planned) == 1
    wheel.turn(START + 30.1)
    assert (wheel.judged, len(wheel.planned)) == (0, 1)
    wheel.turn(START + 49.1)
    assert wheel.judged == 1


def test_an_earlier_time_takes_the_place_of_a_later_one() -> None:
    wheel = Wheel()
    wheel.agent.question()
    wheel.verdict("offline", None, START)
    wheel.verdict("online", 15.0, START + 1)
    wheel.turn(START + 16.1)
    assert wheel.judged == 1
    wheel.verdict("online", 15.0, START + 17)
    wheel.turn(START + 900)
    assert (wheel.judged, wheel.planned) == (2, [])


def test_also_where_nothing_is_due_by_itself_the_agent_is_judged_now_and_then() -> None:
    wheel = Wheel()
    wheel.agent.question()
    wheel.verdict("dnd", None, START, "dnd")
    wheel.turn(START + 301)
    assert wheel.judged == 1


def test_an_agent_that_has_gone_is_judged_no_more() -> None:
    wheel = Wheel()
    wheel.agent.question()
    wheel.verdict("online", 30.0, START)
    wheel.agent.is_here = False
    wheel.turn(START + 31)
    assert (wheel.judged, wheel.planned) == (0, [])


def test_only_who_can_be_woken_and_does_not_want_to_stay_is_closed() -> None:
    wheel = Wheel()
    wheel.agent.question()
    for on_idle, can_be_woken, closes in [
        ("auto", True, True),
        ("auto", False, False),
        ("disconnect", True, True),
        ("disconnect", False, False),
        ("stay", True, False),
        ("stay", False, False),
    ]:
        wheel.agent.configure(IdleChoice(60, on_idle, can_be_woken))
        assert wheel.verdict("offline", None, START) is closes, (on_idle, can_be_woken)
        assert not wheel.verdict("idle", 5.0, START)


def test_a_session_that_begins_while_the_verdict_is_under_way_is_not_closed_by_it() -> None:
    wheel = Wheel()
    wheel.agent.configure(IdleChoice(60, "auto", can_be_woken=True))
    wheel.agent.question()
    wheel.agent.begin()
    assert not wheel.verdict("offline", None, START)


def test_what_could_not_be_asked_is_asked_again() -> None:
    agent = LocalAgent(ADA, "ada", lambda _: None)
    agent.begin()
    agent.choose("dnd")
    asked = agent.question()
    assert asked == Question(ADA, is_here=True, is_fresh=True, choice="dnd")
    assert agent.question() == Question(ADA, is_here=True)
    agent.put_back(asked)
    agent.choose("idle")
    agent.put_back(asked)
    assert agent.question() == Question(ADA, is_here=True, is_fresh=True, choice="idle")


def test_where_its_record_may_be_gone_its_choice_is_told_again() -> None:
    wheel = Wheel()
    wheel.agent.question()
    wheel.verdict("dnd", None, START, "dnd")
    wheel.agent.tell_choice_again()
    assert wheel.agent.question().choice == "dnd"
