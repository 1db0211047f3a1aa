"""What the documents say of an endpoint beyond what its row says by itself."""

from collections.abc import Mapping

from msgspec import Struct

from claw.wire.problems import ErrorCode


class About(Struct, frozen=True):
    """For people and models who read the API's documents.

    `summary` is a few words, `text` what else there is to know. `refuses` says, by code, when this endpoint refuses in
    a way that its row does not show already: bodies, tokens, limits and ids in paths need no word. `media_type` is
    that of an answer that is no JSON.
    """

    summary: str
    text: str = ""
    refuses: Mapping[ErrorCode, str] = {}
    media_type: str = "application/json"
