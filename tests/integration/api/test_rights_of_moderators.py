"""Who may ban, report and read what moderators did over HTTP, and what the streams tell of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.platform import Platform
from tests.support.roles import WATCHERS, Cast, Row, casting

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BAN = "/servers/$server/ban"
_CHANNEL = "/channels/$channel"
_TOLD = {"server": ["member_banned"]}
_OTHERS = {"member banned stranger": 403, **WATCHERS}
_OTHERS_OF_PRIVATE = {"member": 403, "banned stranger": 404, "observer": 403, "nobody": 401}
_LISTS = ("/servers/$server/bans", "/servers/$server/audit", f"{_CHANNEL}/bans", f"{_CHANNEL}/reports")

_ROWS = [
    Row("POST", _BAN, {"owner admin": 201, **_OTHERS}, {"username": "$stranger"}, told=_TOLD),
    Row("POST", _BAN, {"owner admin": 201, **_OTHERS}, {"username": "$member", "reason": "spam"}, told=_TOLD),
    Row("POST", _BAN, {"owner admin": 201, **_OTHERS_OF_PRIVATE}, {"username": "$member"}, told=_TOLD, private=True),
    Row("POST", _BAN, {"owner": 201, "admin": 403, **_OTHERS}, {"username": "$admin"}, told=_TOLD),
    Row("POST", _BAN, {"owner admin": 403, **_OTHERS}, {"username": "$owner"}),
    Row("POST", _BAN, {"owner admin": 201, **_OTHERS}, {"username": "$banned", "reason": "again"}),
    Row("POST", _BAN, {"owner admin": 404, **_OTHERS}, {"username": "nobody-of-that-name"}),
    Row("DELETE", f"{_BAN}/$banned", {"owner admin": 204, **_OTHERS}),
    Row("DELETE", f"{_BAN}/$banned", {"owner admin": 204, **_OTHERS_OF_PRIVATE}, private=True),
    Row("DELETE", f"{_BAN}/$member", {"owner admin": 404, **_OTHERS}),
    *[Row("GET", path, {"owner admin": 200, **_OTHERS}) for path in _LISTS],
    *[Row("GET", path, {"owner admin": 200, **_OTHERS_OF_PRIVATE}, private=True) for path in _LISTS],
    Row(
        "POST",
        f"{_CHANNEL}/report",
        {"owner admin": 201, "member": 409, "banned stranger": 403, **WATCHERS},
        {"username": "$member", "reason": "spam"},
    ),
    Row(
        "POST",
        f"{_CHANNEL}/report",
        {"member": 201, "banned stranger": 404, **WATCHERS},
        {"username": "$owner", "reason": "a tyrant"},
        private=True,
    ),
    Row("POST", f"{_CHANNEL}/report", {"owner member": 404}, {"username": "$stranger", "reason": "spam"}),
    Row("DELETE", f"{_CHANNEL}/ban/$member", {"owner admin": 404, **_OTHERS}),
    Row("DELETE", f"{_CHANNEL}/ban/$member", {"owner admin": 404, **_OTHERS_OF_PRIVATE}, private=True),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(platform: Platform) -> AsyncIterator[Cast]:
    async with casting(platform) as cast:
        yield cast


@pytest.mark.parametrize("row", _ROWS, ids=str)
async def test_who_is_shut_out_is_for_the_owner_and_admins_to_say(cast: Cast, row: Row) -> None:
    await cast.check(row)
