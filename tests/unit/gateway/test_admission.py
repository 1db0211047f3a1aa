"""The door of a gateway, with a clock that is moved: who comes in, and how long the others are told to wait."""

import dataclasses

import pytest

from core.setting_values import networks
from core.settings import Settings
from gateway.admission import Admission, Refusal

SETTINGS = Settings(most_handshakes=10, most_sockets_per_address=5, most_strangers_per_address=3)
LIMITLESS = dataclasses.replace(SETTINGS, limits=False)


class Door:
    """An admission with numbered guests."""

    def __init__(self, settings: Settings = LIMITLESS, most_sockets: int = 1_000) -> None:
        self.now = 100.0
        self.admission = Admission(settings, most_sockets=most_sockets, clock=lambda: self.now)
        self.inside = 0
        self._next = 0

    def knock(self, address: str | None = None) -> int | Refusal:
        """The guest's number, or why it may not come in."""
        refusal = self.admission.enter(self._next, address, self.inside + 1)
        if refusal is not None:
            return refusal
        self.inside += 1
        self._next += 1
        return self._next - 1

    def let_in(self, address: str | None = None) -> int:
        guest = self.knock(address)
        assert isinstance(guest, int), guest
        return guest

    def log_in(self, guest: int) -> None:
        self.admission.token_shown(guest)
        self.admission.greeted(guest)

    def settle(self, guest: int) -> None:
        self.log_in(guest)
        self.admission.arrived(guest)

    def leave(self, guest: int) -> None:
        self.inside -= 1
        self.admission.left(guest)

    def assert_refused(self, address: str | None = None) -> Refusal:
        refusal = self.knock(address)
        assert isinstance(refusal, Refusal)
        assert refusal.wait_s >= 1
        assert refusal.text.endswith(".")
        return refusal


def test_so_many_sessions_may_be_beginning_and_who_comes_then_is_refused() -> None:
    door = Door()
    guests = [door.let_in() for _ in range(10)]
    door.assert_refused()
    door.settle(guests[0])
    door.let_in()
    door.assert_refused()
    assert door.admission.refused == 2


def test_a_session_has_begun_once_its_first_command_was_answered() -> None:
    door = Door()
    guest = door.let_in()
    for step in (door.admission.token_shown, door.admission.greeted):
        assert door.admission.under_way() == 1
        step(guest)
    assert door.admission.under_way() == 1
    door.admission.arrived(guest)
    assert door.admission.under_way() == 0
    # Whatever it does from now on: a renewed token, further commands.
    door.settle(guest)
    assert door.admission.under_way() == 0


def test_who_is_gone_holds_no_place() -> None:
    door = Door()
    for steps in (0, 1, 2, 3):
        guest = door.let_in()
        for step in (door.admission.token_shown, door.admission.greeted, door.admission.arrived)[:steps]:
            step(guest)
        door.leave(guest)
        assert door.admission.under_way() == 0


def test_who_lets_us_wait_holds_a_place_for_seconds_only_but_whom_we_owe_an_answer_keeps_it() -> None:
    door = Door()
    silent, waiting, greeted = (door.let_in() for _ in range(3))
    door.admission.token_shown(waiting)
    door.now += 2
    door.log_in(greeted)
    door.now += 1.1
    door.assert_refused()  # We are late with `waiting`.
    assert door.admission.under_way() == 2  # without `silent`
    door.now += 2
    door.assert_refused()
    assert door.admission.under_way() == 1  # without `greeted`, which has said nothing
    for guest in (silent, waiting, greeted):
        door.settle(guest)
    assert door.admission.under_way() == 0


def test_while_we_are_late_with_a_greeting_nobody_is_let_in() -> None:
    door = Door()
    guest = door.let_in()
    door.admission.token_shown(guest)
    door.now += 1.4
    door.let_in()
    door.now += 0.2
    door.assert_refused()
    door.admission.greeted(guest)
    door.let_in()


def test_the_larger_the_crowd_the_longer_the_waits_and_none_is_longer_than_half_a_minute() -> None:
    door = Door()
    for _ in range(10):
        door.let_in()
    waits = [door.assert_refused().wait_s for _ in range(20_000)]
    assert max(waits[:200]) == 1
    assert max(waits[:3_000]) <= 10
    assert 25 <= max(waits[-1_000:]) <= 30
    assert min(waits[-1_000:]) <= 5


def test_the_faster_sessions_begin_the_sooner_the_others_may_come_back() -> None:
    door = Door()
    crowd = 0
    for _ in range(1_000):  # ten seconds in which a thousand a second come in
        for _ in range(10):
            guest = door.let_in()
            door.settle(guest)
            door.leave(guest)
        door.now += 0.01
    for _ in range(10):
        door.let_in()
    while door.assert_refused().wait_s <= 4:
        crowd += 1
    assert crowd > 2_000  # At 300 a second a fifth second would have been drawn among the first 1,500.


def test_after_the_crowd_waits_are_short_again() -> None:
    door = Door()
    for _ in range(10):
        door.let_in()
    for _ in range(10_000):
        door.assert_refused()
    door.now += 30
    for _ in range(10):
        door.let_in()
    assert door.assert_refused().wait_s == 1


def test_with_no_descriptor_left_nobody_comes_in() -> None:
    door = Door(most_sockets=4)
    guests = [door.let_in() for _ in range(4)]
    for guest in guests:
        door.settle(guest)
    door.assert_refused()
    door.leave(guests[0])
    door.let_in()


def test_a_stopping_node_lets_nobody_in() -> None:
    door = Door()
    door.admission.is_closed = True
    assert door.assert_refused().wait_s <= 2


def test_one_address_may_hold_so_many_sockets_and_another_has_its_own() -> None:
    door = Door(SETTINGS)
    guests = [door.let_in("192.0.2.1") for _ in range(3)]
    for guest in guests:
        door.settle(guest)
    guests += [door.let_in("192.0.2.1") for _ in range(2)]
    assert "5 sockets" in door.assert_refused("192.0.2.1").text
    door.let_in("192.0.2.2")
    door.leave(guests[0])
    door.let_in("192.0.2.1")


def test_one_address_may_hold_fewer_sockets_that_have_not_logged_in() -> None:
    door = Door(SETTINGS)
    guests = [door.let_in("192.0.2.1") for _ in range(3)]
    assert "no token" in door.assert_refused("192.0.2.1").text
    # A token that is shown proves nothing yet; one that was found good does.
    door.admission.token_shown(guests[0])
    door.assert_refused("192.0.2.1")
    door.admission.greeted(guests[0])
    door.let_in("192.0.2.1")
    door.assert_refused("192.0.2.1")
    door.leave(guests[1])
    door.let_in("192.0.2.1")


def test_nothing_is_remembered_of_an_address_whose_sockets_are_gone() -> None:
    door = Door(SETTINGS)
    for number in range(30):
        guest = door.let_in(f"192.0.2.{number}")
        if number % 2:
            door.settle(guest)
        door.leave(guest)
        door.leave(guest)  # Told twice, it counts once.
    admission = door.admission
    assert not admission._sockets
    assert not admission._unknown
    assert not admission._address_of
    assert not admission._strangers


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        ("", "", ""),
    ],
)
def test_an_address_is_the_peers_unless_a_trusted_proxy_names_another(peer: str, forwarded: str, counted: str) -> None:
    settings = dataclasses.replace(SETTINGS, trusted_proxies=networks("10.0.0.0/8"))
    assert Door(settings).admission.address(peer, forwarded) == counted


def test_with_limits_off_no_address_is_counted() -> None:
    assert Door(LIMITLESS).admission.address("203.0.113.9", "") is None
