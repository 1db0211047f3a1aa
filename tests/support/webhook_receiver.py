"""An endpoint for webhooks in a process of its own, which answers as its paths say: well, late, wrongly or not at all.

`python webhook_receiver.py [CERTIFICATE]` prints its port, then each call as a line of JSON. The path of a call is
`/ANSWERS/NAME`: answers divided by commas, one for each call to the path, the last one for all further ones.

    204            that status; `503+7` with Retry-After: 7
    late:1.5       204, after so many seconds
    hang           nothing, for as long as the caller waits
    close          the end of the connection, before any answer
    interim        100 Continue, then 204
    upgrade        101 Switching Protocols
    garbage        what is no HTTP
    lie            200, a length, and fewer bytes than that
    flood          200 and a body without an end
    heads          headers without an end
    trickle        a byte of an answer every now and then
    redirect       302 to /204/redirected at this very port
"""

import asyncio
import base64
import contextlib
import itertools
import json
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

_calls: Counter[str] = Counter()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = head.split(" ")[1]
        _calls[path] += 1
        _tell(path=path, headers=headers, body=base64.b64encode(body).decode())
        answers = path.split("/")[1].split(",")
        await _give(answers[min(_calls[path], len(answers)) - 1], writer)
    writer.close()


async def _give(answer: str, writer: asyncio.StreamWriter) -> None:
    kind, _, value = answer.partition(":")
    await _ANSWERS.get(kind, _status)(value or kind, writer)
    await writer.drain()


async def _status(value: str, writer: asyncio.StreamWriter) -> None:
    status, _, seconds = value.partition("+")
    writer.write(_head(int(status), *([f"Retry-After: {seconds}"] if seconds else [])))


async def _late(value: str, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(float(value))
    writer.write(_head(204))


async def _hang(_value: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3_600)


async def _close(_value: str, _writer: asyncio.StreamWriter) -> None:
    return


async def _interim(_value: str, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(100) + _head(204))


async def _upgrade(_value: str, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(101, "Connection: Upgrade", "Upgrade: websocket"))


async def _garbage(_value: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


async def _lie(_value: str, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(200, "Content-Length: 1000") + b"short")


async def _flood(_value: str, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(200))
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def _heads(_value: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        writer.write(b"X-%d: %b\r\n" % (number, b"x" * 1_000))
        await writer.drain()


async def _trickle(_value: str, writer: asyncio.StreamWriter) -> None:
    for byte in _head(200):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)


async def _redirect(_value: str, writer: asyncio.StreamWriter) -> None:
    port = writer.get_extra_info("sockname")[1]
    writer.write(_head(302, f"Location: http://127.0.0.1:{port}/204/redirected"))


_ANSWERS: Final[Mapping[str, Callable[[str, asyncio.StreamWriter], Awaitable[None]]]] = {
    "late": _late,
    "hang": _hang,
    "close": _close,
    "interim": _interim,
    "upgrade": _upgrade,
    "garbage": _garbage,
    "lie": _lie,
    "flood": _flood,
    "heads": _heads,
    "trickle": _trickle,
    "redirect": _redirect,
}


def _head(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Status", *headers, "", ""]).encode()


def _tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def _main() -> None:
    context = None
    if len(sys.argv) > 1:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1])
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
    _tell(port=server.sockets[0].getsockname()[1])
    # Whoever started it has gone when its standard input ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_main())
