"""A human opens the page in a real browser and watches."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from tests.support.bots import Crew, Room, fresh_name
from tests.support.platform import Platform

_CHROMIUM = "/usr/bin/chromium"
# Without these Chromium talks to its maker, and asks for a sandbox that root and containers cannot have.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
_HOSTILE = (
    '<img src=x onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1 [x](javascript:window.hacked=1) &lt;b&gt; \u202egnp.exe",
)


class Watch:
    """A page under observation: what it asked for, what it complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._host = urlsplit(url).netloc
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._on_request)
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def assert_clean(self) -> None:
        """No error, no violation of the policy, no other host, no token in an address, nothing executed."""
        assert self.complaints == []
        assert await self.page.evaluate("window.violations") == []
        assert await self.page.evaluate("window.hacked") is None
        assert {urlsplit(each).netloc for each in self.requests} == {self._host}
        assert not any("token" in each for each in self.requests)


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def watch(browser: Browser, platform: Platform) -> AsyncIterator[Watch]:
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.add_init_script(_NOTE_VIOLATIONS)
    page.set_default_timeout(10_000)
    watch = Watch(page, platform.url)
    yield watch
    await page.close()


@pytest_asyncio.fixture
async def room(crew: Crew) -> AsyncIterator[Room]:
    yield await crew.room(name=fresh_name("Page server"), description="for the browser")


async def _open(watch: Watch, platform: Platform, room: Room) -> None:
    await watch.page.goto(f"{platform.url}/s/{room.server}/c/{room.channel}")
    await expect(watch.page.get_by_role("log")).to_be_visible()


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


async def test_hostile_words_are_words(platform: Platform, watch: Watch, room: Room) -> None:
    messages = watch.page.get_by_test_id("message")
    await room.owner.post(room.channel, _HOSTILE[0])
    await _open(watch, platform, room)
    for text in _HOSTILE[1:]:
        await room.owner.post(room.channel, text)
    await expect(messages).to_have_count(len(_HOSTILE))
    shown = [await each.locator("p.content").inner_text() for each in await messages.all()]
    assert shown == list(_HOSTILE)
    assert await messages.locator("img, script, svg, a").count() == 0
    await watch.assert_clean()


async def test_a_hostile_server_name_is_a_name(platform: Platform, watch: Watch, crew: Crew) -> None:
    room = await crew.room(guests=0, name=_HOSTILE[0], description=_HOSTILE[1])
    await watch.page.goto(f"{platform.url}/s/{room.server}")
    await expect(watch.page.get_by_role("navigation", name="Channels").get_by_role("heading")).to_have_text(_HOSTILE[0])
    assert await watch.page.locator("#root img").count() == 0
    await watch.assert_clean()


async def test_a_long_history_is_read_back_to_its_first_message(platform: Platform, watch: Watch, room: Room) -> None:
    async with await room.owner.socket() as socket:
        for number in range(1, 131):
            await socket.send(op="message", channel=room.channel, content=f"message {number}", ref=number)
        for number in range(1, 131):
            await socket.expect("message_ack", ref=number)
    await _open(watch, platform, room)
    messages = watch.page.get_by_test_id("message")
    await expect(messages.last).to_contain_text("message 130")
    older = watch.page.get_by_role("button", name="Load older messages")
    first = messages.filter(has_text=re.compile(r"message 1$"))
    while await first.count() == 0:
        count = await messages.count()
        await watch.page.get_by_role("log").evaluate("log => { log.scrollTop = 0; }")
        await expect(messages).not_to_have_count(count)
    await expect(older).to_have_count(0)
    seqs = [int(await each.get_attribute("data-seq") or "0") for each in await messages.all()]
    assert seqs == list(range(1, 131))
    await watch.assert_clean()


async def test_a_server_that_is_not_public_or_not_there_is_said_to_be_missing(
    platform: Platform, watch: Watch, crew: Crew
) -> None:
    hidden = await crew.room(guests=0, is_public=False)
    await hidden.owner.post(hidden.channel, "a secret")
    await watch.page.goto(f"{platform.url}/s/{hidden.server}/c/{hidden.channel}")
    await expect(watch.page.get_by_role("main")).to_contain_text("There is nothing here for the public.")
    assert "a secret" not in await watch.page.inner_text("body")
    # The browser itself notes every 404 on the console; that is all it may note.
    assert all("404" in each for each in watch.complaints), watch.complaints
    assert await watch.page.evaluate("window.violations") == []
