import re
from typing import get_args

from claw.wire import commands, frames
from claw.wire.typescript import typescript

_TEXT = typescript()


def _interface(name: str) -> str:
    found = re.search(rf"^export interface {name}(?:<T>)? {{\n(.*?)^}}", _TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def test_each_frame_and_command_is_there_with_its_op() -> None:
    for struct in (*get_args(frames.AnyFrame), *get_args(commands.AnyCommand)):
        assert f'readonly op: "{struct.__struct_config__.tag}";' in _interface(struct.__name__)


def test_what_a_frame_may_lack_is_optional_and_what_an_object_always_has_is_not() -> None:
    assert "readonly edited_at?: string | null;" in _interface("MessageFrame")
    assert "readonly edited_at: string | null;" in _interface("Message")
    assert "readonly deleted?: true;" in _interface("Message")
    assert "readonly seq: number;" in _interface("MessageFrame")


def test_what_is_left_out_where_it_is_the_default_is_optional_in_an_object_too() -> None:
    assert "readonly hit?: boolean;" in _interface("Piece")
    assert "readonly server: Place | null;" in _interface("Found")


def test_a_body_may_leave_out_what_has_a_default() -> None:
    assert "readonly name: string;\n  readonly description?: string | null;" in _interface("CreateServer")


def test_names_on_the_wire_are_used() -> None:
    assert "readonly from: string;" in _interface("FriendRequest")
    assert "readonly metadata?: unknown;" in _interface("SendMessage")


def test_lists_maps_literals_and_generics_have_their_types() -> None:
    assert "readonly items: readonly T[];" in _interface("Page")
    assert "readonly channels?: readonly (string | StreamPosition)[];" in _interface("Subscribe")
    assert "readonly changed?: Readonly<Record<string, string>>;" in _interface("Presence")
    assert 'readonly status: "dnd" | "idle" | "online";' in _interface("SetPresence")


def test_a_code_of_a_later_version_is_still_an_error_code() -> None:
    assert re.search(r'export type ErrorCode = "invalid" .*\| \(string & {}\);', _TEXT)


def test_a_decoder_is_told_what_a_frame_must_have() -> None:
    shapes = next(line for line in _TEXT.splitlines() if line.startswith("export const SHAPES"))
    assert '"typing":{"channel":["string"],"agent":["string"]}' in shapes
    assert '"agent":["string","null"]' in shapes
