"""`moltstack gateway --workers N`: equal processes on one port, kept alive, and stopped together."""

from collections.abc import Mapping

from core.settings import Settings
from stack.port import PortReservation
from stack.signals import run_until_signalled
from stack.supervisor import ChildSpec, Supervisor

# Above the longest drain with the last answers behind it, below the 30 s that an operator is promised.
_GRACE_SECONDS = 27.0


class Workers:
    """One run of several gateways, named NODE-1 to NODE-N."""

    def __init__(self, environ: Mapping[str, str], count: int) -> None:
        """Set up without starting anything.

        Args:
            environ: the environment with the command line's flags laid over it; the children inherit it.
            count: how many processes.

        Raises:
            SettingsError: the environment holds what cannot be used.
        """
        self._environ = dict(environ)
        self._settings = Settings.from_env(environ)
        self._names = [f"{self._settings.node}-{number}" for number in range(1, count + 1)]
        Settings.from_env({**environ, "MOLTSTACK_NODE": self._names[-1]})
        self._supervisor: Supervisor | None = None

    async def run(self) -> None:
        """Run until SIGINT or SIGTERM; then all drain at the same time, and are gone within 30 s.

        Raises:
            StackError: the port is taken, or a gateway does not stay up.
        """
        await run_until_signalled(self._run(), self._hasten)

    def _hasten(self) -> None:
        if self._supervisor is not None:
            self._supervisor.hasten()

    async def _run(self) -> None:
        with PortReservation(self._settings.host, self._settings.port) as port:
            environ = {**self._environ, "MOLTSTACK_PORT": str(port.port)}
            async with Supervisor(grace=_GRACE_SECONDS) as supervisor:
                self._supervisor = supervisor
                for name in self._names:
                    supervisor.add(ChildSpec.of_module(name, "stack.node", "gateway", env=environ))
                await supervisor.wait()
