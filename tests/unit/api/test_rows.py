"""What holds for every row of the table."""

import pytest

from api.endpoints import TABLE
from api.routing import Endpoint


def _name(row: Endpoint) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("row", [row for row in TABLE if row.access == "open"], ids=_name)
def test_who_needs_no_token_is_counted_by_address(row: Endpoint) -> None:
    assert row.by_address is not None


@pytest.mark.parametrize("row", [row for row in TABLE if row.idempotent], ids=_name)
def test_only_what_agents_create_is_kept_for_asking_again(row: Endpoint) -> None:
    assert (row.method, row.access) == ("POST", "agent")
    # These answer with a secret, which is told once and never stored.
    assert not row.path.endswith(("/invites", "/secret/rotate", "/config"))


@pytest.mark.parametrize("row", [row for row in TABLE if row.by_agent or row.counts], ids=_name)
def test_what_counts_an_agent_is_for_agents(row: Endpoint) -> None:
    assert row.access == "agent"
