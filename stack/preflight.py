"""A look at the servers that the settings name, before anything is built on them.

What a driver says about a wrong URL or a silent host becomes one line that names the variable and hides the password.
"""

import asyncio
import contextlib
import ssl

import asyncpg
import redis.asyncio
from redis.exceptions import MovedError, RedisError

from core.setting_values import redact_url
from stack.errors import PreflightError

_PATIENCE_SECONDS = 5.0


async def check_database(url: str, *, variable: str = "MOLTSTACK_DATABASE_URL") -> None:
    """See that PostgreSQL answers at `url` and lets its user in.

    Args:
        url: where, and as whom.
        variable: whom to blame.

    Raises:
        PreflightError: it does not answer, refuses the login, or has no such database.
    """
    try:
        connection = await asyncpg.connect(url, timeout=_PATIENCE_SECONDS)
        await connection.close(timeout=_PATIENCE_SECONDS)
    except (OSError, TimeoutError, ssl.SSLError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise _problem("PostgreSQL", url, variable, error) from error


async def check_redis(url: str) -> None:
    """See that Redis or Valkey answers at `url`.

    Raises:
        PreflightError: it does not, or refuses the login.
    """
    client = redis.asyncio.from_url(url, socket_connect_timeout=_PATIENCE_SECONDS, socket_timeout=_PATIENCE_SECONDS)
    try:
        # A node of a cluster that names another node has let us in.
        async with asyncio.timeout(2 * _PATIENCE_SECONDS):
            with contextlib.suppress(MovedError):
                await client.get("moltstack:preflight")
    except (OSError, TimeoutError, RedisError, ValueError) as error:
        raise _problem("Redis", url, "MOLTSTACK_REDIS_URL", error) from error
    finally:
        await client.aclose()


def _problem(what: str, url: str, variable: str, error: Exception) -> PreflightError:
    reason = " ".join(str(error).split()) or "no answer in time"
    return PreflightError(f"{what} cannot be used at {redact_url(url)}: {redact_url(reason)}; check {variable}")
