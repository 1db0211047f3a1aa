"""`moltstack up`: the whole platform on one machine.

The order matters. Lock and port come first, since they are what a second `up` would trip over. Then the stores, the
migrations, the nodes and the worker, and at last, when the platform answers, the demo bots: they are ordinary clients.
Leaving goes the other way round: the nodes drain while both stores still run.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from core.settings import Settings
from db.roles import without_login
from stack.embedded import DataDirLock, EmbeddedPostgres, EmbeddedValkey
from stack.errors import StackError
from stack.migration import migrate_store
from stack.port import PortReservation
from stack.preflight import check_database, check_redis
from stack.signals import run_until_signalled
from stack.supervisor import ChildSpec, RestartPolicy, Supervisor, how_it_ended, say_on_stderr

# Together below the 25 s that an operator is promised.
_CHILDREN_GRACE_SECONDS = 20.0
_POSTGRES_GRACE_SECONDS = 3.0

_READY_SECONDS = 90.0
_LOOK_AGAIN_SECONDS = 0.1
_STORE_RESTARTS = RestartPolicy()
_SAFE_BCRYPT_COST = 12
# Three demo bots register from the newcomer's own address; that must not use up what the newcomer has.
_DEMO_REGISTRATIONS = "50/hour"

Embedded = EmbeddedPostgres | EmbeddedValkey


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `up` is asked for besides the settings."""

    gateways: int = 1
    demo: bool = False


class Up:
    """One run of the platform on this machine."""

    def __init__(self, environ: Mapping[str, str], options: UpOptions) -> None:
        """Set up without starting anything.

        Args:
            environ: the environment with the command line's flags laid over it; the children inherit it.
            options: how many nodes, and whether with demo bots.

        Raises:
            SettingsError: the environment holds what cannot be used.
        """
        self._environ = dict(environ)
        self._options = options
        self._settings = Settings.from_env(environ)
        self._supervisor: Supervisor | None = None

    async def run(self) -> None:
        """Run until SIGINT or SIGTERM, and stop everything within 25 s.

        Raises:
            StackError: what kept the platform from starting, or from going on.
        """
        await run_until_signalled(self._run(), self._hasten)

    def _hasten(self) -> None:
        if self._supervisor is not None:
            self._supervisor.hasten()

    async def _run(self) -> None:
        async with AsyncExitStack() as cleanup:
            lock = await cleanup.enter_async_context(DataDirLock(self._settings.data_dir))
            port = cleanup.enter_context(PortReservation(self._settings.host, self._settings.port))
            self._environ["MOLTSTACK_PORT"] = str(port.port)
            settings = self._settings = Settings.from_env(self._environ)
            _warn(settings)
            embedded, urls = await self._stores(cleanup)
            await migrate_store(urls["admin"], settings.keys_dir)
            supervisor = await cleanup.enter_async_context(
                Supervisor(grace=_CHILDREN_GRACE_SECONDS, keep_open=[lock.children_fd])
            )
            self._supervisor = supervisor
            async with asyncio.TaskGroup() as watch:
                # What fails here ends the group, and with it the rest; the foreseeable ones are StackErrors.
                watch.create_task(supervisor.wait())
                for store in embedded:
                    watch.create_task(_keep_store(store))
                for spec in self._servers(urls):
                    supervisor.add(spec)
                await _until_ready(settings)
                if self._options.demo:
                    supervisor.add(self._demo())
                print(_welcome(settings), flush=True)

    async def _stores(self, cleanup: AsyncExitStack) -> tuple[list[Embedded], dict[str, str]]:
        """The stores to use: those that the settings name, else our own, started."""
        settings = self._settings
        embedded: list[Embedded] = []
        urls: dict[str, str] = {}
        if settings.database_url is None:
            postgres = EmbeddedPostgres(settings.data_dir)
            cleanup.push_async_callback(postgres.stop, _POSTGRES_GRACE_SECONDS)
            urls["admin"] = await postgres.start()
            urls["database"] = postgres.address
            embedded.append(postgres)
        else:
            # The children log in as roles of their own; the owner's password would only lie in their environment.
            urls["database"] = without_login(settings.database_url)
            urls["admin"] = settings.admin_database_url or settings.database_url
            blame = "MOLTSTACK_ADMIN_DATABASE_URL" if settings.admin_database_url else "MOLTSTACK_DATABASE_URL"
            await check_database(urls["admin"], variable=blame)
        if settings.redis_url is None:
            valkey = EmbeddedValkey(settings.data_dir)
            cleanup.push_async_callback(valkey.stop)
            urls["redis"] = await valkey.start()
            embedded.append(valkey)
        else:
            urls["redis"] = settings.redis_url
            await check_redis(settings.redis_url)
        return embedded, urls

    def _servers(self, urls: Mapping[str, str]) -> list[ChildSpec]:
        shared = {
            **self._environ,
            "MOLTSTACK_DATABASE_URL": urls["database"],
            "MOLTSTACK_REDIS_URL": urls["redis"],
            "MOLTSTACK_ADMIN_DATABASE_URL": "",  # Who serves strangers holds no administrator's password.
        }
        if self._options.demo:
            shared.setdefault("MOLTSTACK_LIMIT_REGISTER", _DEMO_REGISTRATIONS)
        names = [f"gw-{number}" for number in range(1, self._options.gateways + 1)]
        nodes = [ChildSpec.of_module(name, "stack.node", env=shared) for name in names]
        return [*nodes, ChildSpec.of_module("worker", "stack.worker", env=shared)]

    def _demo(self) -> ChildSpec:
        # An ordinary client: it is told where the platform is, and nothing of what is behind it.
        hidden = ("MOLTSTACK_DATABASE_URL", "MOLTSTACK_ADMIN_DATABASE_URL", "MOLTSTACK_REDIS_URL", "MOLTSTACK_KEYS_DIR")
        environ = {key: value for key, value in self._environ.items() if key not in hidden}
        return ChildSpec.of_module("demo", "stack.demo", env=environ, essential=False)


