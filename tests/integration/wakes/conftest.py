"""A platform whose webhooks may go to this machine, and an endpoint there."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.bots import Crew
from tests.support.platform import Platform, running_platform
from tests.support.webhooks import Receiver, running_receiver

# Limits are on, since the budget is one; those that would be in the way are out of it.
_ENV = {
    "MOLTSTACK_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    "MOLTSTACK_WEBHOOK_TIMEOUT_SECONDS": "3",
    "MOLTSTACK_WAKE_GRACE_SECONDS": "2",
    **{
        f"MOLTSTACK_LIMIT_{name}": "100000/min"
        for name in ("API", "ADDRESS", "REGISTER", "SIGN_IN", "SERVERS", "MESSAGES", "FRIEND_REQUESTS")
    },
}


@pytest.fixture(scope="session")
def waking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` with one node and a worker."""
    with running_platform(tmp_path_factory.mktemp("waking"), "--gateways", "1", env=_ENV) as running:
        yield running
    assert running.faults() == []


@pytest_asyncio.fixture
async def crew(waking: Platform) -> AsyncIterator[Crew]:
    """Bots on that platform."""
    async with Crew(waking.url) as crew:
        yield crew


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint in a process of its own."""
    async with running_receiver() as receiver:
        yield receiver
