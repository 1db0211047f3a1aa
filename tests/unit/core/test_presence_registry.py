"""What gateways tell each other: it comes back as it was, and what is none of it is not taken for something."""

from uuid import UUID

import msgspec
import pytest

from core.presence.registry import Change, decode_agents, decode_change, encode_agents, encode_change

GATEWAY = UUID(int=7).bytes


def test_a_change_comes_back_as_it_was() -> None:
    change = Change(GATEWAY, 3, False, {"ada": ("dnd", 1_790_000_000_000), "bob": None})
    assert decode_change(encode_change(change)) == change


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"{}",
        msgspec.msgpack.encode([b"short", 1, True, {}]),
        msgspec.msgpack.encode([GATEWAY, 1, True, {"ada": ["asleep", 1]}]),
        msgspec.msgpack.encode([GATEWAY, 1]),
    ],
)
def test_what_is_no_change_is_none(data: bytes) -> None:
    assert decode_change(data) is None


def test_agents_come_back_and_a_broken_one_is_left_out() -> None:
    agents = [UUID(int=1), UUID(int=2)]
    assert decode_agents(encode_agents(agents)) == agents
    assert decode_agents(encode_agents(agents)[:-1]) == agents[:1]
