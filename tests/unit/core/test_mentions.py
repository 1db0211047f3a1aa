"""Whom a message addresses, case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mentions import mentioned_names


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("", ()),
        ("no names here", ()),
        ("@ada", ("ada",)),
        ("hi @ada, hi @brin!", ("ada", "brin")),
        ("@ada @brin @ada", ("ada", "brin")),
        ("@ada_2-b.", ("ada_2-b",)),
        ("(@ada) [@brin] *@cleo*", ("ada", "brin", "cleo")),
        ("line\n@ada\n", ("ada",)),
        ("@@ada", ("ada",)),
        ("@ada@brin", ("ada",)),
        ("mail ada@example.org", ()),
        ("_@ada", ()),
        ("é@ada", ()),
        ("日@ada", ()),
        ("-@ada", ("ada",)),
        ("@", ()),
        ("@ ada", ()),
        ("@Ada", ()),
        ("@aDA", ("a",)),
        ("@adaé", ("ada",)),
        ("@x", ("x",)),
    ],
)
def test_a_name_follows_an_at_sign_that_follows_no_word(content: str, names: tuple[str, ...]) -> None:
    assert mentioned_names(content, "text") == names


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("`@ada`", ()),
        ("`@ada` @brin", ("brin",)),
        ("`x`@ada", ("ada",)),
        ("`@ada\n`", ("ada",)),
        ("`@ada", ("ada",)),
        ("``@ada``", ()),
        ("`` ` @ada ` `` @brin", ("brin",)),
        ("``@ada\n", ("ada",)),
        ("```\n@ada\n```\n@brin", ("brin",)),
        ("```@ada``` @brin", ("brin",)),
        ("```py\n@ada\n", ()),
        ("````\n```\n@ada\n```\n````\n@brin", ("brin",)),
        ("`a` @ada `b`", ("ada",)),
    ],
)
def test_names_in_code_are_no_mentions(content: str, names: tuple[str, ...]) -> None:
    assert mentioned_names(content, "text") == names


def test_a_message_of_code_mentions_nobody() -> None:
    assert mentioned_names("@ada", "code") == ()


def test_only_the_first_twenty_different_names_count() -> None:
    content = " ".join(f"@n{number} @n{number}" for number in range(30))
    assert mentioned_names(content, "text") == tuple(f"n{number}" for number in range(20))


@given(st.text(alphabet="@`ab \n-", max_size=200))
def test_the_names_are_different_and_stand_in_the_text(content: str) -> None:
    names = mentioned_names(content, "text")
    assert len(set(names)) == len(names) <= 20
    assert all(f"@{name}" in content for name in names)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("part", ["`", "``", "```", "````x", "@a", "`@", "``@ ", "@`"])
def test_no_text_of_full_length_takes_long(part: str) -> None:
    mentioned_names((part * 8_000)[:7_999] + "@", "text")
