"""The client for commands: one server or a cluster, whichever stands behind the URL.

What talks to it gives all keys of one call a hash tag in common (`molt:presence:{…}:…`), and then need not know.
"""

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError

RedisClient = Redis | RedisCluster

# Whatever a command may raise where Redis does not do it.
REDIS_FAILURES: Final = (RedisError, RedisClusterException, OSError)

_TIMEOUT_S: Final = 2.0
_OPTIONS: Final[dict[str, Any]] = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}


class SlotRange(Struct, frozen=True):
    """A part of a cluster's 16,384 slots, `first` to `last`, and the URL of the master that has it."""

    first: int
    last: int
    url: str


async def open_redis(url: str) -> RedisClient:
    """A client for the server at `url`, or for the cluster that it belongs to. Raises OSError."""
    # Once more at once: after a restart of the server, connections that lie in the pool are dead.
    retry = Retry(NoBackoff(), 1)
    if await read_slots(url) is None:
        return Redis.from_url(url, retry=retry, **_OPTIONS)
    cluster = RedisCluster.from_url(url, retry=retry, require_full_coverage=False, **_OPTIONS)
    try:
        return await cluster.initialize()
    except REDIS_FAILURES as error:
        await cluster.aclose()
        raise _no_answer(error) from None


async def read_slots(url: str) -> list[SlotRange] | None:
    """Which master of a cluster has which slots, as the node at `url` knows it; None of a server without a cluster.

    Raises OSError where it does not answer.
    """
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_OPTIONS)
    try:
        rows = await client.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]  # redis-py has no types here
    except ResponseError:
        # Cluster support disabled, or a server that keeps this to itself: then it is one server to us.
        return None
    except REDIS_FAILURES as error:
        raise _no_answer(error) from None
    finally:
        await client.aclose()
    return [SlotRange(first, last, _url_of(url, master[0], master[1])) for first, last, master, *_ in rows]


def _no_answer(error: Exception) -> ConnectionError:
    # Not its text, which may hold the URL's login.
    return ConnectionError(f"Redis does not answer ({type(error).__name__}); check MOLTSTACK_REDIS_URL")


def _url_of(seed: str, host: bytes | None, port: int) -> str:
    """The URL of another node of the cluster; a node that does not know its own address is the one that was asked."""
    parts = urlsplit(seed)
    name = (host or b"").decode() or parts.hostname or "localhost"
    bracketed = f"[{name}]" if ":" in name else quote(name)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{bracketed}:{port}").geturl()


class Script:
    """A Lua script, kept as a file of this package. Calls need one round trip, the first to each server two."""

    def __init__(self, redis: RedisClient, file: str) -> None:
        """`file` is its name; all keys of one call lie in the same slot."""
        self._redis = redis
        self._source = (resources.files("core") / file).read_text(encoding="utf-8")
        self._sha = hashlib.sha1(self._source.encode()).hexdigest()  # noqa: S324 - the protocol's own name for a script

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str | bytes | int | float]) -> Any:
        """What the script answers. Raises REDIS_FAILURES."""
        try:
            return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            # Not SCRIPT LOAD, which in a cluster wants all masters: the one that has the keys learns it by this.
            return await self._redis.eval(self._source, len(keys), *keys, *arguments)
