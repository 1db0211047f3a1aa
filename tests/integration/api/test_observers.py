"""Humans with an account: registering, logging in and out, and the servers that they keep at hand."""

import asyncio
import secrets
from typing import Any

import pytest

from claw.wire.ids import Prefix, encode_id, uuid7
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.platform import Platform

_PASSWORD = "correct horse battery"


def _account(**changed: Any) -> dict[str, Any]:
    return {"email": f"{secrets.token_hex(8)}@example.org", "password": _PASSWORD, **changed}


async def _register(crew: Crew, account: dict[str, Any]) -> dict[str, Any]:
    answer = await crew.stranger().http.post("/observers/register", json=account)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _log_in(crew: Crew, account: dict[str, Any]) -> Bot:
    """Somebody who holds tokens of the account."""
    observer = crew.stranger()
    body = {"email": account["email"], "password": account["password"]}
    answer = await observer.http.post("/observers/login", json=body)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"api_token", "refresh_token", "expires_in"}
    observer.take_tokens(answer.json())
    return observer


async def _observer(crew: Crew) -> Bot:
    account = _account()
    await _register(crew, account)
    return await _log_in(crew, account)


async def test_an_account_is_made_and_logged_in_to(crew: Crew) -> None:
    account = _account(display_name="Otto")
    made = await _register(crew, account)
    assert made["id"].startswith("obs_")
    assert (made["email"], made["display_name"]) == (account["email"], "Otto")
    assert "password" not in made
    observer = await _log_in(crew, account)
    room = await crew.room(guests=0)
    assert (await observer.http.get(f"/servers/{room.server}")).status_code == 200
    assert_refused(await observer.http.post("/servers", json={"name": "mine"}), 403, "forbidden")
    socket = await crew.socket(observer)
    assert (socket.hello["kind"], socket.hello["agent"]) == ("observer", None)


async def test_upper_and_lower_case_are_one_email(crew: Crew) -> None:
    account = _account()
    await _register(crew, {**account, "email": account["email"].upper()})
    await _log_in(crew, account)
    again = await crew.stranger().http.post("/observers/register", json=account)
    assert_refused(again, 409, "conflict")


async def test_of_registrations_at_once_one_is_made(crew: Crew) -> None:
    account = _account()
    http = crew.stranger().http
    answers = await asyncio.gather(*[http.post("/observers/register", json=account) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_wrong_password_and_an_unknown_email_are_answered_alike(crew: Crew) -> None:
    account = _account()
    await _register(crew, account)
    http = crew.stranger().http
    details = set()
    for changed in ({"password": _PASSWORD + "!"}, {"password": ""}, {"email": "nobody@example.org"}):
        answer = await http.post("/observers/login", json={**account, **changed})
        details.add(assert_refused(answer, 401, "unauthorized")["detail"])
    assert len(details) == 1
    assert_refused(await http.post("/observers/login", json={**account, "email": "\0"}), 422, "invalid")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "otto"),
        ("email", "@example.org"),
        ("email", "otto@"),
        ("email", "ot to@example.org"),
        ("email", "otto@example.org\n"),
        ("email", "ötto@example.org"),
        ("email", "a@b@c"),
        ("email", f"otto@{'x' * 300}"),
        ("email", None),
        ("password", "seven77"),
        ("password", "x" * 257),
        ("password", None),
        ("display_name", ""),
    ],
)
async def test_what_cannot_be_an_account_is_invalid(crew: Crew, name: str, value: Any) -> None:
    answer = await crew.stranger().http.post("/observers/register", json=_account(**{name: value}))
    assert_refused(answer, 422, "invalid", path=f"$.{name}")
    assert _PASSWORD not in answer.text


async def test_a_refresh_token_works_once_and_a_copy_ends_the_log_in(crew: Crew) -> None:
    observer = await _observer(crew)
    socket = await crew.socket(observer)
    spent = {"refresh_token": observer.refresh_token}
    renewed = (await observer.http.post("/auth/refresh", json=spent)).raise_for_status().json()
    assert set(renewed) == {"api_token", "refresh_token", "expires_in"}
    assert_refused(await observer.http.post("/auth/refresh", json=spent), 401, "unauthorized")
    assert await socket.closed() == 4001
    stale = {"Authorization": f"Bearer {renewed['api_token']}"}
    assert_refused(await observer.http.get("/observers/watch", headers=stale), 401, "unauthorized")
    fresh = {"refresh_token": renewed["refresh_token"]}
    assert_refused(await observer.http.post("/auth/refresh", json=fresh), 401, "unauthorized")


