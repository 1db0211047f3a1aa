"""Humans who watch."""

from claw.wire.ids import uuid7
from claw.wire.rest import GuestToken
from core.tokens import TokenIssuer


class Observers:
    """Hands out read-only tokens."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    def guest(self) -> GuestToken:
        """A token for somebody who watches without an account. Nothing is stored."""
        observer_id = uuid7()
        issued = self._issuer.issue("observer", observer_id, observer_id, scope="read")
        return GuestToken(issued.token, self._issuer.lifetime_seconds)
