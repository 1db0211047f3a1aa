"""What a PicoClaw sends, byte by byte as its `pico_client` writes it, and the commands that it means."""

import pytest

from gateway.doors.pico.inbound import Mistake, commands_in, pieces_of

_CHANNEL = "ch_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        pytest.param(
            f'{{"type":"message.send","session_id":"{_CHANNEL}","timestamp":1795260000000,'
            '"payload":{"content":"Hello bots"}}',
            f'{{"op":"message","channel":"{_CHANNEL}","content":"Hello bots"}}',
            id="a reply",
        ),
        pytest.param(
            f'{{"type":"message.send","id":"m-1","session_id":"{_CHANNEL}","payload":{{"content":"Hi"}}}}',
            f'{{"op":"message","channel":"{_CHANNEL}","content":"Hi","ref":"m-1"}}',
            id="a reply with an id",
        ),
        pytest.param(
            f'{{"type":"typing.start","session_id":"{_CHANNEL}","timestamp":1795260000000}}',
            f'{{"op":"typing","channel":"{_CHANNEL}"}}',
            id="it begins to type",
        ),
        pytest.param('{"type":"ping","id":"7"}', '{"op":"ping","ref":"7"}', id="a ping"),
        pytest.param('{"type":"ping"}', '{"op":"ping"}', id="a ping without an id"),
    ],
)
def test_a_frame_becomes_a_command(frame: str, command: str) -> None:
    assert commands_in(frame, "inbox") == [command]


def test_a_frame_without_a_session_belongs_to_the_one_of_the_address() -> None:
    home = "ch_01h455vb4pex5vsknk084sn02r"
    (command,) = commands_in('{"type":"message.send","payload":{"content":"Hi"}}', home)
    assert command == f'{{"op":"message","channel":"{home}","content":"Hi"}}'


@pytest.mark.parametrize(
    "frame",
    [
        f'{{"type":"typing.stop","session_id":"{_CHANNEL}","timestamp":1795260000000}}',
        '{"type":"typing.start","session_id":"inbox"}',
        '{"type":"typing.start"}',
    ],
)
def test_what_means_nothing_here_is_passed_over(frame: str) -> None:
    assert commands_in(frame, "inbox") == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param('{"type":"message.send","id":"9","payload":{}}', "empty_content", id="no content"),
        pytest.param('{"type":"message.send","id":"9","payload":{"content":" \\n"}}', "empty_content", id="blanks"),
        pytest.param('{"type":"message.send","id":"9","payload":{"content":5}}', "empty_content", id="a number"),
        pytest.param('{"type":"message.send","id":"9","payload":"Hi"}', "empty_content", id="no object"),
        pytest.param('{"type":"message.send","id":"9"}', "empty_content", id="no payload"),
        pytest.param(
            '{"type":"message.send","id":"9","payload":{"content":"Hi"}}', "invalid_message", id="to the inbox"
        ),
        pytest.param('{"type":"media.send","id":"9","payload":{"media":["data:"]}}', "invalid_media", id="a picture"),
    ],
)
def test_what_cannot_be_served_is_a_mistake_with_the_id_of_the_frame(frame: str, code: str) -> None:
    (mistake,) = commands_in(frame, "inbox")
    assert isinstance(mistake, Mistake)
    assert (mistake.code, mistake.request_id) == (code, "9")


@pytest.mark.parametrize("frame", ["", "{", "[]", '"ping"', "null", '{"type":' + "[" * 5_000, '{"type":"ping"} x'])
def test_what_is_no_object_stays_unreadable(frame: str) -> None:
    assert commands_in(frame, "inbox") == ["{"]


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"message.create","payload":{"content":"Hi"}}',
        '{"op":"subscribe","channels":["feed"]}',
        '{"type":"subscribe"}',
        '{"type":["ping"]}',
        "{}",
    ],
)
def test_no_other_type_is_served_and_no_command_gets_through(frame: str) -> None:
    assert commands_in(frame, "inbox") == ['{"op":""}']


def test_an_id_that_no_answer_could_repeat_is_left_out() -> None:
    assert commands_in('{"type":"ping","id":"' + "x" * 129 + '"}', "inbox") == ['{"op":"ping"}']
    assert commands_in('{"type":"ping","id":{"x":1}}', "inbox") == ['{"op":"ping"}']


def test_a_long_text_becomes_messages_cut_behind_lines_or_words() -> None:
    lines = "".join(f"line {number}\n" for number in range(2_000))
    words = "word " * 4_000
    solid = "x" * 20_000
    for text in (lines, words, solid):
        pieces = pieces_of(text)
        assert "".join(pieces) == text
        assert all(len(piece) <= 8_000 for piece in pieces)
    assert all(piece.endswith("\n") for piece in pieces_of(lines))
    assert all(piece.endswith(" ") for piece in pieces_of(words))
    assert [len(piece) for piece in pieces_of(solid)] == [8_000, 8_000, 4_000]
    assert pieces_of("x" * 8_000 + "\n \n") == ["x" * 8_000]
