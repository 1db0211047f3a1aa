"""What two agents are to each other: each act, whatever they have been through, and acts at the same moment."""

import asyncio
from typing import Any

import pytest

from db.database import Scope
from db.errors import RefusedRowError
from tests.conftest import Store
from tests.integration.db.pairs import Pair
from tests.support.town import Town, post_row

_FRIENDS = ("ask", "their_accept")
# What the two have been through, what is done, and then: the outcome, how many inboxes are told, and how many
# friendships, pending requests and follows are between them.
_TABLE = """
                              | ask          | done       1 | 0 1 0
ask                           | ask          | unchanged  0 | 0 1 0
ask                           | their_ask    | crossed    2 | 1 0 0
ask                           | their_accept | done       2 | 1 0 0
ask                           | accept       | no_request 0 | 0 1 0
ask                           | their_reject | done       0 | 0 0 0
ask                           | reject       | no_request 0 | 0 1 0
ask their_reject              | ask          | too_soon   0 | 0 0 0
ask their_reject              | their_accept | no_request 0 | 0 0 0
ask their_reject              | their_ask    | done       1 | 0 1 0
ask their_reject their_ask    | ask          | crossed    2 | 1 0 0
ask their_accept              | their_accept | unchanged  0 | 1 0 0
ask their_accept              | accept       | unchanged  0 | 1 0 0
ask their_accept              | ask          | friends    0 | 1 0 0
ask their_accept              | their_ask    | friends    0 | 1 0 0
ask their_accept              | end          | done       0 | 0 0 0
ask their_accept              | their_end    | done       0 | 0 0 0
ask their_accept end          | end          | unchanged  0 | 0 0 0
ask their_accept end          | their_end    | unchanged  0 | 0 0 0
ask their_accept end          | ask          | done       1 | 0 1 0
ask their_accept end          | their_accept | no_request 0 | 0 0 0
ask their_accept end ask      | their_accept | done       2 | 1 0 0
                              | accept       | no_request 0 | 0 0 0
                              | reject       | no_request 0 | 0 0 0
                              | end          | unchanged  0 | 0 0 0
                              | block        | done       0 | 0 0 0
                              | unblock      | unchanged  0 | 0 0 0
block                         | block        | unchanged  0 | 0 0 0
block                         | their_block  | done       0 | 0 0 0
block                         | ask          | blocking   0 | 0 0 0
block                         | their_ask    | blocked    0 | 0 0 0
block                         | follow       | blocking   0 | 0 0 0
block                         | their_follow | blocked    0 | 0 0 0
block                         | their_unblock| unchanged  0 | 0 0 0
block unblock                 | their_ask    | done       1 | 0 1 0
ask                           | block        | done       0 | 0 0 0
ask                           | their_block  | done       0 | 0 0 0
ask block                     | their_accept | blocked    0 | 0 0 0
ask their_block               | their_accept | blocking   0 | 0 0 0
ask their_reject block unblock| ask          | too_soon   0 | 0 0 0
ask their_accept block        | end          | unchanged  0 | 0 0 0
ask their_accept block unblock| their_ask    | done       1 | 0 1 0
ask their_accept              | block        | done       0 | 0 0 0
                              | follow       | done       1 | 0 0 1
follow                        | follow       | unchanged  0 | 0 0 1
follow                        | their_follow | done       1 | 0 0 2
follow                        | unfollow     | done       0 | 0 0 0
follow unfollow               | unfollow     | unchanged  0 | 0 0 0
follow unfollow               | follow       | done       0 | 0 0 1
follow their_follow           | block        | done       0 | 0 0 0
ask their_accept follow       | end          | done       0 | 0 0 1
"""


def _cases() -> list[tuple[tuple[str, ...], str, tuple[str, int], tuple[int, ...]]]:
    cases = []
    for line in _TABLE.strip("\n").splitlines():
        past, act, answer, standing = line.split("|")
        outcome, told = answer.split()
        cases.append((tuple(past.split()), act.strip(), (outcome, int(told)), tuple(map(int, standing.split()))))
    return cases


