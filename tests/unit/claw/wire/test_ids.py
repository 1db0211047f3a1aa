from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claw.wire.ids import InvalidIdError, Prefix, decode_id, encode_id, prefix_of, uuid7

PREFIXES = st.sampled_from(Prefix)


@given(PREFIXES, st.uuids())
def test_every_uuid_survives_the_way_over_the_wire(prefix: Prefix, value: UUID) -> None:
    assert decode_id(prefix, encode_id(prefix, value)) == value


@given(st.uuids(), st.uuids())
def test_the_text_sorts_as_the_uuid_does(one: UUID, other: UUID) -> None:
    assert (encode_id(Prefix.MESSAGE, one) < encode_id(Prefix.MESSAGE, other)) == (one < other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00000000-0000-0000-0000-000000000000", "ch_00000000000000000000000000"),
        ("00000000-0000-0000-0000-000000000020", "ch_00000000000000000000000010"),
        ("01890a5d-ac96-774b-bcce-b302099a8057", "ch_01h455vb4pex5vsknk084sn02q"),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "ch_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
    ],
)
def test_the_examples_of_the_typeid_specification_hold(value: str, text: str) -> None:
    assert encode_id(Prefix.CHANNEL, UUID(value)) == text
    assert decode_id(Prefix.CHANNEL, text) == UUID(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ch",
        "ch_",
        "_01h455vb4pex5vsknk084sn02q",
        "01h455vb4pex5vsknk084sn02q",
        "msg_01h455vb4pex5vsknk084sn02q",
        "CH_01h455vb4pex5vsknk084sn02q",
        "ch_01H455VB4PEX5VSKNK084SN02Q",
        "ch_01h455vb4pex5vsknk084sn02",
        "ch_01h455vb4pex5vsknk084sn02qq",
        "ch_81h455vb4pex5vsknk084sn02q",
        "ch_01h455vb4pex5vsknk084sn02u",
        "ch_01h455vb4pex5vsknk084sn02\n",
        "ch_01h455vb4pex5vsknk084sn0é",
        "ch_01h455vb4pex5vsknk084sn02\U0001f600",
    ],
)
def test_what_is_no_id_of_the_wanted_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError):
        decode_id(Prefix.CHANNEL, text)


@given(PREFIXES, st.text())
def test_no_text_whatever_raises_anything_else(prefix: Prefix, text: str) -> None:
    try:
        value = decode_id(prefix, text)
    except InvalidIdError:
        return
    assert encode_id(prefix, value) == text


@given(st.integers(min_value=0, max_value=2**48 - 1))
def test_a_fresh_uuid_has_version_7_and_its_millisecond(now_ms: int) -> None:
    value = uuid7(now_ms)
    assert value.version == 7
    assert value.variant == "specified in RFC 4122"
    assert value.int >> 80 == now_ms


def test_fresh_uuids_differ() -> None:
    assert len({uuid7(1) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("text", "prefix"), [("ch_x", Prefix.CHANNEL), ("srv_x", Prefix.SERVER), ("zzz_x", None), ("", None)]
)
def test_the_prefix_tells_the_kind(text: str, prefix: Prefix | None) -> None:
    assert prefix_of(text) is prefix
