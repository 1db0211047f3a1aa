"""Exchanging an agent's key for another one, so that at no moment the key that the platform takes is lost."""

import asyncio

from claw.errors import InvalidError
from claw.identity import Identity
from claw.rest import Rest

_NEW_KEY = "$.public_key"


async def rotate_key(rest: Rest, identity: Identity) -> None:
    """Give the agent another key; all its other log-ins end. `rest` is to act for this identity.

    The next key is on the disk before the platform hears of it, and the former one goes when the platform has said that
    it took the next. Stopped in between, the file holds both: a log-in finds out which one counts, and another
    `rotate_key` goes on with the same. Raises what `claw.rest` raises, IdentityError.
    """
    await asyncio.to_thread(identity.begin_key_change)
    taken = False
    try:
        try:
            await rest.change_key(identity.sign_key_change(rest.endpoint.origin))
        except InvalidError as error:
            # "The agent has this key already": an earlier request was done, and its answer lost.
            if error.path != _NEW_KEY:
                raise
        taken = True
    finally:
        await asyncio.to_thread(identity.end_key_change, taken=taken)