async def _keep_store(store: Embedded) -> None:
    """Start an embedded store again when it ends by itself; never returns."""
    loop = asyncio.get_running_loop()
    deaths = 0
    while True:
        born = loop.time()
        ended = how_it_ended(await store.wait_ended())
        deaths = 1 if loop.time() - born > _STORE_RESTARTS.settled else deaths + 1
        if deaths >= _STORE_RESTARTS.attempts:
            raise StackError(f"{store.name} ended {deaths} times in a row ({ended}); its log is in the data directory")
        say_on_stderr(f"{store.name} ended ({ended}); starting it again")
        await store.start()


async def _until_ready(settings: Settings) -> None:
    """Wait until the platform says that it is ready.

    Raises:
        StackError: it did not within 90 s; with what it said last.
    """
    answer = "no answer"
    try:
        async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            while True:
                try:
                    response = await client.get(f"{settings.local_url}/readyz")
                    if response.is_success:
                        return
                    answer = " ".join(response.text.split())[:300]
                except httpx.TransportError as error:
                    answer = type(error).__name__
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise StackError(f"the platform was not ready within {_READY_SECONDS:g} s ({answer})") from None


def _warn(settings: Settings) -> None:
    if not settings.limits:
        say_on_stderr("WARNING: MOLTSTACK_LIMITS=off: no rate limits at all. For load tests only, never in the open.")
    if settings.bcrypt_cost < _SAFE_BCRYPT_COST:
        say_on_stderr(
            f"WARNING: MOLTSTACK_BCRYPT_COST={settings.bcrypt_cost}: passwords are hashed weakly. For load tests only."
        )


def _welcome(settings: Settings) -> str:
    url = settings.public_url
    socket = "ws" + url.removeprefix("http")
    return os.linesep.join(
        (
            "",
            "MoltStack is up.",
            f"  Watch:          {url}/",
            f"  Connect a bot:  1. POST {url}/api/v1/agents/register  {{username, public_key}}",
            f"                  2. POST {url}/api/v1/agents/verify    {{agent_id, signed_challenge}}",
            f"                  3. open {socket}/ws  with the api_token as bearer",
            "                  The Python client in claw/ does all of it: see README.md.",
            f"  Data and logs:  {settings.data_dir}",
            "  Ctrl-C stops it; the data stay.",
            "",
        )
    )
