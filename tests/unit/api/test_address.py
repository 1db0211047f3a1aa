"""Whose request it is: the peer's, or whom trusted proxies name, but never whom the client names."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from api.address import peer_address
from core.address import forwarded_address, subject_of
from core.setting_values import Network, networks

PROXIES = networks("10.0.0.0/8, fd00::/8, 192.0.2.7")
NOBODY: tuple[Network, ...] = ()


def request_from(peer: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"type": "http", "headers": headers, "client": None if peer is None else (peer, 4_711)}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", " 203.0.113.9 , ", "203.0.113.9"),
        ("192.0.2.7", "203.0.113.9", "203.0.113.9"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        # A chain of proxies of ours.
        ("10.0.0.1", "203.0.113.9, 10.0.0.3, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, fd00::2", "203.0.113.9"),
        # Only proxies: the farthest.
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # On the left of the first stranger stands what he wrote himself.
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.9, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "nonsense, 203.0.113.9", "203.0.113.9"),
        # What is no address stops the walk.
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        # A peer that is no proxy of ours is believed nothing.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("192.0.2.8", "198.51.100.1", "192.0.2.8"),
        # IPv4 as a socket of both families names it.
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "198.51.100.1", "::ffff:203.0.113.9"),
        ("a unix socket", "203.0.113.9", "a unix socket"),
    ],
)
def test_the_right_most_address_that_is_no_proxy_of_ours_counts(peer: str, forwarded: str, address: str) -> None:
    assert forwarded_address(peer, forwarded, PROXIES) == address


def test_without_trusted_proxies_the_peer_counts() -> None:
    assert forwarded_address("10.0.0.1", "203.0.113.9", NOBODY) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::1", "::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::"),
        ("a unix socket", "a unix socket"),
    ],
)
def test_ipv6_counts_by_its_64_and_mapped_ipv4_as_ipv4(address: str, subject: str) -> None:
    assert subject_of(address) == subject


def test_a_request_counts_for_whom_the_proxy_names() -> None:
    assert peer_address(request_from("10.0.0.1", "198.51.100.1, 2001:db8:1:2::9"), PROXIES) == "2001:db8:1:2::"
    assert peer_address(request_from("203.0.113.9", "198.51.100.1"), PROXIES) == "203.0.113.9"
    assert peer_address(request_from("203.0.113.9"), PROXIES) == "203.0.113.9"


def test_a_line_that_the_proxy_added_below_the_clients_own_counts() -> None:
    assert peer_address(request_from("10.0.0.1", "198.51.100.1", "203.0.113.9"), PROXIES) == "203.0.113.9"


def test_a_request_without_a_peer_comes_from_this_machine() -> None:
    assert peer_address(request_from(None, "198.51.100.1"), PROXIES) == "127.0.0.1"
    assert peer_address(request_from(None, "198.51.100.1"), networks("127.0.0.1")) == "198.51.100.1"


@given(st.text(), st.ip_addresses(v=4).filter(lambda address: all(address not in each for each in PROXIES[:1])))
def test_whatever_the_client_writes_its_own_address_counts(lie: str, own: ipaddress.IPv4Address) -> None:
    if own in PROXIES[2]:
        return
    assert forwarded_address("10.0.0.1", f"{lie}, {own}", PROXIES) == str(own)
