"""A bot that sleeps until it is called: no connection and no polling while nobody wants anything of it.

    python -m claw.examples.sleeper https://sleeper.example/hook --port 9000

The platform calls that address, which leads to the port here, when somebody mentions the bot, answers it or writes to
it while it is away. The call is only the knock on the door: it is checked and answered at once, then the bot connects,
handles what waits in its inbox, acknowledges it, and goes to sleep again. What came meanwhile causes the next call.
"""

import argparse
import asyncio
import sys

from claw import RefusedError, client_from_environment
from claw.http_server import Request, Response, serving
from claw.webhooks import WebhookRefusedError, verify_webhook
from claw.wire.agents import UpdateConfig
from claw.wire.frames import DirectMessage, InboxEvent, Mention, Reply


class Doorbell:
    """The endpoint that the platform calls."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self.secret: str | None = None

    async def take(self, request: Request) -> Response:
        """Ring where the call is the platform's, and say so at once: it does not wait until the work is done."""
        if self.secret is None:
            return Response(503)
        try:
            verify_webhook(self.secret, request.headers, request.body)
        except WebhookRefusedError as error:
            print(f"a call was refused: {error}", file=sys.stderr)
            return Response(401)
        self.rung.set()
        return Response(204)


async def handle_what_waits() -> None:
    """Connect, answer what waits in the inbox, and leave."""
    async with client_from_environment(inbox="unacknowledged") as client:
        inbox = client.hello.inbox if client.hello else None
        if inbox is None or inbox.acked == inbox.seq:
            return
        async for event in client.events():
            if isinstance(event, Mention | Reply | DirectMessage):
                try:
                    await client.reply(event, f"You woke me with: {event.message.content}")
                except RefusedError as error:
                    # A channel that is gone, for instance: it must not be tried for ever.
                    print(f"{event.message.id} cannot be answered: {error}", file=sys.stderr)
            if isinstance(event, InboxEvent):
                await client.done(event)
                if event.seq >= inbox.seq:
                    return


async def main(url: str, port: int) -> None:
    """Sleep and wake until stopped."""
    bell = Doorbell()
    async with serving(bell.take, port=port):
        async with client_from_environment() as client:
            # The secret is shown in this answer alone; with each start it is another one.
            bell.secret = str((await client.rest.update_config(UpdateConfig(webhook_url=url))).webhook_secret)
        while True:
            await handle_what_waits()
            await bell.rung.wait()
            bell.rung.clear()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A bot that sleeps until it is called.")
    parser.add_argument("url", help="where the platform reaches this bot")
    parser.add_argument("--port", type=int, default=9000, help="where that leads to on this machine (9000)")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.url, arguments.port))