async def test_every_act_has_its_outcome_whatever_came_before(town: Town, store: Store) -> None:
    for past, act, answer, standing in _cases():
        pair = await Pair.of(town, store.api)
        await pair.live_through(*past)
        before = [len(await pair.inbox(agent)) for agent in (pair.me, pair.other)]
        assert (await pair.at_once(act))[0] == answer, (past, act)
        *now, karma = await pair.standing()
        assert tuple(now) == standing, (past, act)
        assert karma == standing[2], (past, act)
        after = [len(await pair.inbox(agent)) for agent in (pair.me, pair.other)]
        assert sum(after) - sum(before) == answer[1], (past, act)


@pytest.mark.parametrize(
    ("me", "other", "refusal"),
    [
        ("verified", "deleted", "not_found"),
        ("suspended", "verified", "suspended"),
        ("deleted", "verified", "suspended"),
    ],
)
async def test_who_may_not_act_and_who_is_gone_are_refused(
    town: Town, store: Store, me: str, other: str, refusal: str
) -> None:
    pair = Pair(town, store.api, await town.agent(status=me), await town.agent(status=other))
    for act in ("ask", "accept", "block", "follow"):
        assert await pair.act(act) == (refusal, 0)
    oneself = Pair(town, store.api, pair.turned().me, pair.turned().me)
    if other == "verified":
        for act in ("ask", "accept", "block", "follow"):
            assert await oneself.act(act) == ("oneself", 0)
    assert (await pair.standing())[:3] == (0, 0, 0)


async def test_after_seven_days_one_may_ask_again(town: Town, store: Store) -> None:
    pair = await Pair.of(town, store.api)
    await pair.live_through("ask", "their_reject")
    await town.admin.execute("update friend_requests set responded_at = now() - interval '6 days 23 hours'")
    assert await pair.act("ask") == ("too_soon", 0)
    await town.admin.execute("update friend_requests set responded_at = now() - interval '7 days 1 hour'")
    assert await pair.act("ask") == ("done", 1)


async def test_a_follow_is_told_once_a_day(town: Town, store: Store) -> None:
    pair = await Pair.of(town, store.api)
    for told in (1, 0, 0):
        assert await pair.act("follow") == ("done", told)
        await pair.live_through("unfollow")
    await town.admin.execute("update recent_notices set told_at = now() - interval '25 hours'")
    assert await pair.act("follow") == ("done", 1)
    assert (await pair.standing())[3] == 1


async def test_befriended_anew_the_two_meet_in_the_channel_of_before(town: Town, store: Store) -> None:
    pair = await Pair.of(town, store.api)
    await pair.live_through(*_FRIENDS)
    (dm,) = await pair.dms()
    await town.say(pair.me, dm, "once")
    for closing, refusal, opening in (
        ("end", "forbidden", ()),
        ("their_end", "forbidden", ()),
        ("block", "blocked", ("unblock",)),
    ):
        await pair.live_through(closing)
        for agent in (pair.me, pair.other):
            assert [each.outcome for each in await town.post(post_row(agent, dm))] == [refusal]
        await pair.live_through(*opening, "their_ask", "accept")
        assert await pair.dms() == [dm]
        for agent in (pair.me, pair.other):
            await town.say(agent, dm, "again")
    assert len(await town.seqs(dm)) == 7


async def test_requests_that_cross_become_one_friendship(town: Town, store: Store) -> None:
    for _ in range(5):
        pair = await Pair.of(town, store.api)
        assert sorted(await pair.at_once("ask", "their_ask")) == [("crossed", 2), ("done", 1)]
        assert await pair.standing() == (1, 0, 0, 0)
        assert len(await pair.dms()) == 1
        letters = [len(await pair.inbox(agent)) for agent in (pair.me, pair.other)]
        assert sorted(letters) == [1, 2]


async def test_of_many_accepts_one_makes_the_friendship(town: Town, store: Store) -> None:
    pair = await Pair.of(town, store.api)
    await pair.live_through("their_ask")
    answers = await pair.at_once(*["accept"] * 6)
    assert sorted(answers) == [("done", 2), *[("unchanged", 0)] * 5]
    assert len(await pair.inbox(pair.other)) == 1


async def test_a_block_beside_an_accept_leaves_no_friends(town: Town, store: Store) -> None:
    for _ in range(5):
        pair = await Pair.of(town, store.api)
        await pair.live_through("their_ask")
        accepted, blocked = await pair.at_once("accept", "their_block")
        assert blocked == ("done", 0)
        assert accepted in (("done", 2), ("blocked", 0))
        assert await pair.standing() == (0, 0, 0, 0)


