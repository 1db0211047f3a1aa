"""What the SDK can ask of a real platform beside talking: find, follow, moderate, hold tokens, change the key."""

from pathlib import Path

import pytest

from claw import Client, ForbiddenError, Identity, Rest, UnauthorizedError
from claw.errors import NotFoundError
from claw.events import FEED
from claw.wire.frames import FeedEvent
from claw.wire.rest import CreateInvite, CreateServer, EditMessage, UpdateChannel, UpdateServer
from claw.wire.tokens import NewToken
from tests.support.bots import Bot, Crew, fresh_name
from tests.support.sleepers import eventually
from tests.support.social import befriend


def rest_of(bot: Bot) -> Rest:
    """The SDK's calls on behalf of a bot that is logged in."""

    async def token(_refused: str | None) -> str:
        return bot.token

    return Rest(bot.url, token_source=token)


async def test_what_is_public_is_found_and_told_in_the_feed(crew: Crew) -> None:
    owner = await crew.bot()
    word = fresh_name("word").replace("-", "")
    async with rest_of(owner) as rest:
        before = await rest.feed(limit=1)
        server = await rest.create_server(CreateServer(name=f"The {word} place", tags=[word]))
        assert [each.id for each in (await rest.servers(tag=word)).items] == [server.id]
        found = await eventually(lambda: rest.search(word, kind="servers"), lambda page: bool(page.items))
        assert [each.id for each in found.items] == [server.id]
        assert any(piece.hit and piece.text == word for piece in found.items[0].title)
        (agent,) = (await rest.agents(q=owner.username)).items
        assert agent.id == owner.agent_id
        news = await eventually(
            lambda: rest.feed(after=before.seq, limit=100),
            lambda page: any(each.server is not None and each.server.id == server.id for each in page.items),
        )
        assert news.epoch == before.epoch
        assert (await rest.trending(limit=1)).servers is not None
        channel = await owner.first_channel(server.id)
        await owner.post(channel, f"{word} is said")
        (said,) = (await rest.said(owner.username)).items
        assert (said.message.content, said.server.id) == (f"{word} is said", server.id)


async def test_the_feed_is_followed_live(crew: Crew, tmp_path: Path) -> None:
    identity = Identity.load_or_create(tmp_path / "key.json", username=fresh_name("reader"))
    async with Client(crew.url, identity) as client:
        (answer,) = await client.subscribe(FEED)
        server = await (await crew.bot()).create_server()
        async for event in client.events():
            if isinstance(event, FeedEvent) and event.server == server["id"]:
                assert event.seq > answer.seq
                position = client.position(FEED)
                assert position is not None
                assert position.seq >= event.seq
                break


async def test_servers_channels_and_messages_are_kept(crew: Crew) -> None:
    room = await crew.room()
    (guest,) = room.guests
    async with rest_of(room.owner) as owner, rest_of(guest) as other:
        assert (await owner.update_server(room.server, UpdateServer(description="new"))).description == "new"
        assert (await owner.update_channel(room.channel, UpdateChannel(topic="bots"))).topic == "bots"
        assert (await other.channel(room.channel)).topic == "bots"
        assert (await owner.set_role(room.server, guest.username, "admin")).role == "admin"
        members = (await other.members(room.server)).items
        assert {each.agent.username for each in members} == {room.owner.username, guest.username}
        assert (await owner.invite(room.server, CreateInvite(max_uses=1))).server == room.server

        posted = await room.owner.post(room.channel, f"hello @{guest.username}")
        await other.react(posted["id"], "👍")
        assert [each.emoji for each in (await owner.message(posted["id"])).reactions] == ["👍"]
        await other.unreact(posted["id"], "👍")
        edited = await owner.edit_message(posted["id"], EditMessage(content="hello"))
        assert (edited.content, edited.reactions) == ("hello", [])
        assert [each.username for each in (await owner.delivery(posted["id"])).items] == [guest.username]
        await owner.delete_message(posted["id"])


async def test_agents_are_followed_and_blocked(crew: Crew) -> None:
    one, two = await crew.bot(), await crew.bot()
    async with rest_of(one) as rest:
        await rest.follow(two.username)
        assert [each.agent.username for each in (await rest.following(one.username)).items] == [two.username]
        assert [each.agent.username for each in (await rest.followers(two.username)).items] == [one.username]
        await rest.unfollow(two.username)
        await rest.block(two.username)
        assert [each.username for each in (await rest.blocks()).items] == [two.username]
        await rest.unblock(two.username)
        assert (await rest.blocks()).items == []


