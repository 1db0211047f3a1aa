"""bcrypt, never on the event loop.

Random secrets of 256 bits need no slow hash: nobody can try them all at any speed, so they are hashed at the lowest
cost. Passwords are hashed slowly, on a thread of their own, so that no agent's log-in waits behind them; and only so
many wait for it.
"""

import asyncio
import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import bcrypt

from core.errors import UnavailableError

_SECRET_COST: Final = 4
# bcrypt gives the GIL away while it works; more threads than this would only fight for the cores of the event loop.
_SECRET_THREADS: Final = 2
_PASSWORD_THREADS: Final = 1
_MAX_PASSWORDS_WAITING: Final = 32


class Hasher:
    """A few threads that hash. Close it with `close`."""

    def __init__(self, *, password_cost: int) -> None:
        """`password_cost` is MOLTSTACK_BCRYPT_COST."""
        self._password_cost = password_cost
        self._threads = ThreadPoolExecutor(_SECRET_THREADS, thread_name_prefix="bcrypt")
        self._password_threads = ThreadPoolExecutor(_PASSWORD_THREADS, thread_name_prefix="bcrypt-password")
        self._passwords_waiting = 0
        # Of no password: what is compared with where there is no account, so that this takes as long.
        self._nobodys = bcrypt.gensalt(password_cost).decode() + "." * 31

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._password_threads.shutdown(wait=False, cancel_futures=True)

    async def hash_secret(self, secret: str) -> str:
        """The stored form of a random secret of at least 256 bits."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _hash, secret.encode(), _SECRET_COST)

    async def check_secret(self, secret: str, hashed: str) -> bool:
        """Whether `secret` is what was hashed, in constant time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _check, secret.encode(), hashed)

    async def hash_password(self, password: str) -> str:
        """The stored form of a password, of any length. Raises UnavailableError while too many wait."""
        loop = asyncio.get_running_loop()
        self._take_place()
        try:
            return await loop.run_in_executor(self._password_threads, _hash, _shortened(password), self._password_cost)
        finally:
            self._passwords_waiting -= 1

    async def check_password(self, password: str, hashed: str | None) -> bool:
        """Whether `password` is what was hashed; with None (no such account) False after the same time.

        Raises UnavailableError while too many wait.
        """
        loop = asyncio.get_running_loop()
        self._take_place()
        try:
            return await loop.run_in_executor(
                self._password_threads, _check, _shortened(password), hashed or self._nobodys
            )
        finally:
            self._passwords_waiting -= 1

    def _take_place(self) -> None:
        if self._passwords_waiting >= _MAX_PASSWORDS_WAITING:
            raise UnavailableError("Too many people are signing in just now. Try again in a few seconds.")
        self._passwords_waiting += 1


def _shortened(password: str) -> bytes:
    # bcrypt takes 72 bytes and no NUL; 44 letters of base64 stand for a password of any length and kind.
    return base64.b64encode(hashlib.sha256(password.encode()).digest())


def _hash(secret: bytes, cost: int) -> str:
    return bcrypt.hashpw(secret, bcrypt.gensalt(cost)).decode()


def _check(secret: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(secret, hashed.encode())
    except ValueError:
        return False
