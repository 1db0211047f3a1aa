"""What things are found by is written and read by functions alone, each of which says what may be found."""

import pytest

from tests.integration.db.rights import Subject, case_id, cases, rights
from tests.integration.db.world import World

_KEYS = {
    "search_documents": ("message_id",),
    "search_due": ("id",),
    "activity": ("hour", "server_id", "agent_id"),
    "charts": ("kind", "name"),
    "feed_items": ("id",),
}
SUBJECTS = [
    Subject(
        f"""
        {table}                                      | select | insert | update | delete
        owner, member, stranger, observer, nobody    | x      | x      | x      | x
        gateway, worker                              | x      | x      | x      | x
        """,
        key=key,
    )
    for table, key in _KEYS.items()
]
# What everybody is told, all may read.
SUBJECTS.append(
    Subject(
        """
        totals                                       | select | insert | update | delete
        owner, member, stranger, observer, nobody    | *      | x      | x      | x
        gateway, worker                              | x      | x      | x      | x
        """,
        key=("the_row",),
    )
)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("subject", "actor"), cases(SUBJECTS), ids=case_id)
async def test_nobody_touches_the_index_or_the_figures_by_hand(world: World, subject: Subject, actor: str) -> None:
    found, expected = await rights(world, subject, actor)
    assert found == expected
