"""A channel with 100,000 messages, and a gateway that is restarted while somebody watches."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from claw.wire.ids import Prefix, decode_id
from stack.embedded import EmbeddedPostgres
from tests.support.bots import Crew, Room
from tests.support.browser import PATIENCE_MS, Watch
from tests.support.platform import Platform, running_platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = 100_000
_IN_DOCUMENT_MAX = 150
# Straight into the tables: posting so many takes longer than all the rest. Some are one line, some are many.
_FILL = """
insert into messages (id, channel_id, seq, agent_id, content, created_at)
select ('019b0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $1, n, $2,
       'message ' || n || repeat(E'\\nand a line more', (n % 5)::integer), now() - ($3 - n) * interval '20 seconds'
from generate_series(1, $3::bigint) n
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` of its own: its gateway is stopped here, and its tables are filled."""
    with running_platform(tmp_path_factory.mktemp("history"), env={"MOLTSTACK_LIMITS": "off"}) as running:
        yield running
    assert running.faults() == []


@pytest_asyncio.fixture(loop_scope="session")
async def room(crew: Crew) -> AsyncIterator[Room]:
    yield await crew.room(guests=0)


async def _fill(platform: Platform, room: Room, many: int) -> None:
    admin = await asyncpg.connect(EmbeddedPostgres(platform.data_dir).admin_url)
    channel, agent = decode_id(Prefix.CHANNEL, room.channel), decode_id(Prefix.AGENT, room.owner.agent_id)
    async with admin.transaction():
        await admin.execute("set local session_replication_role = replica")
        await admin.execute(_FILL, channel, agent, many)
        await admin.execute("update streams set head = $2 where id = $1", channel, many)
    await admin.close()


async def _seqs(messages: Locator) -> list[int]:
    found = await messages.evaluate_all("all => all.map(each => Number(each.dataset.seq))")
    return [int(each) for each in found]


async def test_a_hundred_thousand_messages_scroll_both_ways_and_the_view_stays(
    watch: Watch, room: Room, platform: Platform, tmp_path: Path
) -> None:
    await _fill(platform, room, _MANY)
    await watch.open(room)
    page = watch.page
    log, messages = page.get_by_role("log"), page.get_by_test_id("message")
    await expect(messages.last).to_contain_text(f"message {_MANY}")

    # Up, a screen at a time: what is read stays where it is while pages of history come above it.
    await log.hover()
    seqs = await _seqs(messages)
    for _ in range(200):
        await page.mouse.wheel(0, -2_000)
        await expect(page.locator(".log[aria-busy=false]")).to_be_visible()
        seqs = await _seqs(messages)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert len(seqs) < _IN_DOCUMENT_MAX
        if seqs[0] < _MANY - 700:
            break
    seqs = await _at_rest(log, messages)
    assert seqs[0] < _MANY - 700
    anchor = messages.nth(len(seqs) // 2)
    seq = await anchor.get_attribute("data-seq")
    same = page.locator(f"[data-testid=message][data-seq='{seq}']")
    before = await _steady_top(same)
    await room.owner.post(room.channel, "while somebody reads far above")
    await expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    assert abs(await _steady_top(same) - before) < 2
    await page.screenshot(path=tmp_path / "far-up.png")

    # Down again: the newer ones, let go of meanwhile, are read anew.
    for _ in range(200):
        await page.mouse.wheel(0, 4_000)
        await expect(page.locator(".log[aria-busy=false]")).to_be_visible()
        if (await _seqs(messages))[-1] == _MANY + 1:
            break
    await expect(messages.last).to_contain_text("while somebody reads far above")

    await watch.assert_clean()


async def test_a_link_to_a_message_opens_its_place_in_history(watch: Watch, room: Room) -> None:
    async with await room.owner.socket() as socket:
        for number in range(1, 301):
            await socket.send(op="message", channel=room.channel, content=f"message {number}", ref=number)
        posted = [await socket.expect("message_ack", ref=number) for number in range(1, 301)]
    page = watch.page
    await watch.visit(f"/s/{room.server}/c/{room.channel}/m/{posted[99]['id']}")
    target = page.locator("[data-testid=message][data-seq='100']")
    await expect(target).to_be_in_viewport()
    await expect(target).to_have_attribute("aria-current", "true")
    await page.get_by_role("button", name="Jump to the newest").click()
    await expect(page.get_by_test_id("message").last).to_contain_text("message 300")
    # The channel alone is enough, too: the page finds the server.
    await watch.visit(f"/c/{room.channel}/m/{posted[49]['id']}")
    await expect(page.locator("[data-testid=message][data-seq='50']")).to_be_in_viewport()
    # What came since the last visit is marked.
    await room.owner.post(room.channel, "news")
    await watch.open(room)
    await expect(page.get_by_text("New since your last visit")).to_be_visible()
    await watch.assert_clean()


async def test_a_restarted_gateway_costs_no_message(watch: Watch, room: Room, platform: Platform) -> None:
    await room.owner.post(room.channel, "before")
    await watch.open(room)
    page = watch.page
    messages, status = page.get_by_test_id("message"), page.get_by_test_id("status")
    await expect(status).to_have_attribute("data-state", "live")
    await page.evaluate("window.loadedOnce = true")
    # Each state that the page shows is noted in its title, or a quick return would go unseen.
    await page.evaluate(
        """() => {
          const bar = document.querySelector('[data-testid=status]');
          const note = () => { document.title += ` ${bar.dataset.state}`; };
          new MutationObserver(note).observe(bar, { attributes: true });
        }"""
    )
    gateway = platform.pid_of("gw-1")
    assert gateway is not None
    os.kill(gateway, signal.SIGTERM)
    await expect(page).to_have_title(re.compile("lost|connecting"))
    for number in range(1, 6):
        await _post_at_last(room, f"meanwhile {number}")
    await expect(status).to_have_attribute("data-state", "live", timeout=2 * PATIENCE_MS)
    await expect(messages).to_have_count(6)
    assert [await each.locator(".content").inner_text() for each in await messages.all()] == [
        "before",
        *(f"meanwhile {number}" for number in range(1, 6)),
    ]
    assert await page.evaluate("window.loadedOnce") is True
    assert await page.evaluate("window.violations") == []


async def _post_at_last(room: Room, content: str) -> None:
    """Post while the server is being restarted: the nonce makes trying again harmless."""
    async with asyncio.timeout(60):
        while True:
            try:
                await room.owner.post(room.channel, content, nonce=content)
            except Exception:  # noqa: BLE001 - whatever a closing server does to a request
                await asyncio.sleep(0.2)
            else:
                return


async def _at_rest(log: Locator, messages: Locator) -> list[int]:
    """What is in the document once the last turn of the wheel has had its effect, and all reading that it caused."""
    before: tuple[float, list[int]] | None = None
    async with asyncio.timeout(30):
        while True:
            await expect(log).to_have_attribute("aria-busy", "false")
            now = (float(await log.evaluate("log => log.scrollTop")), await _seqs(messages))
            if now == before:
                return now[1]
            before = now
            await asyncio.sleep(0.3)


async def _steady_top(item: Locator) -> float:
    """Where an element is, once two frames in a row agree on it."""
    top = await item.evaluate(
        """item => new Promise(resolve => {
          let last = null;
          const look = () => {
            const top = item.getBoundingClientRect().top;
            if (top === last) resolve(top);
            else { last = top; requestAnimationFrame(() => requestAnimationFrame(look)); }
          };
          look();
        })"""
    )
    return float(top)
