"""How the page looks and weighs: for a phone, in the dark, for a screen reader, over the wire."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from tests.support.bots import Crew, Room, fresh_name
from tests.support.browser import Watch, watching
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_FIRST_LOAD_MAX_BYTES = 150_000
# Far from what a quiet machine needs; a page that waits for something it should not wait for needs more.
_PAINT_MAX_MS = 20_000
_SHIFT_MAX = 0.1
# By how much Lighthouse slows a processor down to that of a phone.
_PHONE_SLOWDOWN = 4
_PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest_asyncio.fixture(loop_scope="session")
async def room(crew: Crew) -> AsyncIterator[Room]:
    """A conversation with a bit of everything."""
    room = await crew.room(guests=2, name=fresh_name("Looks"), description="A place to look at", tags=["looks"])
    first = await room.owner.post(
        room.channel, "Hello **all**, see `x = 1`, https://example.org\n\n- one\n- two\n\n> said"
    )
    await room.guests[0].post(room.channel, "```python\ndef f(x):\n    return x  # the same\n```")
    await room.guests[1].post(room.channel, "long words " * 60, reply_to=first["id"])
    await room.guests[1].post(room.channel, "| a | b |\n|---|---|\n| " + "wide" * 60 + " | 2 |")
    await room.guests[0].post(room.channel, "unbreakable" * 40)
    (await room.guests[1].http.post(f"/messages/{first['id']}/react", json={"emoji": "👍"})).raise_for_status()
    yield room


def _places(room: Room) -> dict[str, str]:
    return {
        "home": "/",
        "chat": f"/s/{room.server}/c/{room.channel}",
        "explore": "/explore?sort=new",
        "feed": "/feed",
        "search": "/search?q=hello",
        "nothing": "/search?q=xyzzyplugh",
        "missing": "/a/nobody-has-this-name-0",
        "agent": f"/a/{room.owner.username}",
        "account": "/account",
    }


async def _settle(watch: Watch, name: str) -> None:
    """Wait until a place shows what it has to show."""
    page = watch.page
    await expect(page.get_by_test_id("status")).to_have_attribute("data-state", "live")
    await expect(page.get_by_text(re.compile("^(Reading|Opening).*…$"))).to_have_count(0)
    if name == "chat":
        await expect(page.get_by_test_id("message").last).to_contain_text("unbreakable")


async def test_axe_finds_nothing_serious(browser: Browser, platform: Platform, room: Room, tmp_path: Path) -> None:
    # axe is a script of ours in a page whose policy takes no scripts: here alone the policy is off.
    async with watching(browser, platform.url, bypass_csp=True) as watch:
        for name, path in _places(room).items():
            await watch.visit(path)
            await _settle(watch, name)
            await watch.page.screenshot(path=tmp_path / f"light-{name}.png")
            await watch.assert_accessible()
            # In the dark only the colours differ.
            await watch.page.emulate_media(color_scheme="dark")
            await watch.page.screenshot(path=tmp_path / f"dark-{name}.png")
            if name in ("home", "chat", "account"):
                await watch.assert_accessible()
            await watch.page.emulate_media(color_scheme="light")


async def test_a_phone_shows_it_all_without_scrolling_sideways(
    browser: Browser, platform: Platform, room: Room, tmp_path: Path
) -> None:
    async with watching(browser, platform.url, **_PHONE) as watch:
        for name, path in _places(room).items():
            await watch.visit(path)
            await _settle(watch, name)
            await watch.page.screenshot(path=tmp_path / f"phone-{name}.png")
            assert await watch.page.evaluate("document.documentElement.scrollWidth") <= 360, name
        await watch.open(room)
        button = watch.page.get_by_role("button", name=re.compile("^Members"))
        members = watch.page.get_by_role("complementary", name="Members")
        await expect(members).to_be_hidden()
        await button.tap()
        await expect(members).to_be_visible()
        await button.tap()
        await expect(members).to_be_hidden()
        # The browser itself notes the 404 of the place that is missing.
        assert all("404" in each for each in watch.complaints), watch.complaints
        assert await watch.page.evaluate("window.violations") == []


async def test_the_keyboard_reaches_everything_that_a_pointer_does(watch: Watch, room: Room) -> None:
    page = watch.page
    await watch.visit()
    await _settle(watch, "home")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the main content")).to_be_focused()
    for name in ("Home", "Explore", "Feed"):
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Feed")).to_be_visible()
    # As after loading a page, the keyboard goes on in the new content.
    await expect(page.locator("#main")).to_be_focused()
    await watch.open(room)
    copy = page.get_by_role("button", name="Copy text").last
    await expect(copy).to_be_visible()
    await copy.focus()
    await expect(copy).to_have_css("opacity", "1")
    await watch.assert_clean()


async def test_the_chosen_colours_stay(watch: Watch, room: Room) -> None:
    page = watch.page
    await watch.visit()
    await page.get_by_role("button", name="Colours: auto").click()
    await page.get_by_role("button", name="Colours: light").click()
    await expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    dark = await _ground(page)
    await watch.open(room)
    assert await _ground(page) == dark
    await watch.assert_clean()


async def _ground(page: Page) -> str:
    return str(await page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))


async def test_the_first_load_is_light_fast_and_nothing_jumps(
    browser: Browser, platform: Platform, room: Room, tmp_path: Path
) -> None:
    found = {}
    for place in ("home", "chat"):
        for name, options, slowdown in (("desk", {}, 1), ("phone", _PHONE, _PHONE_SLOWDOWN)):
            async with watching(browser, platform.url, **options) as watch:
                await _slow_down(watch.page, slowdown)
                await watch.visit(_places(room)[place])
                await _settle(watch, place)
                found[f"{place}, {name}"] = loading = await watch.loading()
                await watch.assert_clean()
            assert 0 < loading.first_paint_ms <= loading.largest_paint_ms < _PAINT_MAX_MS
            assert loading.shift < _SHIFT_MAX
            assert 0 < loading.script_bytes <= _FIRST_LOAD_MAX_BYTES
    # What docs/benchmarks.md tells is from here.
    (tmp_path / "loading.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))


async def _slow_down(page: Page, slowdown: int) -> None:
    """As Lighthouse has a phone: a slower processor, 1.6 Mbit/s, 150 ms there and back."""
    if slowdown == 1:
        return
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    speed = 1_600_000 / 8
    line = {"offline": False, "latency": 150, "downloadThroughput": speed, "uploadThroughput": speed / 2}
    await session.send("Network.emulateNetworkConditions", line)


async def test_scripts_are_sent_small_to_who_takes_them_so(platform: Platform) -> None:
    async with httpx.AsyncClient(base_url=platform.url, trust_env=False) as http:
        found = re.search(r'src="(/assets/[^"]+\.js)"', (await http.get("/")).text)
        assert found is not None
        plain = await http.get(found[1], headers={"Accept-Encoding": "gzip;q=0, br"})
        small = await http.get(found[1], headers={"Accept-Encoding": "br, gzip"})
        again = await http.get(found[1], headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["etag"]})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert small.content == plain.content
    for answer in (plain, small):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["vary"] == "Origin, Accept-Encoding"
        assert "immutable" in answer.headers["cache-control"]
    assert again.status_code == 304


async def test_a_connection_that_is_lost_for_good_says_so_and_moves_nothing(watch: Watch, tmp_path: Path) -> None:
    page = watch.page
    await page.route_web_socket(re.compile("/ws$"), _suspend)
    await watch.visit()
    status = page.get_by_test_id("status")
    await expect(status).to_have_attribute("data-state", "lost")
    await expect(status).to_contain_text("Disconnected: this observer was suspended.")
    await page.screenshot(path=tmp_path / "lost.png")
    await expect(status.get_by_role("button", name="Try now")).to_be_in_viewport()
    # What is read over REST is there all the same.
    await expect(page.get_by_test_id("number-of-agents")).to_have_text(re.compile(r"^\d"))
    assert (await watch.loading()).shift < _SHIFT_MAX


async def _suspend(socket: WebSocketRoute) -> None:
    await socket.close(code=4003)
