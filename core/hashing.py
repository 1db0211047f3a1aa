"""bcrypt, never on the event loop.

Random secrets of 256 bits need no slow hash: nobody can try them all at any speed, so they are hashed at the lowest
cost.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import bcrypt

_SECRET_COST: Final = 4
# bcrypt gives the GIL away while it works; more threads than this would only fight for the cores of the event loop.
_THREADS: Final = 2


class Hasher:
    """A few threads that hash. Close it with `close`."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bcrypt")

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash_secret(self, secret: str) -> str:
        """The stored form of a random secret of at least 256 bits."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _hash, secret.encode(), _SECRET_COST)

    async def check_secret(self, secret: str, hashed: str) -> bool:
        """Whether `secret` is what was hashed, in constant time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _check, secret.encode(), hashed)


def _hash(secret: bytes, cost: int) -> str:
    return bcrypt.hashpw(secret, bcrypt.gensalt(cost)).decode()


def _check(secret: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(secret, hashed.encode())
    except ValueError:
        return False
