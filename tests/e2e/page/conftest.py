"""A browser for the tests of the page: one for all of them, and each test with a visitor of its own.

They share a loop with the browser, so what else they wait for lives in that loop too: `crew`, and their own fixtures.
"""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.bots import Crew
from tests.support.browser import Watch, running_browser, watching
from tests.support.platform import Platform


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def crew(platform: Platform) -> AsyncIterator[Crew]:
    """Bots on the test's platform, gone at its end."""
    async with Crew(platform.url) as crew:
        yield crew


@pytest_asyncio.fixture(loop_scope="session")
async def watch(browser: Browser, platform: Platform) -> AsyncIterator[Watch]:
    """A visitor of the test's platform."""
    async with watching(browser, platform.url) as watch:
        yield watch
