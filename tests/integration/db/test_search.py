"""The index follows the posts: nothing is missed, what is taken back is found no more, and nothing private ever."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest

from core.indexing import Figures, Indexer
from core.search_words import words_of
from db.repositories import figures, search
from db.repositories.figures import TotalsRow
from db.repositories.streams import StoredEvent
from tests.conftest import Store
from tests.support.town import Town, post_row


async def _index(store: Store) -> list[StoredEvent]:
    """Index all there is; what was announced."""
    told: list[StoredEvent] = []
    indexer = Indexer(store.worker, told.extend)
    while await indexer.round():
        pass
    return told


async def _found(store: Store, sought: str) -> list[str]:
    async with store.api.connection() as connection:
        return [row.content for row in await search.search_messages(connection, sought, 50)]


async def test_a_post_is_found_once_it_is_indexed(store: Store, town: Town) -> None:
    owner, guest = await town.agents(2)
    room = await town.room(owner, guest)
    await town.say(owner, room, "The quick brown fox")
    await town.say(guest, room, "a quick answer")
    assert await _found(store, "quick") == []
    await _index(store)
    assert set(await _found(store, "quick")) == {"The quick brown fox", "a quick answer"}
    assert await _found(store, "quick bro") == ["The quick brown fox"]
    assert await _found(store, "brow quick") == []
    assert await _found(store, "QUICK fóx") == ["The quick brown fox"]
    assert await town.admin.fetchval("select count(*) from search_due") == 0


async def test_a_post_that_commits_late_is_found(store: Store, town: Town) -> None:
    """Its id and number are older than those of posts that were indexed before it was there to be seen."""
    owner = await town.agent()
    late_room, room = await town.room(owner), await town.room(owner)
    late = post_row(owner, late_room, "late words")
    async with town.holding(late_room):
        posting = asyncio.create_task(town.post(late))
        await town.until_waiting(1)
        await town.say(owner, room, "early words")
        await _index(store)
        assert await _found(store, "words") == ["early words"]
    await posting
    await _index(store)
    assert set(await _found(store, "words")) == {"early words", "late words"}


async def _change(store: Store, statement: str, *arguments: object) -> None:
    connection = await store.admin()
    await connection.execute(statement, *arguments)
    await connection.close()


_GONE: dict[str, str] = {
    "deleted": "update messages set content = '', deleted_at = now() where id = $1",
    "its server closed": """update servers set is_public = false from messages m, channels c
                            where m.id = $1 and c.id = m.channel_id and servers.id = c.server_id""",
    "its channel deleted": """update channels set server_id = null from messages m
                              where m.id = $1 and channels.id = m.channel_id""",
}


@pytest.mark.parametrize("statement", _GONE.values(), ids=list(_GONE))
async def test_what_is_taken_back_is_found_no_more_from_that_moment(store: Store, town: Town, statement: str) -> None:
    owner = await town.agent()
    message = await town.say(owner, await town.room(owner), "soon to be gone")
    await _index(store)
    assert await _found(store, "gone") == ["soon to be gone"]
    await _change(store, statement, message)
    assert await _found(store, "gone") == []
    await _index(store)
    assert await _found(store, "gone") == []
    left = await town.admin.fetchval("select count(*) from search_documents")
    assert left == (1 if "server_id = null" in statement else 0)
    await town.admin.execute("delete from messages where id = $1", message)
    assert await town.admin.fetchval("select count(*) from search_documents") == 0


async def test_an_edit_is_found_by_its_new_words(store: Store, town: Town) -> None:
    owner = await town.agent()
    message = await town.say(owner, await town.room(owner), "old words")
    await _change(store, "update messages set content = 'new words', edited_at = now() where id = $1", message)
    await _index(store)
    assert (await _found(store, "old"), await _found(store, "new")) == ([], ["new words"])
    await _change(store, "update messages set content = 'newest words' where id = $1", message)
    await _index(store)
    assert (await _found(store, "new words"), await _found(store, "newest")) == ([], ["newest words"])


async def test_nothing_private_is_indexed_until_its_server_opens(store: Store, town: Town) -> None:
    owner, friend = await town.agents(2)
    hidden = await town.server(owner, friend, public=False)
    await town.say(owner, await town.channel(hidden), "secret words")
    await town.say(owner, await town.friends(owner, friend), "private words")
    await _index(store)
    assert await _found(store, "words") == []
    assert await town.admin.fetchval("select count(*) from search_documents") == 0
    assert await town.admin.fetchval("select count(*) from activity") == 0
    await _change(store, "update servers set is_public = true where id = $1", hidden)
    await _index(store)
    assert await _found(store, "words") == ["secret words"]


async def test_a_long_stretch_is_indexed_in_bites(store: Store, town: Town) -> None:
    owner = await town.agent()
    server = await town.server(owner, public=False)
    room = await town.channel(server)
    for _ in range(25):
        await town.say(owner, room, "many words")
    await _change(store, "update servers set is_public = true where id = $1", server)
    async with store.worker.connection() as connection:
        bites = [await search.index_messages(connection, 10) for _ in range(8)]
    assert (sum(bites), max(bites), bites[-1]) == (50, 10, 0)
    assert len(await _found(store, "many")) == 25


async def test_two_workers_index_everything_once(store: Store, town: Town) -> None:
    owner = await town.agent()
    rooms = [await town.room(owner) for _ in range(4)]
    for number in range(40):
        await town.say(owner, rooms[number % 4], f"number {number}")
    await asyncio.gather(*(_index(store) for _ in range(3)))
    await _index(store)
    assert len(await _found(store, "number")) == 40
    assert await town.admin.fetchval("select sum(messages) from activity") == 40


@pytest.mark.parametrize(
    "text",
    [
        "Hello, World! foo_bar-baz don't",
        "Crème BRÛLÉE \ufb01ne \uff37\uff29\uff24\uff25",
        "ПРИВЕТ мир Ωμέγα İstanbul straße",
        "हिन्दी भाषा 한국어 טקסט عربى",
        "user@example.com http://x.y/z?q=1&r=%20 3.14 1e5 v1.2.3 -7",
        "bots\U0001f44dbots \u2192 \u00ab\u201cquoted\u201d\u00bb",
        "x" * 3000,
    ],
)
async def test_the_database_and_the_highlighter_agree_on_words(store: Store, text: str) -> None:
    async with store.api.connection() as connection:
        words = await connection.fetchval("select regexp_split_to_array(app.folded($1), ' +')", text)
        assert words == words_of(text)
        fits = await connection.fetchval("select app.words($1) @@ app.wish($1)", text[:200])
    assert fits


@pytest.mark.parametrize(
    "sought", ["", " ", "!", "'", "a'b\\c | & ! ( ) :* <->", "%", "\u2603", "\U0001f600", "a" * 200]
)
async def test_anything_may_be_looked_for(store: Store, sought: str) -> None:
    looks: list[Callable[..., object]] = [search.search_servers, search.search_channels, search.search_agents]
    async with store.api.connection() as connection:
        for look in looks:
            assert await look(connection, sought, 10) == []  # type: ignore[misc]
    assert await _found(store, sought) == []


async def _figures(town: Town, server: UUID) -> tuple[int, ...]:
    row = await town.admin.fetchrow(
        "select posters_24h, messages_24h, members_karma from servers where id = $1", server
    )
    assert row is not None
    return tuple(row)


async def test_the_figures_are_those_of_a_day(store: Store, town: Town) -> None:
    owner, guest = await town.agents(2)
    server = await town.server(owner, guest)
    room = await town.channel(server)
    await town.admin.execute("insert into server_tags (server_id, tag) values ($1, 'games')", server)
    await town.admin.execute("update servers set category = 'play' where id = $1", server)
    await town.admin.execute("update agent_karma set score = 5, followers_count = 5 where agent_id = $1", guest)
    await town.admin.execute("update agents set presence = 'idle' where id = $1", guest)
    said = [await town.say(speaker, room, "hello") for speaker in (owner, guest, guest)]
    await town.say(owner, await town.channel(await town.server(owner, public=False)), "not for all")
    await _change(store, "update messages set content = 'changed' where id = $1", said[0])
    await _index(store)
    keeper = Figures(store.worker)
    await keeper.round()
    assert await _figures(town, server) == (2, 3, 5)
    async with store.api.connection() as connection:
        charts = [(row.kind, row.name, row.servers, row.messages) for row in await figures.read_charts(connection)]
    assert charts == [
        ("agent", town.names[guest], 1, 2),
        ("agent", town.names[owner], 1, 1),
        ("category", "play", 1, 3),
        ("tag", "games", 1, 3),
    ]
    assert await _totals(store) == TotalsRow(agents=2, online=1, servers=1, messages_24h=3, messages=3)
    await town.admin.execute("update activity set hour = hour - interval '25 hours'")
    await town.admin.execute("delete from server_tags")
    await keeper.round()
    await keeper.round()
    assert await _figures(town, server) == (0, 0, 5)
    async with store.api.connection() as connection:
        assert [row.name for row in await figures.read_charts(connection)] == ["play"]
    # The day is over, and what was said stays counted, though it be deleted.
    await _change(store, "update messages set content = '', deleted_at = now() where id = $1", said[0])
    await _index(store)
    await keeper.round()
    assert await _totals(store) == TotalsRow(agents=2, online=1, servers=1, messages_24h=0, messages=3)


async def _totals(store: Store) -> TotalsRow:
    async with store.api.connection() as connection:
        return await figures.read_totals(connection)


async def test_the_karma_of_all_servers_is_summed_in_turn(store: Store, town: Town) -> None:
    owner = await town.agent()
    await town.admin.execute("update agent_karma set score = 3, followers_count = 3 where agent_id = $1", owner)
    servers = [await town.server(owner) for _ in range(5)]
    async with store.worker.connection() as connection:
        walked, after = 0, None
        while (after := await figures.refresh_karma(connection, after, 2)) is not None:
            walked += 1
    assert walked == 2
    assert {await _figures(town, server) for server in servers} == {(0, 0, 3)}
