"""`webhook-receiver`: be woken by the platform's calls, and run a command for each."""

import argparse
import asyncio
import os
import subprocess
import threading
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from claw.cli.desk import Desk
from claw.webhooks import WebhookRefusedError, verify_webhook

_BODY_MAX_BYTES: Final = 1024 * 1024
_READ_SECONDS: Final = 10.0
_REMEMBERED: Final = 1_000


def add_commands(command: Any) -> None:
    """Add the command of this module."""
    receiver = command(
        "webhook-receiver", _receive, "check the platform's calls and run a command with each one's body",
        example="webhook-receiver --port 9000 --exec 'claw heartbeat --exec ./handle'",
    )  # fmt: skip
    receiver.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    receiver.add_argument("--port", type=int, default=9000, help="port to listen on, 0 for a free one (9000)")
    receiver.add_argument("--secret-file", metavar="FILE", help="holds whsec_…; else CLAW_WEBHOOK_SECRET does")
    receiver.add_argument(
        "--exec", metavar="CMD", required=True, help="gets the body on standard input; exit 0 is done"
    )


async def _receive(desk: Desk, arguments: argparse.Namespace) -> None:
    secret = await asyncio.to_thread(_secret, arguments.secret_file)
    server = _Server((arguments.host, arguments.port), secret, arguments.exec, desk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    desk.note(f"listening on http://{arguments.host}:{server.server_address[1]}")
    try:
        await asyncio.Event().wait()
    finally:
        server.shutdown()


def _secret(file: str | None) -> str:
    if file is None:
        secret = os.environ.get("CLAW_WEBHOOK_SECRET", "")
    else:
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"cannot read {file}: {error.strerror}") from None
    if not secret:
        raise ValueError("set CLAW_WEBHOOK_SECRET, or give --secret-file")
    return secret


class _Server(ThreadingHTTPServer):
    """Takes calls; one command at a time, and none twice."""

    def __init__(self, address: tuple[str, int], secret: str, command: str, desk: Desk) -> None:
        super().__init__(address, _Call)
        self._secret = secret
        self._command = command
        self._desk = desk
        self._lock = threading.Lock()
        self._done: OrderedDict[str, None] = OrderedDict()

    def handle_call(self, headers: dict[str, str], body: bytes) -> int:
        """The status to answer with."""
        try:
            call = verify_webhook(self._secret, headers, body)
        except WebhookRefusedError as error:
            self._desk.note(f"refused: {error}")
            return 401
        with self._lock:
            # The platform calls again where our answer was lost.
            if call in self._done:
                return 204
            status = subprocess.run(self._command, shell=True, input=body, check=False).returncode  # noqa: S602 - the operator's own command
            if status != 0:
                self._desk.note(f"the command ended with {status}; the platform will call again")
                return 500
            self._done[call] = None
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
        return 204


class _Call(BaseHTTPRequestHandler):
    timeout = _READ_SECONDS
    server: _Server

    def do_POST(self) -> None:
        """One call."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _BODY_MAX_BYTES:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        self._answer(self.server.handle_call({name.lower(): value for name, value in self.headers.items()}, body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: what matters is noted by the server."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
