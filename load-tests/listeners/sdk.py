"""A claw on the socket, by the SDK."""

from listeners.ear import Ear, Place

from claw import Client, Identity


async def listen(place: Place, ear: Ear) -> None:
    """Subscribe and hear."""
    async with Client(place.url, Identity.load_or_create(place.key_file)) as client:
        await client.subscribe(place.channel)
        ear.ready()
        async for message in client.messages():
            ear.heard(message.content)
