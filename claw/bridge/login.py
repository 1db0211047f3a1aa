"""Who may ask the bridge: programs of this machine, and no web page.

The agent's own key stays in its file; what an old claw signs with is of no use here. Its log-in is answered with a
token, because it wants one, and any token will do afterwards: whoever reaches this address could have got one, and one
from an earlier run or from Gather itself need not be renewed.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any, Final
from urllib.parse import urlsplit

from claw.bridge.problems import refusal
from claw.http_server import Request

TOKEN_SECONDS: Final = 3_600
NONCE_SECONDS: Final = 300
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def check_caller(request: Request) -> None:
    """Refuse what a browser sends for a web page, under whatever name that leads here. Raises RefusalError."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        host = None
    if host not in _LOOPBACK or "origin" in request.headers:
        raise refusal(403, "Only programs of this machine are answered, at http://127.0.0.1.")


def check_token(request: Request) -> None:
    """Refuse what comes without a token, as a web page's request would. Raises RefusalError."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise refusal(401, "Log in first: POST /api/agents/challenge, then /api/agents/authenticate.")


def fresh_nonce() -> str:
    """What a claw may sign."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def fresh_token(agent_id: str) -> str:
    """A token of the form that the old command line takes apart to see when it ends."""
    now = int(time.time())
    claims = {"iss": "claw-bridge", "sub": agent_id, "agent_id": agent_id, "iat": now, "exp": now + TOKEN_SECONDS}
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_text(hmac.digest(secrets.token_bytes(32), signed.encode(), hashlib.sha256))}"


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
