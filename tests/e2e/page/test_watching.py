"""A human opens the page in a real browser and watches."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.bots import Crew, Room, fresh_name
from tests.support.browser import Watch
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_HOSTILE = (
    '<img src=x onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1 <b>bold</b> \u202egnp.exe",
    '<iframe srcdoc="<script>parent.hacked=1</script>"></iframe>',
)
# Each with what is left of it to read.
_HOSTILE_LINKS = (
    ("[press me](javascript:window.hacked=1)", "press me"),
    ("![seen](http://127.0.0.1:1/seen.png)", "[image: seen]"),
    ("[data](data:text/html,<script>window.hacked=1</script>)", "data"),
    ("[inside](/api/v1/agents/@me)", "inside"),
)


@pytest_asyncio.fixture(loop_scope="session")
async def room(crew: Crew) -> AsyncIterator[Room]:
    yield await crew.room(name=fresh_name("Page server"), description="for the browser")


async def test_a_watcher_finds_a_server_and_sees_messages_appear_without_a_reload(
    platform: Platform, watch: Watch, room: Room, tmp_path: Path
) -> None:
    name = (await room.owner.http.get(f"/servers/{room.server}")).json()["name"]
    await room.owner.post(room.channel, "the first words")
    await room.guests[0].post(room.channel, "print('as code')", content_type="code")
    page = watch.page
    await page.goto(platform.url)
    await expect(page).to_have_title(re.compile("MoltStack"))
    await page.get_by_role("navigation", name="Servers").get_by_role("link", name=name).click()
    await expect(page.get_by_role("navigation", name="Channels")).to_contain_text("general")
    messages = page.get_by_test_id("message")
    await expect(messages).to_have_count(2)
    await expect(messages.nth(0)).to_contain_text("the first words")
    await expect(messages.nth(0)).to_contain_text(room.owner.username)
    await expect(messages.nth(1).locator("code")).to_have_text("print('as code')")
    assert urlsplit(page.url).path == f"/s/{room.server}/c/{room.channel}"

    await page.evaluate("window.loadedOnce = true")
    await room.owner.post(room.channel, "said while you watch")
    await expect(messages.nth(2)).to_contain_text("said while you watch")
    socket = await room.guests[0].socket(node="gw-2")
    async with socket:
        await socket.send(op="message", channel=room.channel, content="and this over a socket")
        await expect(messages.nth(3)).to_contain_text("and this over a socket")
    assert await page.evaluate("window.loadedOnce") is True
    assert [await each.get_attribute("data-seq") for each in await messages.all()] == ["1", "2", "3", "4"]
    await page.screenshot(path=tmp_path / "page.png")
    await watch.assert_clean()


async def test_what_happens_to_a_message_is_seen_at_once(watch: Watch, room: Room) -> None:
    owner, channel = room.owner, room.channel
    first = await owner.post(channel, "to be edited")
    second = await owner.post(channel, "to be removed")
    await owner.post(channel, "an answer", reply_to=first["id"])
    await watch.open(room)
    messages = watch.page.get_by_test_id("message")
    await expect(messages.nth(2)).to_contain_text(f"in reply to {owner.username}: to be edited")
    (await owner.http.patch(f"/messages/{first['id']}", json={"content": "**edited** since"})).raise_for_status()
    await expect(messages.nth(0).locator("strong")).to_have_text("edited")
    await expect(messages.nth(0)).to_contain_text("(edited)")
    (await owner.http.delete(f"/messages/{second['id']}")).raise_for_status()
    await expect(messages.nth(1)).to_contain_text("This message was removed.")
    reaction = {"emoji": "👍"}
    (await room.guests[0].http.post(f"/messages/{first['id']}/react", json=reaction)).raise_for_status()
    given = messages.nth(0).get_by_role("button", name="👍 1")
    await expect(given).to_have_attribute("title", room.guests[0].username)
    await given.click()
    await expect(messages.nth(0).locator(".reaction-names")).to_contain_text(room.guests[0].username)
    async with await room.guests[0].socket() as socket:
        await socket.subscribe(channel)
        await socket.send(op="typing", channel=channel)
        await expect(watch.page.locator(".typing")).to_contain_text(f"{room.guests[0].username} is typing")
    await watch.assert_clean()


async def test_markdown_and_code_are_shown_as_such_and_copied_as_written(watch: Watch, room: Room) -> None:
    await room.owner.post(room.channel, "see *this* at https://example.org and ask @" + room.guests[0].username)
    await room.owner.post(room.channel, "```python\ndef answer():\n    return 42\n```")
    await watch.open(room)
    first, second = (watch.page.get_by_test_id("message").nth(n) for n in range(2))
    await expect(first.locator("em")).to_have_text("this")
    out = first.get_by_role("link", name="https://example.org")
    assert await out.get_attribute("target") == "_blank"
    assert await out.get_attribute("rel") == "noopener noreferrer nofollow ugc"
    await expect(second.locator(".hljs-keyword").first).to_have_text("def")
    # Copied is what was written, and not what was made of it.
    await watch.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await second.hover()
    await second.get_by_role("button", name="Copy text").click()
    await expect(second.get_by_role("button", name="Copied")).to_be_visible()
    assert await watch.page.evaluate("navigator.clipboard.readText()") == "```python\ndef answer():\n    return 42\n```"
    await first.get_by_role("link", name=f"@{room.guests[0].username}").click()
    await expect(watch.page.get_by_test_id("profile")).to_contain_text(room.guests[0].username)
    await watch.assert_clean()


async def test_hostile_words_are_words(watch: Watch, room: Room) -> None:
    messages = watch.page.get_by_test_id("message")
    await room.owner.post(room.channel, _HOSTILE[0])
    await watch.open(room)
    for text in _HOSTILE[1:]:
        await room.owner.post(room.channel, text)
    for text, _ in _HOSTILE_LINKS:
        await room.owner.post(room.channel, text)
    await expect(messages).to_have_count(len(_HOSTILE) + len(_HOSTILE_LINKS))
    shown = [await each.locator(".content").inner_text() for each in await messages.all()]
    assert shown == [*_HOSTILE, *(left for _, left in _HOSTILE_LINKS)]
    assert await messages.locator(".message-body").locator("img, script, svg, iframe, b, .content a").count() == 0
    await watch.assert_clean()


async def test_a_hostile_profile_is_a_profile(watch: Watch, crew: Crew) -> None:
    bot = await crew.bot()
    hostile = {"display_name": _HOSTILE[0][:60], "bio": _HOSTILE[1], "capabilities": [_HOSTILE[2]]}
    (await bot.http.patch("/agents/@me", json=hostile)).raise_for_status()
    home = (await bot.create_server(name=_HOSTILE[3]))["id"]
    await bot.post(await bot.first_channel(home), _HOSTILE[4])
    await watch.visit(f"/a/{bot.username}")
    profile = watch.page.get_by_test_id("profile")
    await expect(profile.get_by_role("heading", level=1)).to_have_text(hostile["display_name"])
    await expect(profile).to_contain_text(_HOSTILE[1])
    await expect(profile).to_contain_text(_HOSTILE[2])
    await expect(profile.get_by_test_id("said")).to_contain_text(_HOSTILE[3])
    await expect(profile.get_by_test_id("said").locator(".content")).to_have_text(_HOSTILE[4])
    assert await profile.locator("img, script, iframe, svg:not(.icon)").count() == 0
    await watch.assert_clean()


async def test_a_hostile_server_name_is_a_name(watch: Watch, crew: Crew) -> None:
    room = await crew.room(guests=0, name=_HOSTILE[0], description=_HOSTILE[1])
    await watch.visit(f"/s/{room.server}")
    await expect(watch.page.get_by_role("navigation", name="Channels").get_by_role("heading")).to_have_text(_HOSTILE[0])
    assert await watch.page.locator("#root img").count() == 0
    await watch.assert_clean()


async def test_members_stand_by_their_presence_and_channels_in_categories(watch: Watch, room: Room) -> None:
    fields = {"name": "deep-thoughts", "category": "Thinking"}
    (await room.owner.http.post(f"/servers/{room.server}/channels", json=fields)).raise_for_status()
    await watch.open(room)
    members = watch.page.get_by_role("complementary", name="Members")
    guest = room.guests[0].username
    await expect(members.get_by_role("region", name="Offline")).to_contain_text(guest)
    async with await room.guests[0].socket() as socket:
        await socket.subscribe(room.channel)
        await expect(members.get_by_role("region", name="Online")).to_contain_text(guest)
    channels = watch.page.get_by_role("navigation", name="Channels")
    deep = channels.get_by_role("link", name="deep-thoughts")
    await expect(deep).to_be_visible()
    await channels.get_by_text("Thinking").click()
    await expect(deep).to_be_hidden()
    await channels.get_by_text("Thinking").click()
    await deep.click()
    await expect(watch.page.get_by_role("main")).to_contain_text("Nothing has been said here yet.")
    await watch.assert_clean()


async def test_a_channel_in_which_something_happened_is_marked_until_it_is_looked_at(watch: Watch, room: Room) -> None:
    for name in ("quiet", "third"):
        (await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": name})).raise_for_status()
    listed = (await room.owner.http.get(f"/servers/{room.server}/channels")).json()["items"]
    quiet = next(each["id"] for each in listed if each["name"] == "quiet")
    await room.owner.post(room.channel, "first words")
    channels = watch.page.get_by_role("navigation", name="Channels")
    marked = channels.locator(".channel-unread")
    await watch.open(room)
    await expect(watch.page.get_by_test_id("message")).to_have_count(1)
    # What was never looked at has nothing that it could be compared with.
    await expect(marked).to_have_count(0)
    await channels.get_by_role("link", name="quiet").click()
    await expect(watch.page.get_by_role("main")).to_contain_text("Nothing has been said here yet.")
    await channels.get_by_role("link", name="general").click()
    await expect(watch.page.get_by_test_id("message")).to_have_count(1)
    # Who breaks a silence is told by the feed, so this comes by itself.
    await room.owner.post(quiet, "is anybody here?")
    await expect(marked).to_have_text(re.compile("quiet"))
    await marked.click()
    await expect(watch.page.get_by_test_id("message")).to_contain_text("is anybody here?")
    await expect(marked).to_have_count(0)
    # What goes on elsewhere is seen with the next step.
    await room.owner.post(room.channel, "more words")
    await channels.get_by_role("link", name="third").click()
    await expect(marked).to_have_text(re.compile("general"))
    await watch.assert_clean()


async def test_a_server_that_is_not_public_or_not_there_is_said_to_be_missing(watch: Watch, crew: Crew) -> None:
    hidden = await crew.room(guests=0, is_public=False)
    await hidden.owner.post(hidden.channel, "a secret")
    await watch.visit(f"/s/{hidden.server}/c/{hidden.channel}")
    await expect(watch.page.get_by_role("main")).to_contain_text("There is nothing here for the public.")
    assert "a secret" not in await watch.page.inner_text("body")
    # The browser itself notes every 404 on the console; that is all it may note.
    assert all("404" in each for each in watch.complaints), watch.complaints
    assert await watch.page.evaluate("window.violations") == []
