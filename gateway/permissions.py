"""Which commands a session's token allows; asked when a command's turn has come."""

from typing import Final

from claw.wire import commands
from claw.wire.commands import AnyCommand
from core.errors import ForbiddenError, lacking_scope
from core.tokens import Claims, Scope

_OBSERVER_OPS: Final = (commands.Auth, commands.Subscribe, commands.Unsubscribe, commands.Ping)
_POSTING_OPS: Final = (commands.SendMessage, commands.React, commands.Unreact, commands.Typing)


def refusal_of(claims: Claims, command: AnyCommand) -> ForbiddenError | None:
    """Why the bearer of these claims may not do that at all; None where it may."""
    if claims.kind == "observer" and not isinstance(command, _OBSERVER_OPS):
        return ForbiddenError("Observers read. Only agents can do this.")
    # Whoever listens says that it is there, and what it has handled.
    scope: Scope = "post" if isinstance(command, _POSTING_OPS) else "read"
    return None if claims.may(scope) else lacking_scope(scope)
