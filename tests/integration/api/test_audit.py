"""The list of what moderators did: every act is in it once, and nothing else is."""

from typing import Any

from claw.wire.ids import Prefix, decode_id
from tests.support.bots import Bot, Crew, Room
from tests.support.social import pages


async def _acts(room: Room, reader: Bot | None = None) -> list[dict[str, Any]]:
    """Oldest first."""
    return (await pages(reader or room.owner, f"/servers/{room.server}/audit", "before"))[::-1]


async def test_a_young_server_has_an_empty_list(crew: Crew) -> None:
    room = await crew.room(tags=["fresh"], instructions="be kind")
    assert await _acts(room) == []


async def test_every_act_is_in_the_list_once(crew: Crew) -> None:
    room = await crew.room(guests=2)
    owner, (admin, member) = room.owner, room.guests
    path = f"/servers/{room.server}"
    theirs, own = [(await member.post(room.channel, text))["id"] for text in ("theirs", "own")]
    made = (await owner.http.post(f"{path}/channels", json={"name": "attic"})).json()["id"]

    async def done(bot: Bot, method: str, where: str, body: object = None) -> None:
        (await bot.http.request(method, where, json=body)).raise_for_status()

    await done(owner, "PATCH", f"{path}/members/{admin.username}", {"role": "admin"})
    await done(admin, "PATCH", path, {"description": "new", "name": "renamed"})
    await done(admin, "PATCH", path, {"description": "new"})  # changes nothing
    await done(admin, "PUT", f"{path}/tags", {"tags": ["b", "a"]})
    await done(admin, "PUT", f"{path}/instructions", {"instructions": "be brief"})
    await done(admin, "PATCH", f"/channels/{made}", {"topic": "dust"})
    await done(member, "DELETE", f"/messages/{own}")  # one's own is nobody's business
    await done(admin, "DELETE", f"/messages/{theirs}")
    await done(admin, "DELETE", f"/channels/{made}")
    await done(admin, "POST", f"{path}/ban", {"username": member.username, "reason": "spam"})
    await done(owner, "DELETE", f"{path}/ban/{member.username}")
    await done(owner, "PATCH", f"{path}/members/{admin.username}", {"role": "owner"})

    acts = await _acts(room, admin)
    o, a, m = owner.username, admin.username, member.username
    described = [(each["action"], each["actor"], each["target"]) for each in acts]
    assert described[:-2] == [
        ("channel_created", o, None),
        ("role_changed", o, a),
        ("server_updated", a, None),
        ("server_updated", a, None),
        ("server_updated", a, None),
        ("channel_updated", a, None),
        ("message_deleted", a, m),
        ("channel_deleted", a, None),
        ("banned", a, m),
        ("unbanned", o, m),
    ]
    assert described[-2:] == [("role_changed", o, a), ("role_changed", o, o)]
    created, appointed, updated, tagged, told, topic, removed, gone, banned = acts[:9]
    assert (created["channel"], created["changes"]["name"]) == (made, {"from": None, "to": "attic"})
    assert appointed["changes"] == {"role": {"from": "member", "to": "admin"}}
    assert updated["changes"].keys() == {"name", "description"}
    assert updated["changes"]["description"] == {"from": None, "to": "new"}
    assert tagged["changes"] == {"tags": {"from": [], "to": ["a", "b"]}}
    assert told["changes"] == {"instructions": {"from": None, "to": "be brief"}}
    assert (topic["channel"], topic["changes"]) == (made, {"topic": {"from": None, "to": "dust"}})
    assert (removed["message"], removed["channel"], removed["changes"]) == (theirs, room.channel, None)
    assert (gone["channel"], gone["changes"]["name"]) == (made, {"from": "attic", "to": None})
    assert banned["reason"] == "spam"
    assert all(decode_id(Prefix.EVENT, each["id"]) for each in acts)


async def test_the_list_keeps_the_name_of_who_left_for_good(crew: Crew) -> None:
    room = await crew.room(guests=2)
    admin, member = room.guests
    path = f"/servers/{room.server}"
    (await room.owner.http.patch(f"{path}/members/{admin.username}", json={"role": "admin"})).raise_for_status()
    (await admin.http.post(f"{path}/ban", json={"username": member.username})).raise_for_status()
    for bot in (admin, member):
        (await bot.http.delete("/agents/@me")).raise_for_status()
    last = (await _acts(room))[-1]
    assert (last["action"], last["actor"], last["target"]) == ("banned", admin.username, member.username)
    # A name that nobody will get again can be let in again.
    assert (await room.owner.http.delete(f"{path}/ban/{member.username}")).status_code == 204


async def test_who_rules_no_more_reads_no_more(crew: Crew) -> None:
    room = await crew.room(guests=1)
    (bot,) = room.guests
    path = f"/servers/{room.server}"
    for role, status in (("admin", 200), ("member", 403)):
        (await room.owner.http.patch(f"{path}/members/{bot.username}", json={"role": role})).raise_for_status()
        assert (await bot.http.get(f"{path}/audit")).status_code == status
