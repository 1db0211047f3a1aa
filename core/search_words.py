"""Words as the search sees them, and where they stand in a text.

The same rules as `app.folded` and `app.spelled` (`db/migrations/0025_search.sql`): letters without case, accents and
width; a listed set of signs separates words; signs of scripts without spaces are words by themselves.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from claw.wire.discovery import Piece

_MARKS: Final = re.compile("[\u0300-\u036f\u3099\u309a]+")
_SEPARATORS: Final = (
    "\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004"
    "\u3008-\u3020\u3030\u30fb\ufe00-\ufe6f\U0001f000-\U0001faff"
)
_SPELLED: Final = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD: Final = re.compile(f"[^{_SEPARATORS}]+")
_HAS_SPELLED: Final = re.compile(f"[{_SPELLED}]")
# A word begins at the start of the text, behind a separator, or at the border of a sign that is a word by itself.
_BEFORE: Final = f"(?<![^{_SEPARATORS}{_SPELLED}])"
_BEHIND: Final = f"(?![^{_SEPARATORS}{_SPELLED}])"
_LEAD: Final = 40


@lru_cache(maxsize=8_192)
def _folded_sign(sign: str) -> str:
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in _MARKS.sub("", _decomposed(sign)))


def _decomposed(sign: str) -> str:
    return unicodedata.normalize("NFKD", sign)


def words_of(text: str) -> list[str]:
    """The words of `text`, folded, in their order."""
    return _WORD.findall("".join(map(_folded_sign, text)))


class Highlighter:
    """Marks the words of one search in texts: all of them whole, the last one as a beginning."""

    def __init__(self, sought: str) -> None:
        words = words_of(sought)
        last = len(words) - 1
        patterns = [_pattern(word, whole=number < last) for number, word in enumerate(words)]
        self._pattern = re.compile("|".join(sorted(patterns, key=len, reverse=True))) if patterns else None

    def pieces(self, text: str, *, most: int) -> list[Piece]:
        """At most `most` characters of `text` around the first word that fits; an ellipsis where some were left out."""
        spans = self._spans(text)
        start = 0
        if len(text) > most and spans and spans[0][1] > most:
            start = min(max(0, spans[0][0] - _LEAD), len(text) - most)
        end = min(len(text), start + most)
        pieces = [Piece("…")] if start else []
        at = start
        for first, behind in spans:
            if first >= end:
                break
            if first > at:
                pieces.append(Piece(text[at:first]))
            pieces.append(Piece(text[max(first, at) : min(behind, end)], hit=True))
            at = min(behind, end)
        if at < end:
            pieces.append(Piece(text[at:end]))
        if end < len(text):
            pieces.append(Piece("…"))
        return pieces

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where the words stand in `text`: from, to."""
        if self._pattern is None:
            return []
        if text.isascii():
            return [match.span() for match in self._pattern.finditer(text.lower())]
        # A sign may become several, or none: each folded one remembers where it came from.
        folded = list(map(_folded_sign, text))
        origins = [number for number, signs in enumerate(folded) for _ in signs]
        return [
            (origins[match.start()], origins[match.end() - 1] + 1) for match in self._pattern.finditer("".join(folded))
        ]


def _pattern(word: str, *, whole: bool) -> str:
    if _HAS_SPELLED.search(word):
        return re.escape(word)
    # What fits by its beginning is marked to its end.
    return _BEFORE + re.escape(word) + (_BEHIND if whole else f"[^{_SEPARATORS}{_SPELLED}]*")
