"""A real browser that watches the page, and notes what the page should never do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from tests.support.bots import Room

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
_AXE = Path(__file__).parents[2] / "observer-ui" / "node_modules" / "axe-core" / "axe.min.js"
_NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
window.noted = { shifts: 0, largest: 0, blocked: 0 };
const watch = (type, note) =>
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
watch("layout-shift", (each) => { if (!each.hadRecentInput) window.noted.shifts += each.value; });
watch("largest-contentful-paint", (each) => { window.noted.largest = each.startTime; });
watch("longtask", (each) => { window.noted.blocked += Math.max(0, each.duration - 50); });
"""
_LOADING = """() => ({
  first_paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  largest_paint_ms: window.noted.largest,
  blocked_ms: window.noted.blocked,
  shift: window.noted.shifts,
  script_bytes: performance.getEntriesByType("resource")
    .filter((each) => each.name.endsWith(".js") && !each.name.includes("/highlight-"))
    .reduce((sum, each) => sum + each.encodedBodySize, 0),
})"""
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Loading:
    """How a page came up: when its first and its largest content were painted, in ms from the start; for how long the
    main thread was deaf (of tasks what was over 50 ms); how much moved (cumulative layout shift); the bytes of scripts
    as they went over the wire, without the colours of code, which are fetched when there is code.
    """

    first_paint_ms: float
    largest_paint_ms: float
    blocked_ms: float
    shift: float
    script_bytes: int


class Watch:
    """A page under observation: what it asked for, what it complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
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

    async def visit(self, path: str = "/") -> None:
        """Load an address of the page."""
        await self.page.goto(self.url + path)

    async def open(self, room: Room) -> None:
        """Load a channel and wait for its messages."""
        await self.visit(f"/s/{room.server}/c/{room.channel}")
        await expect(self.page.get_by_role("log")).to_be_visible()

    async def loading(self) -> Loading:
        """How the page that is shown came up, once it has been painted."""
        async with asyncio.timeout(PATIENCE_MS / 1_000):
            while True:
                loading = Loading(**await self.page.evaluate(_LOADING))
                if loading.first_paint_ms and loading.largest_paint_ms:
                    return loading
                await asyncio.sleep(0.05)

    async def assert_clean(self) -> None:
        """No error, no violation of the policy, no other host, no token in an address, nothing executed."""
        assert self.complaints == []
        assert await self.page.evaluate("window.violations") == []
        assert await self.page.evaluate("window.hacked") is None
        assert {urlsplit(each).netloc for each in self.requests} == {urlsplit(self.url).netloc}
        assert not any("token" in each for each in self.requests)

    async def assert_accessible(self) -> None:
        """axe finds nothing serious. The page must be one of `watching(..., bypass_csp=True)`."""
        await self.page.add_script_tag(path=_AXE)
        found: dict[str, Any] = await self.page.evaluate("axe.run({ resultTypes: ['violations'] })")
        serious = [
            (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"]])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def watching(browser: Browser, url: str, **options: Any) -> AsyncIterator[Watch]:
    """A visitor of its own, with nothing kept from others. `options` are those of a browser's context."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.add_init_script(_NOTE_VIOLATIONS)
    try:
        yield Watch(page, url)
    finally:
        await context.close()
