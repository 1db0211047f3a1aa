"""What holds of streams whoever writes to them, in whatever order: tried on the real store, from several processes."""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.actor import Actor
from core.services.messages import Messages
from db.repositories.streams import StoredEvent
from tests.conftest import Store
from tests.support.town import Town, post_row
from tests.support.writer import Writer
from tests.support.writers import WriterProcess, writer_processes

_WRITERS = 3
_AGENTS = 4
_MESSAGES = 5
_BLANK = {"content": "", "metadata": None, "deleted": True}

_real_store = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

_agent = st.integers(0, _AGENTS - 1)
_message = st.integers(0, _MESSAGES - 1)
_word = st.sampled_from(["one", "two @agent-a", "three @agent-b @agent-c", "four", "🐙"])
_changes = st.one_of(
    st.tuples(st.just("edit"), _agent, _message, _word),
    st.tuples(st.sampled_from(["react", "unreact"]), _agent, _message, st.sampled_from("ab")),
    st.tuples(st.just("delete"), _agent, _message, st.just("")),
)
_acts = st.one_of(
    st.tuples(st.just("post"), _agent, st.integers(0, 1), _word),
    st.tuples(st.sampled_from(["join", "leave"]), _agent, st.just(0), st.just("")),
    _changes,
)


class Scene(NamedTuple):
    """A server with two rooms, its members, and messages of theirs."""

    server: UUID
    rooms: list[UUID]
    agents: list[UUID]
    messages: list[UUID]
    names: list[str]

    def act(self, kind: str, agent: int, target: int, text: str) -> list[str]:
        """An act as a writer takes it."""
        place = {"post": self.rooms, "join": [self.server], "leave": [self.server]}.get(kind, self.messages)[target]
        for letter, name in zip("abc", self.names[1:], strict=True):
            text = text.replace(f"@agent-{letter}", f"@{name}")
        return [kind, str(self.agents[agent]), str(place), text]

    @property
    def streams(self) -> list[UUID]:
        return [self.server, *self.rooms, *self.agents]


async def _scene(town: Town) -> tuple[Scene, list[StoredEvent]]:
    agents = await town.agents(_AGENTS)
    server = await town.server(agents[0], *agents[1:])
    rooms = [await town.channel(server) for _ in range(2)]
    rows = [post_row(agents[number % 2], rooms[number % 2]) for number in range(_MESSAGES)]
    _, announced = await town.posted(*rows)
    return Scene(server, rooms, agents, [row.id for row in rows], [town.names[agent] for agent in agents]), announced


@pytest_asyncio.fixture
async def writers(store: Store) -> AsyncIterator[list[WriterProcess]]:
    async with writer_processes(_WRITERS, store.admin_url, store.keys_dir) as processes:
        yield processes


@_real_store
@given(plans=st.lists(st.lists(_acts, min_size=8, max_size=30), min_size=_WRITERS, max_size=_WRITERS), data=st.data())
async def test_under_several_processes_each_stream_is_numbered_to_its_end_and_replays_what_was_heard(
    town: Town, writers: list[WriterProcess], plans: list[Any], data: st.DataObject
) -> None:
    scene, announced = await _scene(town)
    heard: dict[tuple[UUID, int], bytes] = {(each.stream_id, each.seq): each.frame for each in announced}
    for writer, plan in zip(writers, plans, strict=True):
        await writer.order([scene.act(*act) for act in plan])
    for writer in writers:
        for stream, seq, frame in (await writer.answer())["told"]:
            # Announced by one process and once.
            assert heard.setdefault((UUID(stream), seq), frame.encode()) == frame.encode()
    for stream in scene.streams:
        seqs = await town.seqs(stream)
        assert seqs == list(range(1, len(seqs) + 1))
        assert seqs == sorted(seq for where, seq in heard if where == stream)
        async with town.gateway.connection() as connection:
            replay = await town.replay(connection, stream)
            after = data.draw(st.integers(0, len(replay)))
            assert await town.replay(connection, stream, after=after) == replay[after:]
        for event in replay:
            _assert_heard(heard[stream, event.seq], event.frame)


def _assert_heard(heard: bytes, replayed: bytes) -> None:
    """The very bytes, or, where the message was deleted since, the same without its words."""
    if heard == replayed:
        return
    before, after = json.loads(heard), json.loads(replayed)
    if "message" in before and isinstance(before["message"], dict):
        before["message"] |= _BLANK
    else:
        assert before["op"] in ("message", "message_edited")
        before |= _BLANK
    assert after == before


def _apply(snapshot: dict[str, dict[str, Any]], frame: dict[str, Any]) -> None:
    """What a client does to the history that it holds when an event comes."""
    match frame["op"]:
        case "message":
            message = {key: value for key, value in frame.items() if key not in ("op", "timestamp")}
            snapshot.setdefault(frame["id"], message)
        case "message_edited":
            fields = ("content", "content_type", "metadata", "edited_at")
            snapshot[frame["id"]] |= {key: frame[key] for key in fields}
        case "message_deleted":
            # Its reactions go with the words that they were given to.
            snapshot[frame["id"]] |= {**_BLANK, "reactions": []}
        case "reaction_added" | "reaction_removed" as op:
            reactions = snapshot[frame["message"]]["reactions"]
            mine = next((each for each in reactions if each["emoji"] == frame["emoji"]), None)
            if mine is None:
                mine = {"emoji": frame["emoji"], "count": 0, "agents": []}
                reactions.append(mine)
            mine["count"] += 1 if op == "reaction_added" else -1
            (mine["agents"].append if op == "reaction_added" else mine["agents"].remove)(frame["agent"])
            if not mine["count"]:
                reactions.remove(mine)
        case op:
            raise AssertionError(op)


async def _snapshot(store: Store, agent: UUID, room: UUID) -> tuple[dict[str, dict[str, Any]], int]:
    history = await Messages(store.api).history(Actor("agent", agent), room, limit=100)
    return {item["id"]: item for item in msgspec.to_builtins(history.items)}, history.seq


def _comparable(snapshot: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Without the order of reactions that came in the same millisecond."""
    return {
        message: view | {"reactions": {each["emoji"]: sorted(each["agents"]) for each in view["reactions"]}}
        for message, view in snapshot.items()
    }


@_real_store
@given(
    acts=st.lists(st.one_of(_changes, st.tuples(st.just("post"), _agent, st.just(0), _word)), max_size=40),
    data=st.data(),
)
async def test_a_snapshot_and_the_events_since_are_a_fresh_snapshot(
    town: Town, store: Store, acts: list[tuple[str, int, int, str]], data: st.DataObject
) -> None:
    scene, _ = await _scene(town)
    room = scene.rooms[0]
    # All messages in one room, so that every act is on it.
    here = scene._replace(messages=[await town.say(scene.agents[0], room, f"n{n}") for n in range(_MESSAGES)])
    writer = Writer(store.api, store.gateway)
    since = data.draw(st.integers(0, len(acts)))
    for act in acts[:since]:
        kind, agent, target, text = here.act(*act)
        await writer.act(kind, UUID(agent), UUID(target), text)
    held, seq = await _snapshot(store, scene.agents[0], room)
    for act in acts[since:]:
        kind, agent, target, text = here.act(*act)
        await writer.act(kind, UUID(agent), UUID(target), text)
    async with town.gateway.connection() as connection:
        later = await town.replay(connection, room, after=seq)
    for event in later:
        _apply(held, json.loads(event.frame))
    fresh, head = await _snapshot(store, scene.agents[0], room)
    assert _comparable(held) == _comparable(fresh)
    assert head == seq + len(later)
