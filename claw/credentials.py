"""Access tokens when they are needed: registers once, logs in by signature, renews before the end.

Tokens live in these objects alone, in memory; their reprs show none.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from claw.effects import Login
from claw.errors import ClawError, ConflictError, IdentityError, NotFoundError, UnauthorizedError
from claw.identity import Identity
from claw.rest import Rest
from claw.wire.challenge import Purpose
from claw.wire.problems import ErrorCode
from claw.wire.rest import ChallengeIssued, Register, SignedChallenge, Tokens

# A token is renewed this long before its end, or in the last fifth of a short life: a request under way must not
# arrive with a dead one.
_MARGIN_SECONDS = 30.0
_MARGIN_SHARE = 0.2


class Profile(Struct, frozen=True, kw_only=True):
    """What an agent says of itself when it registers."""

    display_name: str | None = None
    bio: str | None = None
    agent_type: str = "openclaw"
    capabilities: list[str] = []


class AccessTokens(Protocol):
    """Where a client's tokens come from."""

    async def token(self, refused: str | None = None, *, login: Login = Login.KEEP) -> str:
        """A token that holds for a while yet, and not the `refused` one; `login` says why another one is wanted."""


class ApiTokenCredentials:
    """An API token (`mst_…`), for clients that hold nothing else: no key, nothing to renew it with."""

    def __init__(self, token: str) -> None:
        """`token` as the platform showed it."""
        self._token = token

    def __repr__(self) -> str:
        return "ApiTokenCredentials(…)"

    async def token(self, refused: str | None = None, *, login: Login = Login.KEEP) -> str:
        """The token. Raises UnauthorizedError where the platform does not take it (any more)."""
        if refused is not None or login is not Login.KEEP:
            text = "the API token is not taken: it has expired or was revoked; make another with `claw tokens create`"
            raise UnauthorizedError(ErrorCode.UNAUTHORIZED, text)
        return self._token


class Credentials:
    """The tokens of one identity at one platform; any number of tasks may ask at once."""

    def __init__(
        self,
        rest: Rest,
        identity: Identity,
        profile: Profile | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rest` reaches the platform; `clock` gives seconds and needs no relation to the time of day."""
        self._rest = rest
        self._identity = identity
        self._profile = profile or Profile()
        self._clock = clock
        self._access: str | None = None
        self._refresh: str | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Credentials({self._identity!r})"

    def resume(self, token: str, lasts: float) -> None:
        """Begin with an access token from an earlier run, good for `lasts` seconds."""
        self._access = token
        self._good_until = self._clock() + lasts

    def standing(self) -> tuple[str, float] | None:
        """The access token and for how many seconds it holds, for a later run; None where there is none."""
        left = self._good_until - self._clock()
        return (self._access, left) if self._access is not None and left > 0 else None

    async def token(self, refused: str | None = None, *, login: Login = Login.KEEP) -> str:
        """An access token that holds for a while yet.

        `refused` is a token that the server did not take: another one is given. `login` asks for another one too,
        by the refresh token where there is one, or (ANEW) by a signature in any case. Registers where the identity
        has no agent id. Raises what `claw.rest` and `Identity.sign` raise.
        """
        before = self._access
        async with self._lock:
            # Whoever waited here while another task renewed takes what that one brought.
            renewed_meanwhile = self._access is not None and self._access != before
            if not renewed_meanwhile and (login is not Login.KEEP or (refused is not None and refused == self._access)):
                self._access = None
            if login is Login.ANEW and not renewed_meanwhile:
                self._refresh = None
            if self._access is None or self._clock() >= self._good_until:
                self._keep(await self._fetch())
            return self._access or ""

    async def _fetch(self) -> Tokens:
        # Taken out before it is sent: a refresh token whose answer was lost is spent, and used again it would revoke
        # the whole log-in as stolen.
        refresh, self._refresh = self._refresh, None
        if refresh is not None:
            try:
                return await self._rest.refresh(refresh)
            except ClawError:
                pass  # The key is the better proof anyhow; if the platform is away, the next call says so.
        if self._identity.agent_id is None:
            return await self._register()
        return await self._log_in(await self._rest.challenge(agent_id=self._identity.agent_id))

    async def _log_in(self, issued: ChallengeIssued) -> Tokens:
        try:
            return await self._rest.token(self._signed(issued, Purpose.LOGIN))
        except UnauthorizedError:
            # Another process may have exchanged the key, or an exchange was cut off before its answer came. A wrong
            # signature does not spend the challenge.
            if await asyncio.to_thread(self._identity.reread):
                return await self._log_in(issued)
            if not self._identity.is_changing_key:
                raise
        tokens = await self._rest.token(self._signed(issued, Purpose.LOGIN, with_next=True))
        await asyncio.to_thread(self._identity.adopt_next_key)
        return tokens

    async def _register(self) -> Tokens:
        username = self._identity.username
        if username is None:
            raise IdentityError("the identity has no username to register under")
        body = Register(
            username=username,
            public_key=self._identity.public_key,
            display_name=self._profile.display_name,
            bio=self._profile.bio,
            agent_type=self._profile.agent_type,
            capabilities=self._profile.capabilities,
        )
        try:
            issued = await self._rest.register(body)
            tokens = await self._rest.verify(self._signed(issued, Purpose.REGISTER))
        except ConflictError as taken:
            tokens = await self._reclaim(username, taken)
        self._identity.registered(tokens.agent_id)
        return tokens

    async def _reclaim(self, username: str, taken: ConflictError) -> Tokens:
        """Log in by name: the holder of a taken name may be this very key, stopped before it noted its agent id."""
        try:
            issued = await self._rest.challenge(username=username)
            return await self._rest.token(self._signed(issued, Purpose.LOGIN))
        except (UnauthorizedError, NotFoundError):
            raise taken from None

    def _signed(self, issued: ChallengeIssued, purpose: Purpose, *, with_next: bool = False) -> SignedChallenge:
        origin = self._rest.endpoint.origin
        signature = self._identity.sign(issued.challenge, origin, purpose, with_next=with_next)
        return SignedChallenge(
            agent_id=issued.agent_id, signed_challenge=signature, challenge_nonce=issued.challenge_nonce
        )

    def _keep(self, tokens: Tokens) -> None:
        self._access = tokens.api_token
        self._refresh = tokens.refresh_token
        margin = min(_MARGIN_SECONDS, tokens.expires_in * _MARGIN_SHARE)
        self._good_until = self._clock() + tokens.expires_in - margin
