"""The tables for people, with the issue's aims beside what was measured."""

from collections.abc import Callable, Sequence
from typing import Final

from harness.journal import Journal, Record

_COALESCING: Final = "C coalescing"
_SEND: Final = "C send"
_PEERS: Final = ("Node ws", "NATS", "socketify")
_BUSY_CLIENT: Final = 0.9

Value = Callable[[Record], float | None]


def cpu(record: Record) -> float:
    """CPU microseconds per delivery."""
    return record.reading.cpu_us


def print_report(journal: Journal) -> dict[str, float]:
    """Print everything that was measured; gives the figures that the aims are about."""
    for members in journal.distinct(lambda each: each.members, part="a"):
        _print_fan_out(journal, int(members))
    _print_idle(journal)
    _print_latency(journal)
    _print_rooms(journal)
    figures = _figures(journal)
    _print_aims(figures, [int(each) for each in journal.distinct(lambda each: each.members, part="a")])
    for failure in journal.failures:
        print(f"FAILED {failure}")
    return {name: round(value, 3) for name, value in figures.items()}


def _print_fan_out(journal: Journal, members: int) -> None:
    print(f"\n(a) one room of {members:,} members; CPU µs per delivery; the ratio is to C coalescing, or to C send")
    print(f"{'':17}|{'16 in flight':^60}|{'one message at a time':^42}|")
    print(
        f"{'':17}|{'CPU µs':>8}{'ratio':>7}{'a write':>9}{'a segment':>10}{'deliveries/s':>14}{'client':>8}    |"
        f"{'CPU µs':>8}{'ratio':>7}{'a write':>9}{'deliveries/s':>14}    |{'bytes':>7}"
    )
    for server in journal.distinct(lambda each: each.server, part="a", members=members):
        line = f"{server:17}|"
        for mode, limit in (("saturated", _COALESCING), ("alone", _SEND)):
            wanted = {"part": "a", "members": members, "mode": mode}
            own = {**wanted, "server": server}
            base = limit + (" 220" if str(server).endswith("220") else "")
            ours, theirs = journal.median(cpu, **own), journal.median(cpu, **{**wanted, "server": base})
            line += f"{_show(ours, 8, 2)}{_show(_ratio(ours, theirs), 7, 2)}"
            line += f"{_show(journal.median(lambda each: each.merged, **own), 9, 2)}"
            if mode == "saturated":
                line += _show(journal.median(lambda each: each.reading.per_segment, **own), 10, 2)
            line += f"{_show(journal.median(lambda each: each.reading.deliveries_per_s, **own), 14, 0)}"
            client = journal.median(lambda each: each.reading.client_cores, **own)
            line += _show(client, 8, 2) if mode == "saturated" else ""
            line += f"{' busy' if client is not None and client > _BUSY_CLIENT else '':4}|"
        length = journal.median(lambda each: each.reading.bytes, part="a", members=members, server=server)
        print(line + _show(length, 7, 0))


def _print_idle(journal: Journal) -> None:
    if not journal.select(part="b"):
        return
    print("\n(b, c) idle, authenticated, subscribed sockets in a fresh process, and how they came")
    print(f"{'':24}{'sockets':>9}{'KiB each':>10}{'handshakes/s':>14}{'CPU µs each':>13}")
    for record in journal.select(part="b"):
        opening = record.opening
        assert opening is not None
        print(
            f"{record.server:24}{record.members:9,}{record.kib:10.1f}{opening.handshakes_per_s:14,.0f}"
            f"{opening.handshake_cpu_us:13,.0f}"
        )


def _print_latency(journal: Journal) -> None:
    if not journal.select(part="d"):
        return
    print("\n(d) 50 messages a second to 500 members: from the posting to the receipt")
    print(f"{'':24}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}")
    for server in journal.distinct(lambda each: each.server, part="d"):
        own = {"part": "d", "server": server}
        values: Sequence[Value] = (
            lambda each: each.reading.p50_us / 1e3,
            lambda each: each.reading.p99_us / 1e3,
            cpu,
        )
        print(f"{server:24}" + "".join(_show(journal.median(value, **own), 9, 2) for value in values))


def _print_rooms(journal: Journal) -> None:
    records = journal.select(part="e")
    if not records:
        return
    print(f"\n(e) {records[0].rooms} rooms of {records[0].members}, one message under way in each")
    print(f"{'':24}{'CPU µs':>9}{'ratio':>7}{'a write':>9}{'deliveries/s':>14}{'stores and others of ours':>27}")
    for record in records:
        reading = record.reading
        ratio = _ratio(reading.cpu_us, journal.median(cpu, part="e", server=_COALESCING))
        print(
            f"{record.server:24}{reading.cpu_us:9.2f}{_show(ratio, 7, 2)}{record.merged:9.2f}"
            f"{reading.deliveries_per_s:14,.0f}{reading.own_cores:22.2f} cores"
        )


def _figures(journal: Journal) -> dict[str, float]:
    """Ratios by name: `receiving_1000_saturated` and so on."""
    figures: dict[str, float | None] = {}
    for members in journal.distinct(lambda each: each.members, part="a"):
        for mode, limit in (("saturated", _COALESCING), ("alone", _SEND)):
            wanted = {"part": "a", "members": members, "mode": mode}
            base = journal.median(cpu, **wanted, server=limit)
            peers = {peer: journal.median(cpu, **wanted, server=peer) for peer in _PEERS}
            for server in ("everything", "receiving"):
                ours = journal.median(cpu, **wanted, server=server)
                figures[f"{server}_{members}_{mode}_of_c"] = _ratio(ours, base)
                for peer, theirs in peers.items():
                    figures[f"{server}_{members}_{mode}_of_{peer}"] = _ratio(ours, theirs)
    for record in journal.select(part="b"):
        if record.server == "everything" and record.opening is not None:
            figures[f"kib_{record.members}"] = record.kib
            figures[f"handshakes_per_s_{record.members}"] = record.opening.handshakes_per_s
    return {name: value for name, value in figures.items() if value is not None}


def _print_aims(figures: dict[str, float], sizes: Sequence[int]) -> None:
    print("\naims")
    for server, mode, bound in (
        ("receiving", "saturated", 1.5),
        ("everything", "saturated", 2.0),
        ("receiving", "alone", 1.4),
        ("everything", "alone", 1.4),
    ):
        names = [f"{server}_{members}_{mode}_of_c" for members in sizes]
        _print_aim(f"{server}, {mode}: of C", [figures.get(name) for name in names], bound)
        # Saturated, NATS is to be beaten; one at a time, every peer.
        for peer in ("NATS",) if mode == "saturated" else _PEERS:
            names = [f"{server}_{members}_{mode}_of_{peer}" for members in sizes]
            _print_aim(f"{server}, {mode}: of {peer}", [figures.get(name) for name in names], 1.0)
        spread = [figures[name] for members in sizes if (name := f"{server}_{members}_{mode}_of_c") in figures]
        if len(spread) > 1:
            print(f"  {f'{server}, {mode}: spread of the ratio over N':48} {max(spread) / min(spread):6.2f}  flat")
    kib = [value for name, value in figures.items() if name.startswith("kib_")]
    if kib:
        _print_aim("KiB for each idle socket", list(kib), 10.0)


def _print_aim(text: str, values: Sequence[float | None], bound: float) -> None:
    measured = [value for value in values if value is not None]
    if measured:
        shown = "".join(f"{value:7.2f}" for value in measured)
        print(f"  {text:48}{shown}  at most {bound:g}: {'yes' if max(measured) <= bound else 'NO'}")


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base


def _show(value: float | None, width: int, places: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width},.{places}f}"
