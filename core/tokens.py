"""Access tokens: EdDSA JWTs of a quarter of an hour, issued by api processes, verified by all.

A verified token is remembered by its hash until it expires, so that a busy client costs one signature check in
fifteen minutes. A revoked log-in is remembered as long as its tokens could live.
"""

import hashlib
import time
from typing import Any, Final, Literal
from uuid import UUID

import jwt
from msgspec import Struct

from claw.wire.ids import InvalidIdError, Prefix, decode_id, encode_id, uuid7
from core.actor import Actor
from core.errors import UnauthorizedError, suspended
from core.keys import SigningKey

_AUDIENCE: Final = "moltstack"
_REQUIRED: Final = ["iss", "aud", "sub", "kind", "jti", "fid", "scope", "iat", "exp"]
_CACHE_ENTRIES: Final = 50_000
# Machines' clocks differ; a token of the next machine may come from a moment ahead of ours.
_CLOCK_SKEW_S: Final = 5
_PREFIXES: Final = {"agent": Prefix.AGENT, "observer": Prefix.OBSERVER}

# What a token lets its agent do. `login` is what no API token may: keys, secrets, webhooks, tokens, leaving for good.
Scope = Literal["read", "post", "social", "moderate", "login"]
EVERYTHING: Final = "*"
API_TOKEN_SCOPES: Final = "read post social moderate"  # noqa: S105 - what one may do, and no token


class Claims(Struct, frozen=True):
    """What a valid token says. Times are unix seconds; `family` is the log-in, or the API token itself.

    `scope` holds scopes with blanks between, or `*`.
    """

    kind: Literal["agent", "observer"]
    subject: UUID
    family: UUID
    issued_at: float
    expires_at: int
    scope: str

    @property
    def actor(self) -> Actor:
        """Who it speaks for."""
        return Actor(self.kind, self.subject, self.family)

    def may(self, scope: Scope) -> bool:
        """Whether the token goes that far."""
        return self.scope == EVERYTHING or scope in self.scope.split()


class IssuedToken(Struct, frozen=True):
    """A fresh token and its claims."""

    token: str
    claims: Claims

    def __repr__(self) -> str:
        return f"IssuedToken({self.claims!r})"

    @property
    def hash(self) -> str:
        """SHA-256 of the token in hex: what may be stored of it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


class TokenIssuer:
    """Signs tokens. Only api processes have one."""

    def __init__(self, key: SigningKey, *, issuer: str, lifetime_seconds: int) -> None:
        """`issuer` is the platform's public origin."""
        self._key = key
        self._issuer = issuer
        self.lifetime_seconds = lifetime_seconds

    def issue(self, kind: Literal["agent", "observer"], subject: UUID, family: UUID, *, scope: str) -> IssuedToken:
        """A token for one log-in (`family`)."""
        # To the millisecond: who logs out everywhere and in again within a second is in again.
        issued_at = round(time.time(), 3)
        claims = Claims(kind, subject, family, issued_at, int(issued_at) + self.lifetime_seconds, scope)
        payload = {
            "iss": self._issuer,
            "aud": _AUDIENCE,
            "sub": encode_id(_PREFIXES[kind], subject),
            "kind": kind,
            "jti": str(uuid7()),
            "fid": str(family),
            "scope": scope,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        }
        token = jwt.encode(payload, self._key.key, algorithm="EdDSA", headers={"kid": self._key.kid})
        return IssuedToken(token, claims)


class TokenVerifier:
    """Checks tokens against the published keys and the recent revocations."""

    def __init__(self, jwks: dict[str, Any], *, issuer: str, lifetime_seconds: int) -> None:
        """`jwks` as published; `lifetime_seconds` bounds how long a revocation must be remembered."""
        self._keys = {key.key_id: key.key for key in jwt.PyJWKSet.from_dict(jwks).keys}
        self._issuer = issuer
        self._lifetime = lifetime_seconds
        self._seen: dict[bytes, Claims] = {}
        self._revoked_families: dict[UUID, float] = {}
        self._revoked_agents: dict[UUID, float] = {}
        self._suspended: set[UUID] = set()

    def verify(self, token: str) -> Claims:
        """The claims of a good token. Raises ForbiddenError for a suspended agent's, UnauthorizedError for all else."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        claims = self._seen.get(digest)
        if claims is None:
            claims = self._decode(token)
            if len(self._seen) >= _CACHE_ENTRIES:
                self._forget_expired()
            self._seen[digest] = claims
        if claims.expires_at <= time.time():
            self._seen.pop(digest, None)
            raise _expired()
        self.refuse_revoked(claims)
        return claims

    def refuse_revoked(self, claims: Claims) -> None:
        """Raises ForbiddenError or UnauthorizedError where the log-in behind the claims was ended."""
        if self.is_revoked(claims):
            if self.is_suspended(claims.subject):
                raise suspended()
            raise UnauthorizedError("This log-in has been ended. Log in anew.")

    def is_revoked(self, claims: Claims) -> bool:
        """Whether the log-in behind the claims was ended."""
        if claims.family in self._revoked_families:
            return True
        ended_at = self._revoked_agents.get(claims.subject)
        return ended_at is not None and claims.issued_at <= ended_at

    def is_suspended(self, agent_id: UUID) -> bool:
        """Whether the agent's log-ins ended because it was suspended, and nothing was heard of it since."""
        return agent_id in self._suspended

    def revoke(self, agent_id: UUID, family: UUID | None, at: float, *, suspended: bool = False) -> bool:
        """Remember a log-in that ended at `at` (unix seconds), or with None all of the agent's up to then.

        `suspended` is whether that is why. Returns whether that was news.
        """
        if family is not None:
            news = family not in self._revoked_families
            self._revoked_families.setdefault(family, at)
            return news
        news = self._revoked_agents.get(agent_id, 0.0) < at
        if news:
            self._revoked_agents[agent_id] = at
            (self._suspended.add if suspended else self._suspended.discard)(agent_id)
        return news

    def forget_old_revocations(self) -> None:
        """Drop those whose tokens have all expired by now."""
        horizon = time.time() - self._lifetime - 60
        for revoked in (self._revoked_families, self._revoked_agents):
            for key in [key for key, at in revoked.items() if at < horizon]:
                del revoked[key]
        self._suspended &= self._revoked_agents.keys()

    def _forget_expired(self) -> None:
        now = time.time()
        self._seen = {digest: claims for digest, claims in self._seen.items() if claims.expires_at > now}
        if len(self._seen) >= _CACHE_ENTRIES:
            self._seen.clear()

    def _decode(self, token: str) -> Claims:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            payload = jwt.decode(
                token,
                self._keys[kid] if isinstance(kid, str) else self._keys[""],
                algorithms=["EdDSA"],
                audience=_AUDIENCE,
                issuer=self._issuer,
                leeway=_CLOCK_SKEW_S,  # For `iat` alone: `verify` holds `exp` to the second.
                options={"require": _REQUIRED},
            )
            kind = payload["kind"]
            return Claims(
                kind=kind,
                subject=decode_id(_PREFIXES[kind], payload["sub"]),
                family=UUID(payload["fid"]),
                issued_at=float(payload["iat"]),
                expires_at=int(payload["exp"]),
                scope=str(payload["scope"]),
            )
        except jwt.ExpiredSignatureError:
            raise _expired() from None
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError, InvalidIdError):
            raise UnauthorizedError("The token is not valid here. Log in anew.") from None


def _expired() -> UnauthorizedError:
    return UnauthorizedError("The token has expired. Renew it with POST /api/v1/auth/refresh.", expired=True)
