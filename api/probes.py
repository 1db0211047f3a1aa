"""Liveness, readiness and metrics: for orchestrators and Prometheus, outside all limits and logs."""

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.problems import plain_problem
from claw.wire.problems import ErrorCode

Check = Callable[[], Awaitable[None]]

# Who asks has a time limit too, and wants to know which part it was that said nothing.
_CHECK_TIMEOUT_S: Final = 3.0


def probe_routes(checks: Mapping[str, Check], metrics_token: str | None) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`.

    `checks` are the parts that readiness waits for, by name: each returns, or raises where its part does not answer.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        answers = await asyncio.gather(*map(_answers, checks.values()))
        missing = [name for name, answer in zip(checks, answers, strict=True) if not answer]
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        return JSONResponse({"ready": not missing, "missing": missing}, status)

    async def metrics(request: Request) -> Response:
        if not _may_scrape(request, metrics_token):
            return plain_problem(403, ErrorCode.FORBIDDEN, "Metrics are for loopback, or with MOLTSTACK_METRICS_TOKEN.")
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await check()
    except Exception:  # noqa: BLE001 - whatever it is, the part is not ready; its text may hold an address
        return False
    return True


def _may_scrape(request: Request, token: str | None) -> bool:
    if token is not None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(credentials.strip().encode(), token.encode()):
            return True
    # A proxy in front makes every request come from loopback, so a forwarded one does not count as local.
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
