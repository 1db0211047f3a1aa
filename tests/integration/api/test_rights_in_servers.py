"""Who may do what with servers, members, invites and channels over HTTP, and what the streams tell of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.platform import Platform
from tests.support.roles import WATCHERS, Cast, Row, casting

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SERVER = "/servers/$server"
_CHANNEL = "/channels/$channel"
_MODERATORS = {"owner admin": 200, "member banned stranger": 403, **WATCHERS}
_MODERATORS_OF_PRIVATE = {"owner admin": 200, "member": 403, "banned stranger": 404, "observer": 403, "nobody": 401}
_OWNER = {"owner": 200, "admin member banned stranger": 403, **WATCHERS}
_EVERYBODY = {"owner admin member banned stranger observer": 200, "nobody": 401}
_INSIDERS = {"owner admin member": 200, "banned stranger observer": 404, "nobody": 401}


def _done(answers: dict[str, int], status: int) -> dict[str, int]:
    return {actors: status if answer == 200 else answer for actors, answer in answers.items()}


_ROWS = [
    Row("GET", _SERVER, _EVERYBODY),
    Row("GET", _SERVER, _INSIDERS, private=True),
    Row("GET", f"{_SERVER}/members", _EVERYBODY),
    Row("GET", f"{_SERVER}/members", _INSIDERS, private=True),
    Row("GET", f"{_SERVER}/channels", _EVERYBODY),
    Row("GET", f"{_SERVER}/channels", _INSIDERS, private=True),
    Row("GET", _CHANNEL, _EVERYBODY),
    Row("GET", _CHANNEL, _INSIDERS, private=True),
    Row("GET", "/servers", _EVERYBODY),
    Row("PATCH", _SERVER, _MODERATORS, {"description": "new"}, told={"server": ["server_updated"]}),
    Row(
        "PATCH",
        _SERVER,
        _MODERATORS_OF_PRIVATE,
        {"description": "new"},
        told={"server": ["server_updated"]},
        private=True,
    ),
    Row("PATCH", _SERVER, _MODERATORS, {"is_public": False}, told={"server": ["server_updated"]}),
    Row("PATCH", _SERVER, _MODERATORS, {}),
    Row("PATCH", _SERVER, _MODERATORS, {"description": None, "report_threshold": 10}),
    Row("PATCH", _SERVER, _OWNER, {"report_threshold": 7}, told={"server": ["server_updated"]}),
    Row("PUT", f"{_SERVER}/tags", _MODERATORS, {"tags": ["a"]}, told={"server": ["server_updated"]}),
    Row("PUT", f"{_SERVER}/tags", _MODERATORS, {"tags": []}),
    Row("PUT", f"{_SERVER}/instructions", _MODERATORS, {"instructions": "x"}, told={"server": ["server_updated"]}),
    Row("PUT", f"{_SERVER}/instructions", _MODERATORS, {"instructions": None}),
    Row("DELETE", _SERVER, _done(_OWNER, 204), told=None),
    Row("DELETE", _SERVER, {"owner": 204, "admin member": 403, "banned stranger": 404}, told=None, private=True),
    Row(
        "POST",
        f"{_SERVER}/join",
        {"owner admin member": 200, "banned": 403, **WATCHERS},
    ),
    Row("POST", f"{_SERVER}/join", {"stranger": 200}, told={"server": ["member_joined"]}),
    Row("POST", f"{_SERVER}/join", {"owner": 200, "banned stranger": 404, **WATCHERS}, private=True),
    Row("POST", f"{_SERVER}/join", {"stranger": 404}, {"invite": "inv_none"}, private=True),
    Row(
        "DELETE",
        f"{_SERVER}/leave",
        {"owner": 409, "admin member": 204, "banned stranger": 409, **WATCHERS},
        told={"server": ["member_left"]},
    ),
    Row("POST", f"{_SERVER}/invites", _done(_MODERATORS, 201)),
    Row("POST", f"{_SERVER}/invites", _done(_MODERATORS_OF_PRIVATE, 201), {"max_uses": 1}, private=True),
    Row("PATCH", f"{_SERVER}/members/$member", _OWNER, {"role": "admin"}, told={"server": ["role_changed"]}),
    Row("PATCH", f"{_SERVER}/members/$member", _OWNER, {"role": "member"}),
    Row("PATCH", f"{_SERVER}/members/$member", _OWNER, {"role": "owner"}, told={"server": ["role_changed"] * 2}),
    Row("PATCH", f"{_SERVER}/members/$owner", {"owner": 409, "admin": 403}, {"role": "member"}),
    Row("PATCH", f"{_SERVER}/members/$stranger", {"owner": 404, "admin": 403}, {"role": "admin"}),
    Row("PATCH", f"{_SERVER}/members/$owner", {"owner": 200}, {"role": "owner"}),
    Row(
        "POST",
        f"{_SERVER}/channels",
        _done(_MODERATORS, 201),
        {"name": "news", "type": "announcement"},
        told={"server": ["channel_created"]},
    ),
    Row(
        "POST",
        f"{_SERVER}/channels",
        _done(_MODERATORS_OF_PRIVATE, 201),
        {"name": "x"},
        told={"server": ["channel_created"]},
        private=True,
    ),
    Row("PATCH", _CHANNEL, _MODERATORS, {"topic": "new", "position": 3}, told={"server": ["channel_updated"]}),
    Row("PATCH", _CHANNEL, _MODERATORS, {"name": "general"}),
    Row("PATCH", _CHANNEL, _MODERATORS_OF_PRIVATE, {"name": "new"}, told={"server": ["channel_updated"]}, private=True),
    Row("PUT", f"{_CHANNEL}/instructions", _MODERATORS, {"instructions": "x"}, told={"server": ["channel_updated"]}),
    Row("DELETE", _CHANNEL, _done(_MODERATORS, 204), told=None),
    Row("DELETE", _CHANNEL, _done(_MODERATORS_OF_PRIVATE, 204), told=None, private=True),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(platform: Platform) -> AsyncIterator[Cast]:
    async with casting(platform) as cast:
        yield cast


@pytest.mark.parametrize("row", _ROWS, ids=str)
async def test_a_server_is_ruled_by_its_owner_and_admins(cast: Cast, row: Row) -> None:
    await cast.check(row)
