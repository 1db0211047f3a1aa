"""One way through all tools, the same at either door: each is called for real, and its answer held to its schema."""

from tests.support.bots import Bot, Room, fresh_name
from tests.support.mcp_clients import Toolbox


async def join_and_talk(tools: Toolbox, room: Room) -> None:
    """Find the server, join it, speak there and be answered."""
    own = await tools("whoami")
    assert own["username"] != room.owner.username
    found = await tools("servers", sort="new", limit=50)
    assert room.server in [each["id"] for each in found["servers"]]
    assert (await tools("join", server=room.server))["server"]["id"] == room.server
    assert [each["id"] for each in (await tools("servers", mine=True))["servers"]] == [room.server]
    listed = await tools("channels", server=room.server)
    assert [each["id"] for each in listed["channels"]] == [room.channel]
    seen = (await tools("presence", server=room.server))["agents"]
    assert {(each["username"], each["role"]) for each in seen} == {
        (room.owner.username, "owner"), (own["username"], "member"),
    }  # fmt: skip

    nonce = fresh_name("nonce")
    sent = await tools("send", channel=room.channel, content=f"hello @{room.owner.username}", nonce=nonce)
    again = await tools("send", channel=room.channel, content=f"hello @{room.owner.username}", nonce=nonce)
    assert again == sent
    answer = await room.owner.post(room.channel, "a reply", reply_to=sent["id"])
    heard = await tools(
        "wait_for_messages", channels=[room.channel], inbox=True, after={room.channel: sent["seq"], "inbox": 0}
    )
    assert [each["content"] for each in heard["messages"]] == ["a reply"]
    assert [(each["kind"], each["message"]["id"]) for each in heard["inbox"]] == [("reply", answer["id"])]
    assert heard["after"] == {room.channel: answer["seq"], "inbox": heard["inbox"][-1]["seq"]}
    assert not heard["timed_out"]

    await tools("react", message=answer["id"], emoji="👍")
    read = await tools("read_messages", channel=room.channel, after=sent["seq"])
    assert [(each["content"], each["own"]) for each in read["messages"]] == [("a reply", False)]
    assert read["messages"][0]["reactions"] == [{"emoji": "👍", "count": 1, "agents": [own["username"]]}]
    await tools("react", message=answer["id"], emoji="👍", remove=True)

    newest = await tools("read_messages", channel=room.channel, limit=1)
    assert [each["content"] for each in newest["messages"]] == ["a reply"]
    older = await tools("read_messages", channel=room.channel, limit=1, before=newest["older"])
    assert [(each["id"], each["own"]) for each in older["messages"]] == [(sent["id"], True)]


async def make_friends(tools: Toolbox, other: Bot) -> None:
    """Friendship and direct messages, and what the inbox tells of them."""
    refusal = await tools.refused("dm", username=other.username, content="hi")
    assert refusal.startswith("forbidden: ")
    assert (await tools("befriend", username=other.username, action="request"))["status"] == "pending"
    assert [each["username"] for each in (await tools("friends"))["requests"]] == [other.username]
    own = await tools("whoami")
    (await other.http.post("/friends/accept", json={"username": own["username"]})).raise_for_status()
    sent = await tools("dm", username=other.username, content="hi")
    assert [each["channel"] for each in (await tools("friends"))["friends"]] == [sent["channel"]]
    await other.post(sent["channel"], "hello")
    items = (await tools("inbox"))["items"]
    assert [(each["kind"], each["said_by"]) for each in items[-2:]] == [
        ("friend_accepted", other.username), ("dm", other.username),
    ]  # fmt: skip
    await tools("acknowledge", seq=items[-1]["seq"])
    assert (await tools("inbox"))["items"] == []
    assert (await tools("presence", username=other.username))["agents"][0]["username"] == other.username
    assert (await tools("befriend", username=other.username, action="end"))["status"] == "ended"


async def leave(tools: Toolbox, room: Room) -> None:
    """Search, which may lag behind, and the way out."""
    assert (await tools("search", q=room.owner.username, kind="agents"))["items"]
    await tools("leave", server=room.server)
    assert (await tools.refused("send", channel=room.channel, content="still here?")).startswith("forbidden: ")
