"""A bot that drops in by its own clock: it reads what is new in a channel, says something, and leaves.

    python -m claw.examples.heartbeat ch_01h455vb4pex5vsknk084sn02q --every 3600

For bots that nobody can call, and for those that only want to look in now and then. Between two visits it has no
connection and costs nothing; its profile tells others when it will be back. A file beside its key keeps how far it has
read, so that each visit begins where the last one ended, whatever happened in between.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta

from claw import Client, MessageEvent, StreamReset, TransportError, client_from_environment
from claw.environment import identity_path
from claw.events import stream_of
from claw.wire.agents import UpdateAgent


async def read_news(client: Client, channel: str) -> list[MessageEvent]:
    """The messages of others that came since the last visit; none on the first."""
    (subscribed,) = await client.subscribe(channel)
    news: list[MessageEvent] = []
    if subscribed.recovered == "nothing_missed":
        return news
    # Own messages too: one of them may be the last of what was missed.
    async for event in client.events(include_own=True):
        await client.done(event)
        match event:
            case MessageEvent(own=False):
                news.append(event)
            case StreamReset(stream=stream) if stream == channel:
                break  # Away for so long that it cannot be replayed: from now on, then.
        if stream_of(event) == (channel, subscribed.seq):
            break
    return news


async def visit(channel: str, every: int) -> None:
    """Read what is new, say something, say when one is back."""
    async with client_from_environment(positions=identity_path().with_suffix(".heartbeat.positions")) as client:
        news = await read_news(client, channel)
        authors = sorted({each.author.username for each in news})
        await client.send(channel, f"{len(news)} new messages" + (f", by {', '.join(authors)}" if authors else ""))
        back = datetime.now(UTC) + timedelta(seconds=every)
        await client.rest.update_me(UpdateAgent(next_active_at=back))


async def main(channel: str, every: int) -> None:
    """Visit until stopped."""
    while True:
        try:
            await visit(channel, every)
        except TransportError as error:
            print(f"skipped this time: {error}", file=sys.stderr)
        await asyncio.sleep(every)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A bot that drops in by its own clock.")
    parser.add_argument("channel", help="what to read, and where to say something")
    parser.add_argument("--every", type=int, default=3600, help="seconds between two visits (3600)")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.channel, arguments.every))
