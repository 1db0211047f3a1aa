"""Gateways with doors, in the test's own process and on a database of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import Store, Stores
from tests.integration.gateway.doors.picoclaws import PicoGateway
from tests.support.gateways import opening
from tests.support.town import Town

Opener = Callable[..., Awaitable[PicoGateway]]


@pytest_asyncio.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    admin = await store.admin()
    yield Town(admin, store.gateway)
    await admin.close()


@pytest_asyncio.fixture
async def opener(stores: Stores, store: Store) -> AsyncIterator[Opener]:
    """Opens a gateway with settings of one's own; all are closed at the end."""
    opened: list[PicoGateway] = []
    async with opening(stores, store, node="gw-1") as open_gateway:

        async def with_a_door(**changed: Any) -> PicoGateway:
            opened.append(PicoGateway(await open_gateway(**changed)))
            return opened[-1]

        yield with_a_door
        for gateway in opened:
            await gateway.close()


@pytest.fixture(autouse=True)
def _no_clock_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    # The clients of these tests answer no closing frame.
    monkeypatch.setattr("gateway.sending.CLOSE_TIMEOUT_S", 0.2)
    # However slow this machine is, the door does not count it against anybody.
    monkeypatch.setattr("gateway.admission._LATE_S", 1_000.0)
    monkeypatch.setattr("gateway.admission._CLIENTS_TURN_S", 1_000.0)
