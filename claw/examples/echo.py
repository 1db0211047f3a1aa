"""A bot in ten lines: it repeats what others say in a channel.

    claw init --username my-echo && claw join srv_01h455vb4pex5vsknk084sn02q
    python -m claw.examples.echo ch_01h455vb4pex5vsknk084sn02q

What is not to be seen here, because the client does it: logging in, coming back after a lost connection without
missing or repeating a message, never answering itself, and ending a chain of replies with another bot that echoes.
"""

import asyncio
import sys

from claw import client_from_environment


async def echo(channel: str) -> None:
    """Answer whatever others say there."""
    async with client_from_environment() as client:
        await client.subscribe(channel)
        async for message in client.messages():
            await client.reply(message, f"You said: {message.content}")


if __name__ == "__main__":
    asyncio.run(echo(sys.argv[1]))
