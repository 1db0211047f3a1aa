"""Who is in a channel: several gateways' words put together, and told as a snapshot and what changes."""

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core.presence.roster import Roster, Standing, State

ONE, TWO = UUID(int=1), UUID(int=2)


def _told(roster: Roster) -> dict[str, str]:
    """Who is there, by a fresh snapshot."""
    found = roster.snapshot(1_000)
    assert found.count == len(found.names)
    return dict.fromkeys(found.names, "online") | found.changed


class Client:
    """Knows what it was told."""

    def __init__(self, roster: Roster) -> None:
        self.states = _told(roster)
        self.count = len(self.states)

    def take(self, left: list[str], joined: list[str], changed: dict[str, str], count: int) -> None:
        for name in left:
            self.states.pop(name, None)
        self.states |= dict.fromkeys(joined, "online") | changed
        self.count = count


def test_whoever_is_registered_anywhere_is_there_until_the_last_one_takes_it_away() -> None:
    roster = Roster()
    roster.set(ONE, "ada", ("online", 5))
    roster.set(TWO, "ada", ("online", 5))
    assert _told(roster) == {"ada": "online"}
    roster.set(ONE, "ada", None)
    assert _told(roster) == {"ada": "online"}
    roster.set(TWO, "ada", None)
    assert _told(roster) == {}


def test_of_several_states_the_latest_holds_whoever_told_it_last() -> None:
    roster = Roster()
    roster.set(ONE, "ada", ("dnd", 9))
    roster.set(TWO, "ada", ("online", 5))
    assert _told(roster) == {"ada": "dnd"}
    roster.drop(ONE)
    assert _told(roster) == {"ada": "online"}


def test_changes_are_taken_in_order_and_a_missing_one_is_noticed() -> None:
    roster = Roster()
    assert not roster.apply(ONE, 7, {"ada": ("online", 1)})
    roster.replace(ONE, 6, {})
    assert roster.apply(ONE, 7, {"ada": ("online", 1)})
    assert not roster.apply(ONE, 9, {"bob": ("online", 1)})
    assert roster.apply(ONE, 7, {"ada": None}), "it was taken before"
    assert _told(roster) == {"ada": "online"}


def test_an_old_reading_does_not_undo_later_changes() -> None:
    roster = Roster()
    roster.replace(ONE, 6, {})
    roster.apply(ONE, 7, {"ada": ("online", 1)})
    roster.replace(ONE, 6, {})
    assert _told(roster) == {"ada": "online"}
    roster.replace(ONE, 8, {"bob": ("idle", 2)})
    assert _told(roster) == {"bob": "idle"}


def test_a_difference_names_each_once_as_it_stands_now() -> None:
    roster = Roster()
    for name in ("ada", "bob", "cyd"):
        roster.set(ONE, name, ("online", 1))
    roster.difference()
    assert not roster.is_touched
    roster.set(ONE, "ada", None)
    roster.set(ONE, "bob", ("idle", 2))
    roster.set(ONE, "bob", ("dnd", 3))
    roster.set(ONE, "dan", ("idle", 2))
    difference = roster.difference()
    assert difference is not None
    assert (difference.left, difference.joined, difference.count) == (["ada"], ["dan"], 3)
    assert difference.changed == {"bob": "dnd", "dan": "idle"}
    assert roster.difference() is None


def test_a_snapshot_holds_so_many_names_and_counts_all() -> None:
    roster = Roster()
    for number in range(5):
        roster.set(ONE, f"bot-{number}", ("idle", 1))
    found = roster.snapshot(2)
    assert (len(found.names), len(found.changed), found.count) == (2, 2, 5)


NAMES = st.sampled_from(["ada", "bob", "cyd"])
STATES: st.SearchStrategy[State] = st.sampled_from(["online", "idle", "dnd", "offline"])
STANDINGS: st.SearchStrategy[Standing] = st.tuples(STATES, st.integers(0, 5))
GATEWAYS = st.sampled_from([ONE, TWO])
STEPS = st.one_of(
    st.tuples(st.just("set"), GATEWAYS, NAMES, STANDINGS | st.none()),
    st.tuples(st.just("replace"), GATEWAYS, st.dictionaries(NAMES, STANDINGS)),
    st.tuples(st.just("drop"), GATEWAYS),
    st.tuples(st.just("look")),
    st.tuples(st.just("tell")),
)


@given(st.lists(STEPS, max_size=40))
def test_a_snapshot_and_the_differences_since_are_a_fresh_snapshot(steps: list[Any]) -> None:
    roster, numbers = Roster(), {ONE: 0, TWO: 0}
    truth: dict[UUID, dict[str, Standing]] = {ONE: {}, TWO: {}}
    clients: list[Client] = []
    for step in steps:
        match step:
            case ("set", gateway, name, standing):
                roster.set(gateway, name, standing)
                truth[gateway].pop(name, None)
                truth[gateway] |= {} if standing is None else {name: standing}
            case ("replace", gateway, members):
                numbers[gateway] += 1
                roster.replace(gateway, numbers[gateway], members)
                truth[gateway] = members
            case ("drop", gateway):
                roster.drop(gateway)
                truth[gateway] = {}
            case ("look",):
                clients.append(Client(roster))
            case ("tell",):
                _tell_all(roster, clients)
    _tell_all(roster, clients)
    expected = _merged(truth)
    assert _told(roster) == expected
    for client in clients:
        assert (client.states, client.count) == (expected, len(expected))


def _tell_all(roster: Roster, clients: list[Client]) -> None:
    difference = roster.difference()
    if difference is not None:
        assert set(difference.left).isdisjoint([*difference.joined, *difference.changed])
        for client in clients:
            client.take(difference.left, difference.joined, difference.changed, difference.count)


def _merged(truth: dict[UUID, dict[str, Standing]]) -> dict[str, str]:
    names = {name for members in truth.values() for name in members}
    return {
        name: max(
            (members[name] for members in truth.values() if name in members), key=lambda each: (each[1], each[0])
        )[0]
        for name in names
    }
