"""Who MoltStack is compared with: the limit in C, and servers that do nothing but fan out."""

import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Literal

import msgspec
from harness.client import PROGRAM as LOAD
from harness.client import Target
from harness.machine import Child, free_port

_HERE: Final = Path(__file__).parents[1]
_LIMIT: Final = LOAD.with_name("limit")
_PYTHON: Final = _HERE / ".venv" / "bin" / "python"
_WS: Final = _HERE / "peers" / "node_modules" / "ws"
_SMALL: Final = 220
# The two bytes of a WebSocket header and the two of its length, for frames of 126 bytes and more.
_HEADER: Final = 4

_NATS_CONFIG: Final = """
listen: 127.0.0.1:%d
websocket { listen: "127.0.0.1:%d", no_tls: true, compression: false }
write_deadline: "10s"
max_pending: 256MB
"""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A server to compare with.

    `argv` makes its command line from a port and a scratch directory; `frame` is the length of its frames where that
    is not our own; `missing` says what it lacks on this machine.
    """

    name: str
    argv: Callable[[int, Path], list[str]]
    missing: str | None
    dialect: Literal["plain", "nats"] = "plain"
    frame: int | None = None

    async def start(self, scratch: Path, frame: int, cleanup: AsyncExitStack) -> Target:
        """Run it until `cleanup` ends; `frame` is how many bytes a delivery should have. Raises BenchError."""
        port = free_port()
        # One thread that runs at a time, as for all others.
        env = {"GOMAXPROCS": "1", "NODE_ENV": "production"}
        log = scratch / f"{self.name.replace(' ', '-')}.log"
        child = await Child.start(self.name, self.argv(port, scratch), log, env=env)
        cleanup.push_async_callback(child.stop)
        await child.until_listening(port)
        return Target(port=port, pids=(child.pid,), dialect=self.dialect, body=self._body(self.frame or frame))

    def _body(self, frame: int) -> int:
        if self.dialect == "plain":
            return frame - _HEADER
        # NATS puts its own line before each message and an end of line behind it.
        return frame - _HEADER - len(f"MSG room.0 1 {frame}\r\n\r\n")


def _limit(mode: str) -> Callable[[int, Path], list[str]]:
    return lambda port, _scratch: [str(_LIMIT), str(port), mode]


def _node(port: int, _scratch: Path) -> list[str]:
    return ["node", str(_HERE / "peers" / "ws_server.js"), str(port)]


def _socketify(port: int, _scratch: Path) -> list[str]:
    return [str(_PYTHON), str(_HERE / "peers" / "socketify_server.py"), str(port)]


def _nats(port: int, scratch: Path) -> list[str]:
    config = scratch / "nats.conf"
    config.write_text(_NATS_CONFIG % (free_port(), port))
    return ["nats-server", "--config", str(config)]


def peers() -> list[Peer]:
    """All of them, whether they are there or not."""
    c = None if _LIMIT.exists() else "gcc, to build it"
    node = None if shutil.which("node") and _WS.exists() else "Node.js and its ws: npm ci in load-tests/peers"
    nats = None if shutil.which("nats-server") else "nats-server: apt-get install nats-server"
    socketify = None if _PYTHON.exists() and _has_socketify() else "socketify in load-tests/.venv"
    return [
        Peer(name="C send", argv=_limit("send"), missing=c),
        Peer(name="C coalescing", argv=_limit("coalesce"), missing=c),
        Peer(name="C send 220", argv=_limit("send"), missing=c, frame=_SMALL),
        Peer(name="C coalescing 220", argv=_limit("coalesce"), missing=c, frame=_SMALL),
        Peer(name="Node ws", argv=_node, missing=node),
        Peer(name="NATS", argv=_nats, missing=nats, dialect="nats"),
        Peer(name="socketify", argv=_socketify, missing=socketify),
    ]


def _has_socketify() -> bool:
    return any(_PYTHON.parents[1].glob("lib/python3.*/site-packages/socketify"))
