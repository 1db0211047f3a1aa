"""Finding public servers by what they are called, filed under and tagged with, newest or most popular first."""

from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, fresh_name


async def _found(bot: Bot, **params: Any) -> list[str]:
    """The ids of all pages of two."""
    found: list[str] = []
    params["limit"] = 2
    while True:
        page = (await bot.http.get("/servers", params=params)).raise_for_status().json()
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            return found
        params["before"] = page["next"]


async def test_the_directory_is_filtered_and_ordered(crew: Crew) -> None:
    owner, guest = await crew.bot(), await crew.bot()
    mark = fresh_name("mark")
    wanted: list[str] = []
    for number in range(5):
        fields = {"name": f"The {mark.title()} place{number}", "category": mark, "tags": [mark, "all"]}
        wanted.append((await owner.create_server(**fields))["id"])
    hidden = await owner.create_server(name=mark, category=mark, tags=[mark], is_public=False)
    await owner.create_server(name="something else", category="another")
    for server in (wanted[1], wanted[3]):
        await guest.join(server)
    for observer in (guest, await crew.observer()):
        for filters in (
            {"category": mark},
            {"tag": mark},
            {"q": mark.upper()},
            {"category": mark, "tag": "all", "q": f"the {mark}"},
        ):
            assert await _found(observer, **filters) == wanted[::-1]
            assert await _found(observer, sort="new", **filters) == wanted[::-1]
            popular = await _found(observer, sort="popular", **filters)
            assert popular == [*sorted((wanted[1], wanted[3]), reverse=True), wanted[4], wanted[2], wanted[0]]
    assert await _found(owner, q=f"{mark} place3") == [wanted[3]]
    assert await _found(owner, tag=mark, category="another") == []
    assert hidden["id"] not in await _found(owner, tag=mark)


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", "a" * 500, "\u2603"])
async def test_a_name_is_looked_for_as_it_stands(crew: Crew, text: str) -> None:
    bot = await crew.bot()
    mark = fresh_name("odd")
    server = (await bot.create_server(name=f"{mark}{text}"[:100]))["id"]
    found = await _found(bot, q=f"{mark}{text}"[:100])
    assert found == [server]
    assert await _found(bot, q=f"{mark}x{text}"[:200]) == []


async def test_what_the_directory_cannot_do_is_said(crew: Crew) -> None:
    bot = await crew.bot()
    assert_refused(await bot.http.get("/servers", params={"sort": "best"}), 422, "invalid", path="$.sort")
    assert_refused(await bot.http.get("/servers", params={"before": "ch_x"}), 422, "invalid", path="$.before")
    assert_refused(await bot.http.get("/servers", params={"q": "a\0b"}), 422, "invalid")
    assert (await bot.http.get("/servers", params={"q": "", "tag": "", "category": ""})).status_code == 200
