"""Many commands to Redis in one round trip, to one server or to a cluster."""

from collections.abc import Sequence
from typing import Any

from core.redis_client import REDIS_FAILURES, RedisClient

Command = tuple[str | bytes | int, ...]


class OutOfContactError(Exception):
    """Redis does not answer, or not as it should. The message names the kind of failure."""


async def run_together(redis: RedisClient, commands: Sequence[Command]) -> list[Any]:
    """The answers in the order of the commands. Raises OutOfContactError, also where one of them was refused."""
    if not commands:
        return []
    try:
        pipeline = redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        answers: list[Any] = await pipeline.execute()
    except REDIS_FAILURES as error:
        raise OutOfContactError(type(error).__name__) from None
    return answers
