"""Control messages, in literal bytes; what another version sends is passed over."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.control import Control, InstructionsChanged, LoginEnded, RightsChanged, decode_control, encode_control

ADA = UUID("0190a5d0-0000-7000-8000-00000000000a")
FAMILY = UUID("0190a5d0-0000-7000-8000-0000000000f0")


@pytest.mark.parametrize(
    ("control", "data"),
    [
        (
            LoginEnded(ADA, FAMILY, 1.5),
            b'{"type":"login_ended","subject":"%b","family":"%b","at":1.5}' % (str(ADA).encode(), str(FAMILY).encode()),
        ),
        (
            LoginEnded(ADA, None, 1.5),
            b'{"type":"login_ended","subject":"0190a5d0-0000-7000-8000-00000000000a","family":null,"at":1.5}',
        ),
        (RightsChanged(ADA), b'{"type":"rights_changed","agent":"0190a5d0-0000-7000-8000-00000000000a"}'),
        (RightsChanged(None), b'{"type":"rights_changed","agent":null}'),
        (
            RightsChanged(None, [FAMILY]),
            b'{"type":"rights_changed","agent":null,"streams":["%b"]}' % str(FAMILY).encode(),
        ),
        (
            InstructionsChanged([FAMILY]),
            b'{"type":"instructions_changed","streams":["%b"]}' % str(FAMILY).encode(),
        ),
    ],
)
def test_a_control_message_is_tagged_json(control: Control, data: bytes) -> None:
    assert encode_control(control) == data
    assert decode_control(data) == control


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert decode_control(b'{"type":"rights_changed","agent":null,"why":"ban"}') == RightsChanged(None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"type":"server_moved"}',
        b'{"type":"login_ended","subject":null,"family":null}',
        b'{"type":"rights_changed","agent":"agt_x"}',
        b'{"type":"rights_changed\xff"}',
        b'{"type":"rights_changed","agent":null,"more":' + b"[" * 100_000,
    ],
)
def test_what_this_version_does_not_know_is_nothing(data: bytes) -> None:
    assert decode_control(data) is None


@given(st.binary())
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    decode_control(data)
