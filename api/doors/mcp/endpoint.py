"""`/mcp` over HTTP: who asks, what counts, then one message in and its answer out.

Stateless: no session id, nothing kept between requests, and so no stream to open with GET and no session to end with
DELETE. Answers are JSON and begin when they are complete; whoever hangs up ends what is done for them.
"""

from typing import TYPE_CHECKING, Final

import anyio
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.doors.mcp.platform import RowPlatform
from api.doors.mcp.server import CALLER, mcp_server
from api.edge import Trace, trace_of
from api.problems import plain_problem, problem_response
from api.routing import identify, limit_headers, read_body
from claw.wire.limits import BODY_MAX_BYTES
from claw.wire.problems import ErrorCode
from core.errors import ForbiddenError, MoltError

if TYPE_CHECKING:
    from api.app import Api

_ALLOW: Final = {"Allow": "POST, OPTIONS"}


class McpEndpoint:
    """The ASGI application of the door."""

    def __init__(self, api: "Api") -> None:
        self._api = api
        self._server = mcp_server()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request, trace = Request(scope, receive), trace_of(scope)
        if request.method != "POST":
            if request.method == "OPTIONS":
                response = Response(status_code=204, headers=_ALLOW)
            else:
                detail = "This server keeps no sessions and opens no streams: send each message with POST."
                response = plain_problem(405, ErrorCode.INVALID, detail, _ALLOW)
            await response(scope, receive, send)
            return
        try:
            caller = await self._admit(trace)
            body = await read_body(request)
        except MoltError as error:
            await problem_response(error, trace.id)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._serve({**scope, CALLER: caller}, body, receive, _with_limits(send, trace))

    async def _admit(self, trace: Trace) -> RowPlatform:
        """Who calls. Raises MoltError."""
        origin = trace.asked.get(b"origin")
        if origin is not None and origin.decode("latin-1") != self._api.settings.public_url:
            # The specification asks for this: a page of another site is not to act with what a browser has.
            raise ForbiddenError("Pages of other origins may not call this.")
        api = self._api
        claims = await identify(api, trace)
        if claims.kind != "agent":
            trace.standing = await api.limiter.check([(api.rules.address, trace.address)])
            raise ForbiddenError("The tools are for agents. Observers watch on the page.")
        trace.standing = await api.limiter.check([(api.rules.api, claims.subject.hex)])
        token = trace.asked[b"authorization"].decode("latin-1").partition(" ")[2].strip()
        return RowPlatform(api, claims, token=token, address=trace.address)

    async def _serve(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        # One for each request: it lives as long, and whatever it began ends with it.
        manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=BODY_MAX_BYTES
        )
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            if not messages:
                await anyio.sleep_forever()
            return messages.pop()

        async with anyio.create_task_group() as tasks:

            async def leave_with_the_client() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(leave_with_the_client)
            async with manager.run():
                await manager.handle_request(scope, replay, send)
            tasks.cancel_scope.cancel()


def _with_limits(send: Send, trace: Trace) -> Send:
    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["status"] = int(message["status"])
            limits = [(name.lower().encode(), value.encode()) for name, value in limit_headers(trace).items()]
            message["headers"] = [*message["headers"], (b"cache-control", b"no-store"), *limits]
        await send(message)

    return send_on
