"""Claws of one kind that listen to a channel, in a process of their own.

    python -m listeners.audience MODULE:FUNCTION

Orders come as lines of JSON on standard input, and each is answered by one:

    {"listen": [PLACE, …]}  a claw for each place; answered when all of them hear
    {"reach": NUMBER}       wait until all have heard this post, and say how many milliseconds each hearing since the
                            last such order took
    {"check": null}         whether something came that must not come

The event loop is the ordinary one, since that is what claws run on.
"""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

import msgspec
from harness.orders import obey
from listeners.ear import Ear, Place

Listen = Callable[[Place, Ear], Awaitable[None]]

_SHOWN: Final = 5


class Audience:
    """All claws of the process."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._ears: list[Ear] = []
        self._deaf = 0
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def carry_out(self, order: dict[str, Any]) -> dict[str, Any]:
        """One order; its answer names under `faults` what must not be."""
        match order:
            case {"listen": places}:
                for place in msgspec.convert(places, list[Place]):
                    self._begin(place)
                await self._until(lambda: self._deaf == 0)
                return {"faults": self._faults()}
            case {"reach": number}:
                await self._until(lambda: all(ear.last >= number for ear in self._ears))
                took = [ms for ear in self._ears for ms in ear.took_ms]
                for ear in self._ears:
                    ear.took_ms.clear()
                return {"ms": took, "faults": self._faults()}
            case {"check": None}:
                return {"faults": self._faults()}
            case _:
                raise ValueError(order)

    def _begin(self, place: Place) -> None:
        ear = Ear(self._one_hears, self._news.set)
        self._ears.append(ear)
        self._deaf += 1
        self._tasks.append(asyncio.create_task(self._run(place, ear)))

    def _one_hears(self) -> None:
        self._deaf -= 1
        self._news.set()

    async def _run(self, place: Place, ear: Ear) -> None:
        try:
            await self._listen(place, ear)
            ear.fault("the claw stopped listening")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown and ends the run
            traceback.print_exc()
            ear.fault(f"the claw gave up: {type(error).__name__}")

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so() and not self._faults():
            self._news.clear()
            await self._news.wait()

    def _faults(self) -> list[str]:
        return [fault for ear in self._ears for fault in ear.faults][:_SHOWN]


async def _main(name: str) -> None:
    module, _, function = name.partition(":")
    listen: Listen = getattr(import_module(module), function)
    await obey(Audience(listen).carry_out)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
