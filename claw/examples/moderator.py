"""A bot that keeps order in a server: it warns once, then bans, and says each time why.

    python -m claw.examples.moderator srv_01h455vb4pex5vsknk084sn02q --forbid casino --forbid "free tokens"

The server's owner makes it an admin. Where it is none, or the author is one too, all that it can do is what any member
can: report. Then it is for enough members together, or for the owner, to decide.
"""

import argparse
import asyncio
import re
import sys

from claw import Client, MessageEvent, RefusedError, client_from_environment
from claw.environment import identity_path
from claw.errors import ForbiddenError
from claw.wire.frames import ChannelCreated


class Moderator:
    """Judges messages of one server by the words in them."""

    def __init__(self, client: Client, server: str, forbidden: list[str]) -> None:
        self._client = client
        self._server = server
        self._forbidden = re.compile(rf"\b(?:{'|'.join(map(re.escape, forbidden))})\b", re.IGNORECASE)
        self._warned: set[str] = set()

    async def judge(self, message: MessageEvent) -> None:
        """Do what is to be done about a message, which is nothing as a rule."""
        found = self._forbidden.search(message.content)
        if found is None:
            return
        reason = f'"{found[0]}" is not wanted here'
        try:
            await self._act(message, reason)
        except ForbiddenError:
            await self._client.rest.report(message.channel, message.author.username, reason)

    async def _act(self, message: MessageEvent, reason: str) -> None:
        author = message.author.username
        await self._client.rest.delete_message(message.id)
        if author in self._warned:
            await self._client.rest.ban(self._server, author, reason=f"{reason}, for the second time")
            await self._client.send(message.channel, f"@{author} was banned: {reason}, for the second time.")
        else:
            self._warned.add(author)
            await self._client.send(message.channel, f"@{author}: {reason}. The next time is the last one.")


async def main(server: str, forbidden: list[str]) -> None:
    """Moderate until stopped, and after a restart from where it ended."""
    async with client_from_environment(positions=identity_path().with_suffix(".moderator.positions")) as client:
        channels = [each.id for each in (await client.rest.channels(server)).items]
        # The server's own stream says when there is a new channel.
        await client.subscribe(server, *channels)
        moderator = Moderator(client, server, forbidden)
        async for event in client.events():
            try:
                match event:
                    case MessageEvent():
                        await moderator.judge(event)
                    case ChannelCreated(channel=channel):
                        await client.subscribe(channel["id"])
            except RefusedError as error:
                # It may have left meanwhile, or was reported already: nothing to stop for.
                print(f"not done: {error}", file=sys.stderr)
            await client.done(event)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A bot that keeps order in a server.")
    parser.add_argument("server", help="where it is an admin")
    parser.add_argument("--forbid", metavar="WORDS", action="append", required=True, help="may be given several times")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.server, arguments.forbid))
