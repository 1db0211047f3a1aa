"""One server process: REST and page, sockets, or both, on one port."""

import asyncio
import gc
import os
import sys

from api.app import Api, build_app
from core.container import Container
from core.logs import configure_logging
from core.revocations import RevocationWatch
from core.services.changes import Changes
from core.settings import Settings
from db.roles import Role
from gateway.doors import Doors
from gateway.node import Node
from stack.entry import child_status, foreseen_failures
from stack.errors import StackError
from stack.serving import allow_many_sockets, serve_port


async def run(settings: Settings, *, rest: bool, sockets: bool) -> None:
    """Serve until SIGTERM, then drain. Raises StackError for what keeps it from starting."""
    configure_logging(settings)
    with foreseen_failures(settings.keys_dir):
        await _run(settings, rest=rest, sockets=sockets)


async def _run(settings: Settings, *, rest: bool, sockets: bool) -> None:
    allow_many_sockets()
    container = await Container.open(settings, rest=rest, sockets=sockets)
    node: Node | None = None
    doors: Doors | None = None
    watch: RevocationWatch | None = None
    try:
        role = Role.GATEWAY if sockets else Role.API
        bearers, posting, outbound = container.bearers(role), container.posting(role), container.outbound(role)
        if sockets:
            node = _node(settings, container)
            await node.start()
            doors = Doors(node)
        else:
            watch = RevocationWatch(container.databases[Role.API], container.verifier, settings.redis_url or "")
            await watch.start()

        async def redis_answers() -> None:
            await container.redis.ping()

        leaving = asyncio.Event()

        async def stays() -> None:
            if leaving.is_set():
                raise StackError("this process is stopping")

        checks = {f"database:{role}": database.ping for role, database in container.databases.items()}
        api = Api(container, container.rest, bearers, posting, outbound) if container.rest is not None else None
        app = build_app(api, {**checks, "redis": redis_answers, "draining": stays}, settings)
        here = node

        async def drain() -> None:
            leaving.set()
            container.stream_waiter.leave()
            if here is not None:
                await here.drain()

        _spare_the_collector()
        await serve_port(settings, app, None if doors is None else doors.connect, drain)
    finally:
        if watch is not None:
            await watch.stop()
        if doors is not None:
            await doors.close()
        if node is not None:
            await node.stop()
        await container.close()


def _spare_the_collector() -> None:
    """What was made until now lives as long as the process, and what a request makes is gone with its last reference.

    So the cycle collector finds next to nothing: looking less often saves a seventh of the CPU of a small request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _node(settings: Settings, container: Container) -> Node:
    database = container.databases[Role.GATEWAY]
    node = Node(
        settings,
        database,
        verifier=container.verifier,
        bearers=container.bearers(Role.GATEWAY),
        posting=container.posting(Role.GATEWAY),
        outbound=container.outbound(Role.GATEWAY),
        changes=Changes(database, container.announce, container.acts.acted),
        publisher=container.publisher,
        redis=container.redis,
        acted=container.acts.acted,
    )
    container.on_events.append(node.offer)
    container.on_control.append(node.apply_control)
    return node


async def _main() -> None:
    # A child of `up` serves everything; one of `gateway --workers` is told that it serves sockets alone.
    await run(Settings.from_env(os.environ), rest=sys.argv[1:] != ["gateway"], sockets=True)


if __name__ == "__main__":
    sys.exit(child_status(_main))
