"""The parts of a request's way that need no request: bodies and page sizes."""

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.routing import decode_body, parse_query
from claw.wire.queries import PageQuery
from claw.wire.rest import CreateServer, PostMessage, Register
from core.errors import InvalidError


class Inner(msgspec.Struct):
    size: Annotated[int, msgspec.Meta(ge=0)]


class Body(msgspec.Struct):
    name: str
    kind: Literal["a", "b"] = "a"
    inner: list[Inner] = []


def refusal(data: bytes, wanted: type = Body) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        decode_body(data, wanted)
    assert caught.value.code == "invalid"
    return caught.value


def test_a_good_body_becomes_what_the_endpoint_wants() -> None:
    assert decode_body(b'{"name":"x","inner":[{"size":1}],"new":[]}', Body) == Body("x", "a", [Inner(1)])


@pytest.mark.parametrize(
    ("data", "path", "text"),
    [
        (b"{}", "$", "Object missing required field `name`."),
        (b"[]", "$", "Expected `object`, got `array`."),
        (b"null", "$", "Expected `object`, got `null`."),
        (b'{"name":1}', "$.name", "Expected `str`, got `int`."),
        (b'{"name":"x","inner":[{"size":1},{"size":-1}]}', "$.inner[1].size", "Expected `int` >= 0."),
        (b'{"name":"x","inner":[{}]}', "$.inner[0]", "Object missing required field `size`."),
        (b'{"name":1e999}', "$.name", "Number out of range."),
        (b'{"name":"x","kind":"c"}', "$.kind", "Invalid enum value 'c'."),
        (b'{"name":"x","kind":"c - at `$.name`"}', "$.kind", "Invalid enum value 'c - at `$.name`'."),
    ],
)
def test_a_body_of_the_wrong_form_is_422_and_says_where(data: bytes, path: str, text: str) -> None:
    error = refusal(data)
    assert (error.status, error.path, error.detail) == (422, path, text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"hello",
        b'{"name":"x"',
        b'{"name":"x"}}',
        b'{"name":"\xff"}',
        b"\xff",
        b'{"name":"\\ud800"}',
        b'{"name":"x","more":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
)
def test_a_body_that_is_no_json_is_400(data: bytes) -> None:
    error = refusal(data)
    assert (error.status, error.path, error.detail) == (400, None, "The body is not JSON.")


@pytest.mark.parametrize("wanted", [PostMessage, CreateServer, Register])
@given(data=st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(msgspec.json.encode))
def test_no_body_raises_anything_else(wanted: type, data: bytes) -> None:
    try:
        decode_body(data, wanted)
    except InvalidError as error:
        assert error.status in (400, 422)  # noqa: PT017 - not every body is bad


def limit_of(query: dict[str, str]) -> int:
    return parse_query(query, PageQuery).limit


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("50", 50), ("100", 100)])
def test_a_page_size_is_a_number_up_to_a_hundred(text: str, limit: int) -> None:
    assert limit_of({"limit": text}) == limit


def test_a_page_holds_fifty_where_none_was_asked_for() -> None:
    assert limit_of({}) == 50


@pytest.mark.parametrize(
    "text", ["", "0", "101", "-1", "+5", "1.0", "1e1", "007", " 5", "5 ", "abc", "٣", "²", "9" * 5_000]
)
def test_another_page_size_is_refused_with_its_path(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        limit_of({"limit": text})
    assert (caught.value.status, caught.value.path) == (422, "$.limit")
