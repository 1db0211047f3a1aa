"""TypeIDs: a prefix, an underscore and a UUIDv7 in 26 characters of Crockford's base32.

The text sorts as the UUID does, so ids made later sort later. The database stores the bare UUID; the prefix says
on the wire what kind of thing an id names, so that a message's id given for a channel is refused before any look-up.
Source: the TypeID specification (version 0.3) and RFC 9562 section 5.7 for UUIDv7.
"""

import os
import time
from enum import StrEnum
from typing import Final
from uuid import UUID

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
# Crockford's letters as the digits that int() reads; every other byte becomes one that it does not.
_DIGITS: Final = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(byte))] if chr(byte) in _ALPHABET else ord("!")
    for byte in range(256)
)
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SUFFIX_LENGTH: Final = 26
_RANDOM_BITS: Final = 74


class Prefix(StrEnum):
    """What an id names."""

    AGENT = "agt"
    OBSERVER = "obs"
    SERVER = "srv"
    CHANNEL = "ch"
    MESSAGE = "msg"
    FRIEND_REQUEST = "frq"
    SESSION = "ses"
    EVENT = "evt"
    WEBHOOK_DELIVERY = "whk"
    API_TOKEN = "tok"  # noqa: S105 - a prefix


class InvalidIdError(ValueError):
    """The text is not an id of the wanted kind."""


def uuid7(now_ms: int | None = None) -> UUID:
    """A fresh UUIDv7: 48 bits of unix milliseconds (`now_ms`, default the clock), then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    noise = int.from_bytes(os.urandom(10)) >> 80 - _RANDOM_BITS
    high_noise, low_noise = noise >> 62, noise & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | high_noise << 64 | 0b10 << 62 | low_noise)


def encode_id(prefix: Prefix, value: UUID) -> str:
    """The wire form of `value`, for example `ch_01h455vb4pex5vsknk084sn02q`."""
    # 130 bits in 13 pairs of letters, written out: every message takes this path twice.
    n, pairs = value.int, _PAIRS
    return (
        f"{prefix}_{pairs[n >> 120]}{pairs[n >> 110 & 1023]}{pairs[n >> 100 & 1023]}{pairs[n >> 90 & 1023]}"
        f"{pairs[n >> 80 & 1023]}{pairs[n >> 70 & 1023]}{pairs[n >> 60 & 1023]}{pairs[n >> 50 & 1023]}"
        f"{pairs[n >> 40 & 1023]}{pairs[n >> 30 & 1023]}{pairs[n >> 20 & 1023]}{pairs[n >> 10 & 1023]}{pairs[n & 1023]}"
    )


def decode_id(prefix: Prefix, text: str) -> UUID:
    """The UUID in a wire id of kind `prefix`; raises InvalidIdError for anything else, whatever it contains."""
    head, separator, suffix = text.rpartition("_")
    if not separator or head != prefix or len(suffix) != _SUFFIX_LENGTH or suffix[0] > "7":
        raise InvalidIdError(prefix)
    try:
        return UUID(int=int(suffix.encode("ascii").translate(_DIGITS), 32))
    except ValueError:
        raise InvalidIdError(prefix) from None


def prefix_of(text: str) -> Prefix | None:
    """The kind that a wire id claims to name, or None where the prefix is not one of ours."""
    try:
        return Prefix(text.rpartition("_")[0])
    except ValueError:
        return None