@pytest.mark.parametrize("everywhere", [False, True])
async def test_logging_out_ends_this_log_in_or_all(crew: Crew, everywhere: bool) -> None:
    account = _account()
    await _register(crew, account)
    here, there = await _log_in(crew, account), await _log_in(crew, account)
    sockets = [await crew.socket(here, node="gw-1"), await crew.socket(here, node="gw-2")]
    other = await crew.socket(there)
    assert (await here.http.post("/auth/logout", json={"everywhere": everywhere})).status_code == 204
    for socket in sockets:
        assert await socket.closed() == 4001
    assert_refused(await here.http.get("/observers/watch"), 401, "unauthorized")
    if everywhere:
        assert await other.closed() == 4001
        assert_refused(await there.http.get("/observers/watch"), 401, "unauthorized")
    else:
        await other.send(op="ping", ref=1)
        await other.expect("pong", ref=1)
        assert (await there.http.get("/observers/watch")).status_code == 200
    await _log_in(crew, account)


async def test_a_guest_has_no_log_in_to_end(crew: Crew) -> None:
    guest = await crew.observer()
    assert_refused(await guest.http.post("/auth/logout"), 403, "forbidden")


async def test_servers_are_kept_at_hand_in_the_order_of_watching(crew: Crew) -> None:
    observer = await _observer(crew)
    rooms = [await crew.room(guests=0) for _ in range(3)]
    for room in (*rooms, rooms[0]):
        assert (await observer.http.put(f"/observers/watch/{room.server}")).status_code == 204
    watched = (await observer.http.get("/observers/watch")).json()
    assert [server["id"] for server in watched["items"]] == [room.server for room in rooms]
    assert watched["items"][0] == (await observer.http.get(f"/servers/{rooms[0].server}")).json()
    first = (await observer.http.get("/observers/watch", params={"limit": 2})).json()
    rest = (await observer.http.get("/observers/watch", params={"after": first["next"]})).json()
    assert [server["id"] for server in first["items"] + rest["items"]] == [room.server for room in rooms]
    for _ in range(2):
        assert (await observer.http.delete(f"/observers/watch/{rooms[1].server}")).status_code == 204
    # One that is made private, and one that is deleted, are not there any more.
    (await rooms[0].owner.http.patch(f"/servers/{rooms[0].server}", json={"is_public": False})).raise_for_status()
    (await rooms[2].owner.http.delete(f"/servers/{rooms[2].server}")).raise_for_status()
    assert (await observer.http.get("/observers/watch")).json() == {"items": [], "next": None}
    # Each has a list of his own.
    assert (await (await _observer(crew)).http.get("/observers/watch")).json()["items"] == []


async def test_a_server_that_is_not_there_cannot_be_watched(crew: Crew) -> None:
    observer = await _observer(crew)
    private = await crew.room(guests=0, is_public=False)
    for server in (private.server, encode_id(Prefix.SERVER, uuid7()), private.channel, "nonsense"):
        assert_refused(await observer.http.put(f"/observers/watch/{server}"), 404, "not_found")
    answer = await observer.http.get("/observers/watch", params={"after": "nonsense"})
    assert_refused(answer, 422, "invalid", path="$.after")


async def test_a_list_is_for_who_has_an_account(crew: Crew) -> None:
    room = await crew.room(guests=0)
    for somebody, status, code in (
        (await crew.observer(), 403, "forbidden"),
        (room.owner, 403, "forbidden"),
        (crew.stranger(), 401, "unauthorized"),
    ):
        for method, path in (("GET", ""), ("PUT", f"/{room.server}"), ("DELETE", f"/{room.server}")):
            assert_refused(await somebody.http.request(method, f"/observers/watch{path}"), status, code)


async def test_no_password_or_token_reaches_a_log_line(crew: Crew, platform: Platform) -> None:
    account = _account(password=f"secret-{secrets.token_hex(8)}")
    await _register(crew, account)
    observer = await _log_in(crew, account)
    await crew.stranger().http.post("/observers/login", json={**account, "email": 7})
    for secret in (account["password"], account["email"], observer.token, observer.refresh_token):
        assert secret not in platform.output
