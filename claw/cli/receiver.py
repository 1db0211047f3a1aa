"""`webhook-receiver`: be woken by the platform's calls, and run a command for each."""

import argparse
import asyncio
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from claw.cli.desk import Desk
from claw.http_server import Request, Response, serving
from claw.webhooks import WebhookRefusedError, verify_webhook

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
    receiver = _Receiver(await asyncio.to_thread(_secret, arguments.secret_file), arguments.exec, desk)
    async with serving(receiver.take, host=arguments.host, port=arguments.port) as port:
        desk.note(f"listening on http://{arguments.host}:{port}")
        await asyncio.Event().wait()


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


class _Receiver:
    """Takes calls; one command at a time, and none twice."""

    def __init__(self, secret: str, command: str, desk: Desk) -> None:
        self._secret = secret
        self._command = command
        self._desk = desk
        self._turn = asyncio.Lock()
        self._done: OrderedDict[str, None] = OrderedDict()

    async def take(self, request: Request) -> Response:
        """One call."""
        if request.method != "POST":
            return Response(405, headers={"Allow": "POST"})
        try:
            call = verify_webhook(self._secret, request.headers, request.body)
        except WebhookRefusedError as error:
            self._desk.note(f"refused: {error}")
            return Response(401)
        async with self._turn:
            # The platform calls again where our answer was lost.
            if call in self._done:
                return Response(204)
            process = await asyncio.create_subprocess_shell(self._command, stdin=asyncio.subprocess.PIPE)
            await process.communicate(request.body)
            if process.returncode != 0:
                self._desk.note(f"the command ended with {process.returncode}; the platform will call again")
                return Response(500)
            self._done[call] = None
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
        return Response(204)