async def test_follows_and_blocks_at_once_leave_karma_true(town: Town, store: Store) -> None:
    pairs = [await Pair.of(town, store.api) for _ in range(2)]
    cross = [Pair(town, store.api, pairs[0].me, pairs[1].other), Pair(town, store.api, pairs[1].me, pairs[0].other)]
    for _ in range(6):
        await asyncio.gather(
            *[each.at_once("follow", "their_follow", "block", "unblock", "their_unfollow") for each in [*pairs, *cross]]
        )
    counted = "select coalesce(sum(followers_count), 0) from agent_karma"
    assert await town.admin.fetchval(counted) == await town.admin.fetchval("select count(*) from agent_follows")
    assert not await town.admin.fetchval("select count(*) from agent_karma where score <> followers_count")


async def test_who_leaves_the_platform_meanwhile_is_not_found(town: Town, store: Store) -> None:
    for act, past in (("ask", ()), ("accept", ("their_ask",)), ("follow", ()), ("block", ())):
        pair = await Pair.of(town, store.api)
        await pair.live_through(*past)
        async with store.api.acting(pair.turned().scope) as connection:
            assert await connection.fetchval("select app.retire_agent('{}')") == "done"
            acted = asyncio.create_task(pair.act(act))
            await town.until_waiting(1)
        assert await acted == ("not_found", 0)
        assert await pair.standing() == (0, 0, 0, 0)


async def test_who_acts_and_leaves_the_platform_meanwhile_has_done_nothing(town: Town, store: Store) -> None:
    for act, past in (("ask", ()), ("accept", ("their_ask",)), ("follow", ()), ("block", ())):
        pair = await Pair.of(town, store.api)
        await pair.live_through(*past)
        async with store.api.acting(pair.scope) as connection:
            assert await connection.fetchval("select app.retire_agent('{}')") == "done"
            acted = asyncio.create_task(pair.act(act))
            await town.until_waiting(1)
        assert await acted == ("suspended", 0)
        assert await pair.standing() == (0, 0, 0, 0)


async def test_what_is_posted_behind_the_closing_of_a_dm_is_refused(town: Town, store: Store) -> None:
    for closing in ("end", "their_end", "block", "their_block"):
        pair = await Pair.of(town, store.api)
        await pair.live_through(*_FRIENDS)
        (dm,) = await pair.dms()
        async with town.holding(dm):
            closed = asyncio.create_task(pair.live_through(closing))
            await town.until_waiting(1)
            posted = asyncio.create_task(town.post(post_row(pair.other, dm)))
            await town.until_waiting(2)
        await closed
        assert [each.outcome for each in await posted] == ["forbidden" if "end" in closing else "blocked"]


async def test_a_mention_behind_a_block_reaches_nobody(town: Town, store: Store) -> None:
    pair = await Pair.of(town, store.api)
    room = await town.room(pair.me, pair.other)
    mention = post_row(pair.other, room, f"@{town.names[pair.me]}")
    async with town.holding(pair.me):
        blocked = asyncio.create_task(pair.live_through("block"))
        await town.until_waiting(1)
        posted = asyncio.create_task(town.post(mention))
        await town.until_waiting(2)
    await blocked
    assert [each.outcome for each in await posted] == ["stored"]
    assert await pair.inbox(pair.me) == []


# Who tells whom something.
_REFUSED = ["owner member", "member owner", "nobody owner", "suspended suspended"]


async def test_one_tells_oneself_and_the_worker_everybody(town: Town, store: Store) -> None:
    agents: dict[str, Any] = {name: await town.agent() for name in ("owner", "member")}
    agents |= {"suspended": await town.agent(status="suspended"), "nobody": None}
    await town.server(agents["owner"], agents["member"])
    call = "select seq from app.append_inbox($1, 'notice', '{\"seq\":', '}')"

    async def tell(who: str, whom: str) -> None:
        async with store.api.acting(Scope(agent=agents[who])) as connection:
            await connection.execute(call, agents[whom])

    await tell("member", "member")
    for pair in _REFUSED:
        with pytest.raises(RefusedRowError):
            await tell(*pair.split())
    async with store.worker.connection() as worker:
        for name, seq in (("member", 2), ("owner", 1)):
            assert await worker.fetchval(call, agents[name]) == seq
