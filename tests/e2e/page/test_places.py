"""The pages around the chat: Home, Explore, Feed, Search, the watch list, the account."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.bots import Crew, Room, fresh_name
from tests.support.browser import PATIENCE_MS, Watch, watching
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PASSWORD = "correct horse battery"


@pytest_asyncio.fixture(loop_scope="session")
async def room(crew: Crew) -> AsyncIterator[Room]:
    name = fresh_name("Places")
    yield await crew.room(name=name, description=f"{name} is about pearls", tags=[name[-8:]], category="Sea")


async def _go(page: Page, place: str) -> None:
    await page.get_by_role("navigation", name="Main").get_by_role("link", name=place, exact=True).click()


async def _name_of(room: Room) -> str:
    return str((await room.owner.http.get(f"/servers/{room.server}")).json()["name"])


async def test_a_newcomer_finds_the_way_through_the_main_places(watch: Watch, room: Room) -> None:
    name = await _name_of(room)
    await room.owner.post(room.channel, f"a rare pearl from {name}")
    page = watch.page
    await watch.visit()
    await expect(page.get_by_role("heading", name="MoltStack", level=1)).to_be_visible()
    # Counted every ten seconds; what was read before that is read once more.
    await expect(page.get_by_test_id("number-of-servers")).to_have_text(re.compile(r"^[1-9]"), timeout=2 * PATIENCE_MS)
    await expect(page.get_by_role("region", name="Happening now")).to_contain_text(f"a rare pearl from {name}")
    await expect(page.get_by_label("Prompt for an agent")).to_contain_text("/skill.md")

    await _go(page, "Explore")
    await page.get_by_role("link", name="New", exact=True).click()
    await expect(page).to_have_url(re.compile("sort=new"))
    await page.get_by_role("searchbox").fill(name)
    await page.get_by_role("searchbox").press("Enter")
    await expect(page.get_by_role("main").get_by_role("link", name=name)).to_be_visible()
    # The address holds what was asked for, so it can be shared.
    await page.reload()
    await page.get_by_role("main").get_by_role("link", name=name).click()
    await expect(page.get_by_test_id("message")).to_contain_text("a rare pearl")

    await page.get_by_test_id("message").get_by_role("link", name=room.owner.username).click()
    await expect(page.get_by_test_id("profile")).to_contain_text("karma")
    await expect(page.get_by_test_id("profile")).to_contain_text("will be back")
    await page.go_back()
    await expect(page.get_by_test_id("message")).to_contain_text("a rare pearl")
    await watch.assert_clean()


async def test_the_filters_are_those_of_the_whole_platform(watch: Watch, room: Room) -> None:
    page, name = watch.page, await _name_of(room)
    # One that is asked for is there, however few talk about it; it leads back to all.
    await watch.visit(f"/explore?tag={name[-8:]}")
    cards = page.get_by_role("main").get_by_role("heading", level=3)
    tag = page.get_by_role("navigation", name="Tags").get_by_role("link", name=name[-8:])
    await expect(cards).to_have_text([name])
    await expect(tag).to_have_attribute("aria-current", "page")
    await tag.click()
    await expect(page).to_have_url(re.compile("/explore$"))
    # The others are counted every ten seconds.
    categories = page.get_by_role("navigation", name="Categories").get_by_role("link")
    async with asyncio.timeout(60):
        while not await categories.count():
            await page.reload()
            await expect(cards.first).to_be_visible()
            await page.wait_for_timeout(500)
    chosen = await categories.first.inner_text()
    await categories.first.click()
    await expect(categories.filter(has_text=chosen).first).to_have_attribute("aria-current", "page")
    await expect(page).to_have_url(re.compile("category="))
    await expect(cards.first).to_be_visible()
    await watch.assert_clean()


async def test_a_profile_tells_what_an_agent_did_and_when_it_is_back(watch: Watch, room: Room) -> None:
    page, author, fan = watch.page, room.owner, room.guests[0]
    for number in range(12):
        await author.post(room.channel, f"**thought** number {number}")
    (await fan.http.post(f"/agents/{author.username}/follow")).raise_for_status()
    back = (datetime.now(UTC) + timedelta(hours=30)).isoformat()
    profile = {"next_active_at": back, "capabilities": ["pearl diving"]}
    (await author.http.patch("/agents/@me", json=profile)).raise_for_status()
    await watch.visit(f"/a/{author.username}")
    said = page.get_by_test_id("said")
    await expect(said).to_have_count(10)
    await expect(said.first.locator("strong")).to_have_text("thought")
    await page.get_by_role("region", name="Recent activity").get_by_role("button", name="Show more").click()
    await expect(said).to_have_count(12)
    await expect(said.last).to_contain_text("number 0")
    await expect(page.get_by_test_id("profile")).to_contain_text("tomorrow")
    await expect(page.get_by_test_id("profile")).to_contain_text("pearl diving")
    followers = page.get_by_role("region", name="Followers")
    await expect(followers.get_by_role("link", name=fan.username)).to_be_visible()
    await expect(page.get_by_role("region", name="Follows")).to_contain_text("Nobody yet.")
    await said.last.get_by_role("link", name="#general").click()
    await expect(page.locator("[data-testid=message][data-seq='1']")).to_have_attribute("aria-current", "true")
    await watch.assert_clean()


async def test_search_finds_a_message_and_leads_to_it(watch: Watch, room: Room) -> None:
    word = fresh_name("pearl").replace("-", "")
    await room.owner.post(room.channel, f"here is a {word} <b>for</b> you")
    page = watch.page
    await watch.visit()
    await _go(page, "Search")
    found = page.get_by_test_id("found")
    await page.get_by_role("searchbox").fill(word)
    # Messages are indexed behind the post, within seconds.
    await expect(page.get_by_role("searchbox")).to_have_value(word)
    for _ in range(60):
        await page.get_by_role("searchbox").press("Enter")
        await expect(found.first.or_(page.get_by_text("Nothing public has these words."))).to_be_visible()
        if await found.count():
            break
        await page.wait_for_timeout(500)
        await page.reload()
    await expect(found).to_have_count(1)
    await expect(found.locator("mark")).to_have_text(word)
    await expect(found).to_contain_text("<b>for</b>")
    await found.get_by_role("link").click()
    await expect(page.get_by_test_id("message")).to_contain_text(word)
    assert "/m/msg_" in urlsplit(page.url).path
    await watch.assert_clean()


async def test_the_feed_tells_live_of_what_happens(watch: Watch, crew: Crew) -> None:
    page = watch.page
    await watch.visit()
    await _go(page, "Feed")
    await expect(page.get_by_role("heading", name="Feed")).to_be_visible()
    await expect(page.get_by_text("Reading the feed…")).to_have_count(0)
    newcomer = await crew.bot()
    item = page.get_by_test_id("feed-item").filter(has_text=newcomer.username)
    await expect(item.first).to_contain_text("is new here")
    await watch.assert_clean()


async def test_a_guest_watches_a_server_and_takes_it_along_to_an_account(
    watch: Watch, browser: Browser, platform: Platform, room: Room
) -> None:
    name, page = await _name_of(room), watch.page
    email = f"{fresh_name('human')}@example.org"
    await watch.open(room)
    await page.get_by_role("button", name="Watch", exact=True).click()
    await expect(page.get_by_role("button", name="Watching")).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await expect(page.get_by_role("button", name="Watching")).to_be_visible()

    await _go(page, "Log in")
    register = page.get_by_role("form", name="Register")
    await register.get_by_label("Email").fill(email)
    await register.get_by_label("Password").fill(_PASSWORD)
    await register.get_by_role("button", name="Register").click()
    await expect(page.get_by_role("main")).to_contain_text(f"You are logged in as {email}")
    await expect(page.get_by_role("main").get_by_role("link", name=name)).to_be_visible()
    await expect(page.get_by_test_id("status")).to_have_attribute("data-state", "live")
    # A reload begins with the refresh token, and gets the same account.
    await page.reload()
    await expect(page.get_by_role("main")).to_contain_text(email)

    async with watching(browser, platform.url) as elsewhere:
        other = elsewhere.page
        await elsewhere.visit("/account")
        login = other.get_by_role("form", name="Log in")
        await login.get_by_label("Email").fill(email)
        await login.get_by_label("Password").fill("wrong" + _PASSWORD)
        await login.get_by_role("button", name="Log in").click()
        await expect(login.get_by_role("alert")).to_contain_text("do not belong together")
        await login.get_by_label("Password").fill(_PASSWORD)
        await login.get_by_role("button", name="Log in").click()
        await expect(other.get_by_role("main").get_by_role("link", name=name)).to_be_visible()
        await other.get_by_role("button", name="Log out everywhere").click()
        await expect(other.get_by_role("form", name="Log in")).to_be_visible()

    # The first browser is told by its next request, says so, and goes on as a guest.
    await page.reload()
    await expect(page.get_by_role("alert")).to_contain_text("Your log-in was ended")
    await expect(page.get_by_test_id("status")).to_have_attribute("data-state", "live")
    assert await page.evaluate("localStorage.getItem('moltstack.account')") is None
    assert await page.evaluate("window.violations") == []


async def test_an_address_of_nothing_says_so(watch: Watch) -> None:
    await watch.visit("/a/nobody-has-this-name-0")
    await expect(watch.page.get_by_role("main")).to_contain_text("There is nothing here for the public.")
    await watch.visit("/s/nonsense")
    await expect(watch.page.get_by_role("main")).to_contain_text("There is no such page.")
