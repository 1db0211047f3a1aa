"""Outbound frames, in literal bytes (RFC 6455 section 5.2)."""

import pytest

from claw.wire.frames import Ok, Pong
from gateway.wire import encode_frame, encode_payload, text_frame


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, b"\x81\x00"),
        (1, b"\x81\x01"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (256, b"\x81\x7e\x01\x00"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_the_header_says_final_text_unmasked_and_the_length_in_the_shortest_form(length: int, header: bytes) -> None:
    payload = b"x" * length
    assert text_frame(payload) == header + payload


def test_a_frame_of_ours_is_its_json_without_what_is_unset() -> None:
    assert encode_payload(Pong()) == b'{"op":"pong"}'
    assert encode_frame(Ok(ref="zwölf")) == b'\x81\x1a{"op":"ok","ref":"zw\xc3\xb6lf"}'
