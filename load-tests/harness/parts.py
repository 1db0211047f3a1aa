"""The parts of the benchmark, by the letters that the issue gave them."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec
from harness.client import Load, Reading, Target
from harness.journal import Journal, Record
from harness.machine import BenchError
from harness.moltstack import MoltStack, Node
from harness.peers import Peer

_WARM_UP_SOCKETS: Final = 50
_LATENCY_MEMBERS: Final = 500
_LATENCY_RATE: Final = 50
_ROOM_MEMBERS: Final = 20
_IN_FLIGHT: Final = 16


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured."""

    sizes: tuple[int, ...]
    rounds: int
    tries: int
    seconds: float
    idle: tuple[int, ...]
    latency_seconds: float
    rooms: int


FULL: Final = Plan(
    sizes=(100, 1_000, 2_000), rounds=3, tries=3, seconds=0.8, idle=(2_000, 10_000), latency_seconds=3, rooms=500
)
QUICK: Final = Plan(sizes=(100, 1_000), rounds=1, tries=1, seconds=0.4, idle=(2_000,), latency_seconds=1.5, rooms=100)
# Latency and many rooms are compared with the limit and two peers; the rest would only take time.
_BRIEFLY: Final = ("everything", "receiving", "C send", "C coalescing", "Node ws", "NATS")


class Entrant(msgspec.Struct, frozen=True):
    """A running server in the comparison. `target` makes it ready to be measured, `node` is set for our own."""

    name: str
    target: Callable[[], Target]
    node: Node | None = None


class Bench:
    """One run. Each part adds its records to the journal; a server that fails is named and left out of the round."""

    def __init__(self, plan: Plan, journal: Journal, entrants: Sequence[Entrant], say: Callable[[str], None]) -> None:
        self._plan = plan
        self._journal = journal
        self._entrants = entrants
        self._say = say

    async def fan_out(self) -> None:
        """(a) One room: CPU per delivery, saturated and one message at a time."""
        orders = {"saturated": f"window {_IN_FLIGHT} {self._plan.seconds}", "alone": f"window 1 {self._plan.seconds}"}
        for members in self._plan.sizes:
            for number in range(1, self._plan.rounds + 1):
                self._say(f"(a) one room of {members:,}, round {number}")
                for entrant in self._entrants:
                    await self._visit("a", entrant, number, orders, members=members)

    async def memory(self, platform: MoltStack, peers: Sequence[Peer], scratch: Path, frame: int) -> None:
        """(b) and (c) Resident memory of idle sockets, and how fast they come; each time in a fresh process."""
        for members in self._plan.idle:
            self._say(f"(b, c) {members:,} idle sockets")
            for agents in (False, True):
                async with AsyncExitStack() as cleanup:
                    node = await platform.node("gw-idle", cleanup)
                    name = "everything" if agents else "everything, one agent"
                    await self._idle(name, platform.everything(node, agents=agents), members)
        for peer in peers:
            if peer.frame is None:
                async with AsyncExitStack() as cleanup:
                    await self._idle(peer.name, await peer.start(scratch, frame, cleanup), self._plan.idle[-1])

    async def latency(self) -> None:
        """(d) From the posting to the receipt, at a moderate rate."""
        orders = {"paced": f"rate {_LATENCY_RATE} {self._plan.latency_seconds}"}
        for number in range(1, self._plan.rounds + 1):
            self._say(f"(d) {_LATENCY_RATE} messages a second to {_LATENCY_MEMBERS}, round {number}")
            for entrant in self._briefly():
                await self._visit("d", entrant, number, orders, members=_LATENCY_MEMBERS)

    async def rooms(self) -> None:
        """(e) Many rooms, with one message under way in each."""
        orders = {"saturated": f"window 1 {2 * self._plan.seconds}"}
        rooms = self._plan.rooms
        self._say(f"(e) {rooms} rooms of {_ROOM_MEMBERS}")
        for entrant in self._briefly():
            await self._visit("e", entrant, 1, orders, members=_ROOM_MEMBERS, rooms=rooms)

    def _briefly(self) -> list[Entrant]:
        return [entrant for entrant in self._entrants if entrant.name in _BRIEFLY]

    async def _visit(
        self, part: str, entrant: Entrant, number: int, orders: dict[str, str], *, members: int, rooms: int = 1
    ) -> None:
        try:
            async with Load(entrant.target(), members=members, rooms=rooms) as load:
                for mode, order in orders.items():
                    reading, per_write = await _take(load, order, entrant.node, self._plan.tries)
                    record = Record(
                        part=part,
                        server=entrant.name,
                        members=members,
                        mode=mode,
                        round=number,
                        rooms=rooms,
                        reading=reading,
                        opening=load.opening,
                        per_write=per_write,
                    )
                    self._journal.add(record)
        except BenchError as error:
            self._fail(part, entrant.name, members, error)

    async def _idle(self, name: str, target: Target, members: int) -> None:
        try:
            # What is set up with the first socket is no cost of each.
            async with Load(target, members=_WARM_UP_SOCKETS):
                pass
            async with Load(target, members=members) as load:
                reading = await load.order("idle 1")
                kib = (reading.rss_kib - load.opening.rss_before_kib) / load.opening.sockets
                self._journal.add(
                    Record(
                        part="b",
                        server=name,
                        members=members,
                        mode="idle",
                        reading=reading,
                        opening=load.opening,
                        kib=kib,
                    )
                )
        except BenchError as error:
            self._fail("b", name, members, error)

    def _fail(self, part: str, name: str, members: int, error: BenchError) -> None:
        text = f"({part}) {name} with {members:,}: {error}"
        self._journal.failures.append(text)
        self._say(text)


async def _take(load: Load, order: str, node: Node | None, tries: int) -> tuple[Reading, float | None]:
    """A reading, and messages per write by the server's own counters."""
    before = await node.counts() if node is not None else None
    reading = await load.calm(order, tries)
    after = await node.counts() if node is not None else None
    if before is None or after is None or after.writes == before.writes:
        return reading, None
    return reading, (after.deliveries - before.deliveries) / (after.writes - before.writes)


async def frame_bytes(target: Target) -> int:
    """How many bytes a delivery of ours has."""
    async with Load(target, members=1) as load:
        return round((await load.order("rate 50 0.3")).bytes)
