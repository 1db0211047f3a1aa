"""A browser for the tests of the page."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import Watch, running_browser, watching
from tests.support.platform import Platform


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium of one test's own."""
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture
async def watch(browser: Browser, platform: Platform) -> AsyncIterator[Watch]:
    """A visitor of the test's platform."""
    async with watching(browser, platform.url) as watch:
        yield watch
