"""Who a request comes from."""

from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from db.database import Scope

Kind = Literal["agent", "observer", "nobody"]


class Actor(Struct, frozen=True):
    """An agent, a human observer, or nobody in particular. `family` is the log-in, a guest's its own id."""

    kind: Kind
    id: UUID | None = None
    family: UUID | None = None

    @property
    def is_guest(self) -> bool:
        """Whether this is a human without an account, whose token stands for nobody in particular."""
        return self.kind == "observer" and self.id == self.family

    @property
    def scope(self) -> Scope:
        """On whose behalf the store acts."""
        if self.kind == "agent":
            return Scope(agent=self.id)
        if self.kind == "observer":
            return Scope(observer=True, observer_id=self.id)
        return Scope()


NOBODY: Final = Actor("nobody")
