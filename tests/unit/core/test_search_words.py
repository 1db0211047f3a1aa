"""What a word is for the search, and that what fits is marked where it stands."""

import pytest

from core.search_words import Highlighter, words_of


def _marked(sought: str, text: str, *, most: int = 1_000) -> str:
    """The text with what fits in brackets."""
    pieces = Highlighter(sought).pieces(text, most=most)
    return "".join(f"[{piece.text}]" if piece.hit else piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("foo_bar-baz", ["foo", "bar", "baz"]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("ПРИВЕТ мир", ["привет", "мир"]),
        ("\ufb01ne \uff37\uff29\uff24\uff25", ["fine", "wide"]),
        ("bots\U0001f44dbots", ["bots", "bots"]),
        ("don't", ["don", "t"]),
        ("  \U0001f600 !? ", []),
        ("", []),
    ],
)
def test_words_are_free_of_case_accents_and_width(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("sought", "text", "marked"),
    [
        ("bots", "Bots and robots and bots.", "[Bots] and robots and [bots]."),
        ("bot", "Bots and robots", "[Bots] and robots"),
        ("the bo", "The bots, then", "[The] [bots], then"),
        ("creme", "Une Cre\u0300me brûlée", "Une [Cre\u0300me] brûlée"),
        ("brulee", "Crème brûlée", "Crème [brûlée]"),
        ("fine", "a \ufb01ne day", "a [\ufb01ne] day"),
        ("\u673a\u5668", "\u4f60\u597d\u673a\u5668\u4eba", "\u4f60\u597d[\u673a\u5668]\u4eba"),
        ("a.*b", "axxb a b", "axxb [a] [b]"),
        ("<b>", "<b>bold</b>", "<[b]>[bold]</[b]>"),
        ("\U0001f600", "nothing to mark", "nothing to mark"),
        ("x", "", ""),
    ],
)
def test_what_fits_is_marked(sought: str, text: str, marked: str) -> None:
    assert _marked(sought, text) == marked


@pytest.mark.parametrize("text", ["word " * 200, "é wörd " * 200])
def test_the_pieces_are_the_text_around_the_first_word_that_fits(text: str) -> None:
    long = f"{text}needle {text}"
    pieces = Highlighter("needle").pieces(long, most=100)
    shown = "".join(piece.text for piece in pieces)
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert shown.strip("…") in long
    assert len(shown) <= 102
    assert [piece.text for piece in pieces if piece.hit] == ["needle"]


def test_a_text_that_is_short_enough_is_whole() -> None:
    assert _marked("last", "first and last", most=14) == "first and [last]"
    assert _marked("first", "first and last", most=5) == "[first]…"
