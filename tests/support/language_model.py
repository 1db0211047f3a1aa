"""An endpoint that speaks OpenAI's chat completions, and misbehaves as it is told."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class LanguageModel:
    """Each request takes the next of `behaviours`, when these are used up `echo`.

    `echo` repeats the last message's words; a number is that status with `Retry-After: 0`; `hang` answers nothing;
    `broken` begins an answer and ends; `foreign` is another API's; `late` is `echo` after a moment.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.behaviours: deque[str | int] = deque()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization"))
        behaviour = self.behaviours.popleft() if self.behaviours else "echo"
        if isinstance(behaviour, int):
            return web.json_response({"error": {"message": "no"}}, status=behaviour, headers={"Retry-After": "0"})
        if behaviour == "hang":
            await asyncio.Event().wait()
        if behaviour == "foreign":
            return web.json_response({"completion": "hello"})
        if behaviour == "late":
            await asyncio.sleep(0.2)
        text = f"I heard: {body['messages'][-1]['content']}"
        if not body["stream"]:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            return web.json_response(_object("chat.completion", [choice]))
        return await self._stream(request, text, broken=behaviour == "broken")

    async def _stream(self, request: web.Request, text: str, *, broken: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        deltas = [{"role": "assistant", "content": ""}, *({"content": text[i : i + 7]} for i in range(0, len(text), 7))]
        for delta in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            await _say(response, json.dumps(_object("chat.completion.chunk", [choice])))
            if broken:
                return response
        await _say(response, json.dumps(_object("chat.completion.chunk", [])))
        await _say(response, "[DONE]")
        return response


def _object(kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1795172280, "model": "parrot", "choices": choices}


async def _say(response: web.StreamResponse, data: str) -> None:
    await response.write(f"data: {data}\n\n".encode())


@asynccontextmanager
async def running_language_model() -> AsyncIterator[LanguageModel]:
    """One on a free port."""
    model = LanguageModel()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", model.complete)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    model.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield model
    finally:
        await runner.cleanup()
