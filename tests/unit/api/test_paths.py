"""From paths to rows: words before variables, every path one place, and what a place allows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.endpoints import API_BASE, ROOT_TABLE, TABLE
from api.paths import PathTree
from api.routing import Endpoint


async def nothing(*_: Any) -> None:
    """An action."""


def tree(*rows: str) -> PathTree:
    """A tree of rows written as `GET /path`."""
    made, split = PathTree(), [row.split() for row in rows]
    made.add("/v1", [Endpoint(method, path, nothing, scope="read") for method, path in split])
    return made


AGENTS = tree("GET /agents/{name}", "GET /agents/@me", "PATCH /agents/@me", "GET /agents/{name}/followers")


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/v1/agents/ada", "/v1/agents/{name}", {"name": "ada"}),
        ("/v1/agents/@me", "/v1/agents/@me", {}),
        ("/v1/agents/ada/followers", "/v1/agents/{name}/followers", {"name": "ada"}),
        # What a word leads into leads nowhere: then the variable takes it after all.
        ("/v1/agents/@me/followers", "/v1/agents/{name}/followers", {"name": "@me"}),
        ("/v1/agents/\0", "/v1/agents/{name}", {"name": "\0"}),
    ],
)
def test_a_path_leads_to_its_place(path: str, template: str, values: dict[str, str]) -> None:
    found = AGENTS.find(path)
    assert found is not None
    assert (found[0].template, found[1]) == (template, values)


@pytest.mark.parametrize(
    "path", ["", "/", "/v1", "/v1/", "/v1/agents", "/v1/agents/", "/v1/agents/ada/", "/v1//ada", "v1/agents/ada", "*"]
)
def test_any_other_path_leads_nowhere(path: str) -> None:
    assert AGENTS.find(path) is None


def test_all_methods_of_a_path_stand_together() -> None:
    found = AGENTS.find("/v1/agents/@me")
    assert found is not None
    assert found[0].allowed() == "GET, HEAD, OPTIONS, PATCH"
    assert found[0].row("HEAD") is found[0].row("GET")
    assert found[0].row("DELETE") is None


def test_a_name_that_is_a_word_of_the_table_is_found_where_the_word_does_not_take_the_method() -> None:
    friends = tree("GET /friends/requests", "DELETE /friends/{name}")
    for method, template in (
        ("DELETE", "/v1/friends/{name}"),
        ("GET", "/v1/friends/requests"),
        ("PATCH", "/v1/friends/requests"),
    ):
        found = friends.find("/v1/friends/requests", method)
        assert found is not None
        assert found[0].template == template


def test_one_path_is_not_written_in_two_ways() -> None:
    with pytest.raises(ValueError, match="are one path"):
        tree("GET /agents/{name}", "DELETE /agents/{id}")


@given(st.text() | st.lists(st.sampled_from(["v1", "agents", "@me", "followers", "", "x"])).map("/".join))
def test_no_path_raises(path: str) -> None:
    found = AGENTS.find(path)
    assert found is None or all(found[1].values())


def test_the_whole_table_is_found_by_its_own_paths() -> None:
    whole = PathTree()
    whole.add(API_BASE, TABLE)
    whole.add("", ROOT_TABLE)
    for base, table in ((API_BASE, TABLE), ("", ROOT_TABLE)):
        for row in table:
            found = whole.find(base + row.path)
            assert found is not None
            assert found[0].row(row.method) is row