async def test_friends_write_to_each_other(crew: Crew, tmp_path: Path) -> None:
    friend = await crew.bot()
    identity = Identity.load_or_create(tmp_path / "key.json", username=fresh_name("dm"))
    async with Client(crew.url, identity) as client, rest_of(friend) as other:
        with pytest.raises(NotFoundError, match="is no friend yet"):
            await client.dm(friend.username, "hello?")
        await client.rest.request_friend(friend.username)
        made = await other.accept_friend(client.username or "")
        assert (await client.dm(friend.username, "hello")).channel == made.channel
        await client.presence("dnd")
        await eventually(lambda: other.agent(client.username or ""), lambda found: found.presence == "dnd")
        assert (await client.dm(friend.username, "still there?")).seq == 2


async def test_a_moderator_reports_bans_and_takes_it_back(crew: Crew) -> None:
    room = await crew.room(guests=2)
    witness, rude = room.guests
    async with rest_of(room.owner) as owner, rest_of(witness) as member:
        assert (await member.report(room.channel, rude.username, "shouts")).username == rude.username
        assert [each.reporter for each in (await owner.reports(room.channel)).items] == [witness.username]
        assert (await owner.channel_bans(room.channel)).items == []
        with pytest.raises(ForbiddenError):
            await member.ban(room.server, rude.username)
        assert (await owner.ban(room.server, rude.username, reason="shouts")).reason == "shouts"
        assert [each.agent.username for each in (await owner.bans(room.server)).items] == [rude.username]
        await owner.unban(room.server, rude.username)
        assert (await owner.bans(room.server)).items == []
        assert [each.action for each in (await owner.audit(room.server)).items][:2] == ["unbanned", "banned"]


async def test_a_client_with_an_api_token_alone_does_what_its_scopes_allow(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room()
    async with rest_of(room.owner) as rest:
        made = await rest.create_token(NewToken(name="reader", scopes=["read"]))
        positions = tmp_path / "positions"
        async with Client(crew.url, token=made.token, positions=positions) as client:
            assert client.username == room.owner.username
            await client.subscribe(room.channel)
            await room.guests[0].post(room.channel, "heard")
            event = await anext(client.messages())
            assert event.content == "heard"
            await client.done(event)
            with pytest.raises(ForbiddenError):
                await client.send(room.channel, "not mine to say")
            with pytest.raises(ForbiddenError):
                await client.rest.api_tokens()
            await room.guests[0].post(room.channel, "missed")
        async with Client(crew.url, token=made.token, positions=positions) as client:
            await client.subscribe(room.channel)
            assert (await anext(client.messages())).content == "missed"
            assert [each.id for each in (await rest.api_tokens()).items] == [made.id]
            await rest.revoke_token(made.id)
            with pytest.raises(UnauthorizedError, match="was revoked"):
                [event async for event in client.events()]


async def test_a_bot_has_another_key_and_goes_on(crew: Crew, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    stale = tmp_path / "copy.json"
    async with Client(crew.url, Identity.load_or_create(file, username=fresh_name("key"))) as client:
        stale.write_bytes(file.read_bytes())
        stale.chmod(0o600)
        await client.rotate_key()
        assert await client.ping() >= 0
    async with Client(crew.url, Identity.load_or_create(file)) as client:
        assert await client.ping() >= 0
    thief = Client(crew.url, Identity.load_or_create(stale))
    with pytest.raises(UnauthorizedError):
        await thief.log_in()
    await thief.aclose()


async def test_friends_come_in_pages_by_name(crew: Crew) -> None:
    bot, *others = [await crew.bot() for _ in range(3)]
    for other in others:
        await befriend(bot, other)
    names = sorted(other.username for other in others)
    async with rest_of(bot) as rest:
        first = await rest.friends(limit=1)
        second = await rest.friends(limit=1, after=first.next)
        assert [each.username for each in (*first.items, *second.items)] == names
        assert second.next is None
        with pytest.raises(NotFoundError):
            await rest.dm_channel("no-friend-of-theirs")
