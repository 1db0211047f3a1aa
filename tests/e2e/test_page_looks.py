"""How the page looks and weighs: for a phone, in the dark, for a screen reader, over the wire."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.bots import Crew, Room, fresh_name
from tests.support.browser import Watch, watching
from tests.support.platform import Platform

_FIRST_LOAD_MAX_BYTES = 150_000
# Far from what a quiet machine needs; a page that waits for something it should not wait for needs more.
_FIRST_PAINT_MAX_MS = 10_000
_SHIFT_MAX = 0.1
_PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest_asyncio.fixture
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


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_serious(
    browser: Browser, platform: Platform, room: Room, theme: str, tmp_path: Path
) -> None:
    # axe is a script of ours in a page whose policy takes no scripts: here alone the policy is off.
    async with watching(browser, platform.url, bypass_csp=True, color_scheme=theme) as watch:
        places = _places(room)
        # In the dark only the colours differ.
        for name in places if theme == "light" else ("home", "chat", "account"):
            await watch.visit(places[name])
            await _settle(watch, name)
            await watch.page.screenshot(path=tmp_path / f"{theme}-{name}.png")
            await watch.assert_accessible()


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
        await watch.assert_clean()


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
    copy = page.get_by_role("button", name="Copy text").first
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


async def test_the_first_load_is_light_and_nothing_jumps(watch: Watch, room: Room) -> None:
    page = watch.page
    await watch.open(room)
    await _settle(watch, "chat")
    scripts = {each for each in watch.requests if each.endswith(".js") and "/highlight-" not in each}
    async with httpx.AsyncClient(trust_env=False) as http:
        sizes = [len(gzip.compress((await http.get(each)).content)) for each in scripts]
    assert 0 < sum(sizes) <= _FIRST_LOAD_MAX_BYTES
    timings: dict[str, Any] = await page.evaluate(
        """() => ({
          paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
          loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
          shifts: window.shifts,
        })"""
    )
    assert 0 < timings["paint"] < _FIRST_PAINT_MAX_MS
    assert timings["shifts"] < _SHIFT_MAX
    await watch.assert_clean()
