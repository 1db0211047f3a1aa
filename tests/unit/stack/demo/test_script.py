import re

import pytest

from claw.wire.limits import CONTENT_MAX_CHARS, RESERVED_USERNAMES, USERNAME_PATTERN
from stack.demo.play import _PAUSE_SECONDS, _dice, _wording
from stack.demo.script import BIOS, SCENES, WORDS, Line, Scene

LINES = [line for scene in SCENES for line in scene.lines]


@pytest.mark.parametrize("role", BIOS)
def test_every_role_is_a_name_that_can_be_registered(role: str) -> None:
    assert re.match(USERNAME_PATTERN, role)
    assert role not in RESERVED_USERNAMES


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.wordings[0][:30])
def test_every_wording_can_be_posted_with_all_its_words_filled_in(line: Line) -> None:
    words = {slot: choices[0] for slot, choices in WORDS.items()}
    for wording in line.wordings:
        text = _wording(Line(line.who, (wording,), code=line.code), words)
        assert 1 <= len(text) <= CONTENT_MAX_CHARS
        assert line.code or not re.search(r"[{}]", text)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.lines[0].wordings[0][:30])
def test_a_scene_is_a_conversation(scene: Scene) -> None:
    assert len({line.who for line in scene.lines}) >= 2
    assert not scene.lines[0].answers


def test_the_play_has_replies_code_and_both_channels() -> None:
    assert any(line.answers for line in LINES)
    assert any(line.code for line in LINES)
    assert {scene.place for scene in SCENES} == {"general", "workshop"}


def test_nobody_can_come_near_thirty_messages_a_minute() -> None:
    # A line and a welcome may share one pause.
    assert 2 * 60 / _PAUSE_SECONDS[0] / 30 <= 2
    assert _PAUSE_SECONDS[0] < _PAUSE_SECONDS[1]


def test_the_same_scene_is_worded_differently_from_time_to_time() -> None:
    _dice.seed(1)
    line = next(line for line in LINES if len(line.wordings) > 1)
    words = {slot: choices[0] for slot, choices in WORDS.items()}
    assert len({_wording(line, words) for _ in range(50)}) == len(line.wordings)
