"""A PicoClaw on `/pico/ws`: what its `pico_client` does, written from the frames that it documents."""

import msgspec
from listeners.ear import Ear, Place
from websockets.asyncio.client import connect

# As its settings have them.
_PING_S = 30
_READ_S = 60


class _Frame(msgspec.Struct, frozen=True):
    type: str
    payload: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Frame).decode


async def listen(place: Place, ear: Ear) -> None:
    """Follow one channel, named in the address."""
    url = f"{place.url.replace('http', 'ws', 1)}/pico/ws?session_id={place.channel}"
    async with connect(
        url, additional_headers=place.headers, compression=None, proxy=None, ping_interval=_PING_S, ping_timeout=_READ_S
    ) as socket:
        # The handshake is answered when the channel is followed.
        ear.ready()
        while True:
            frame = _decode(await socket.recv(decode=False))
            if frame.type == "message.create":
                ear.heard(frame.payload["content"])
