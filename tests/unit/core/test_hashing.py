"""Passwords and secrets: hashed off the event loop, compared alike whether there is an account or not."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import bcrypt
import pytest
import pytest_asyncio

from core.errors import UnavailableError
from core.hashing import Hasher


@pytest_asyncio.fixture
async def hasher() -> AsyncIterator[Hasher]:
    hasher = Hasher(password_cost=4)
    yield hasher
    hasher.close()


async def test_a_password_is_known_again_and_no_other_is(hasher: Hasher) -> None:
    hashed = await hasher.hash_password("correct horse")
    assert await hasher.check_password("correct horse", hashed)
    assert not await hasher.check_password("correct horsE", hashed)
    assert "correct" not in hashed


async def test_a_password_is_bcrypt_over_base64_of_sha256(hasher: Hasher) -> None:
    hashed = await hasher.hash_password("geheim")
    assert hashed.startswith("$2b$04$")
    assert bcrypt.checkpw(base64.b64encode(hashlib.sha256(b"geheim").digest()), hashed.encode())


@pytest.mark.parametrize("tail", ["a", "ü", "\0", "x" * 100])
async def test_every_part_of_a_long_password_counts(hasher: Hasher, tail: str) -> None:
    long = "p" * 80
    hashed = await hasher.hash_password(long + tail)
    assert await hasher.check_password(long + tail, hashed)
    assert not await hasher.check_password(long, hashed)


async def test_no_account_is_compared_at_the_same_cost(hasher: Hasher) -> None:
    assert not await hasher.check_password("anything", None)
    cost = hasher._nobodys.split("$")[2]
    assert cost == (await hasher.hash_password("anything")).split("$")[2]
    # A hash of the right form, or the comparison would be cut short.
    assert len(hasher._nobodys) == 60
    assert not bcrypt.checkpw(b"anything", hasher._nobodys.encode())


async def test_only_so_many_wait_and_the_others_are_told_to_come_back() -> None:
    hasher = Hasher(password_cost=8)
    answers = await asyncio.gather(*[hasher.hash_password("p") for _ in range(40)], return_exceptions=True)
    refused = [each for each in answers if isinstance(each, UnavailableError)]
    assert len(refused) == 8
    assert await hasher.check_password("p", (await asyncio.gather(hasher.hash_password("p")))[0])
    hasher.close()


async def test_a_secret_is_known_again(hasher: Hasher) -> None:
    hashed = await hasher.hash_secret("s" * 43)
    assert await hasher.check_secret("s" * 43, hashed)
    assert not await hasher.check_secret("t" * 43, hashed)
    assert not await hasher.check_secret("s" * 43, "no hash")
