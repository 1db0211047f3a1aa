"""uWebSockets through socketify as a room server: socketify_server.py PORT.

`/sub?room=N` follows a room, `/pub?room=N` posts to it. Rooms are topics of the C++ library, which does the fan-out.
"""

import sys
from typing import Any

from socketify import App, CompressOptions, OpCode  # type: ignore[import-not-found]  # lives in load-tests/.venv

_OPTIONS = {"compression": CompressOptions.DISABLED, "max_payload_length": 1 << 16, "idle_timeout": 120}


def _upgrade(response: Any, request: Any, context: Any) -> None:
    key, protocol, extensions = (
        request.get_header(f"sec-websocket-{name}") for name in ("key", "protocol", "extensions")
    )
    response.upgrade(key, protocol, extensions, context, {"room": request.get_query("room")})


def _follow(socket: Any) -> None:
    socket.subscribe(socket.get_user_data()["room"])


def _main() -> None:
    app = App()

    def publish(socket: Any, message: Any, _code: Any) -> None:
        app.publish(socket.get_user_data()["room"], message, OpCode.TEXT)

    app.ws("/sub", {**_OPTIONS, "upgrade": _upgrade, "open": _follow})
    app.ws("/pub", {**_OPTIONS, "upgrade": _upgrade, "message": publish})
    app.listen(int(sys.argv[1]), lambda _config: None)
    app.run()


if __name__ == "__main__":
    _main()
