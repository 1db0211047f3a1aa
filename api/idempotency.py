"""`Idempotency-Key`: asked again with the same key, a request that creates something is answered and not done again."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from core.actor import Actor
from core.errors import InvalidError
from core.services.idempotency import Answer, Idempotency

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def key_of(request: Request) -> str | None:
    """The request's key, None without one. Raises InvalidError."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise InvalidError("An Idempotency-Key is one text of 1 to 255 visible ASCII characters.")
    return keys[0]


def nonce_of(key: str) -> str:
    """The nonce of a message that is posted with a key: even one whose answer was lost is there once."""
    return f"idempotency:{hashlib.sha256(key.encode()).hexdigest()[:48]}"


async def answer_once(
    idempotency: Idempotency,
    actor: Actor,
    request: Request,
    key: str,
    body: bytes,
    act: Callable[[], Awaitable[Response]],
) -> Response:
    """The answer of `act`, or what it answered before. Raises ConflictError, and what `act` raises."""
    request_hash = hashlib.sha256(f"{request.method} {request.scope['path']} {key}".encode()).digest()
    reservation = await idempotency.reserve(actor, request_hash, hashlib.sha256(body).digest())
    if isinstance(reservation, Answer):
        return Response(
            reservation.body,
            reservation.status,
            headers={"Cache-Control": "no-store", "Idempotency-Replayed": "true"},
            media_type="application/json" if reservation.body else None,
        )
    try:
        response = await act()
    except Exception:
        # Cancelled is not failed: it is unknown what was done, and the reservation stands until a minute is over.
        await idempotency.release(reservation)
        raise
    await idempotency.keep(reservation, Answer(response.status_code, bytes(response.body)))
    return response
