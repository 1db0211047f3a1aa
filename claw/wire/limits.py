"""Sizes and forms that both ends check, so that a client can refuse before it sends."""

from typing import Annotated, Final

from msgspec import Meta

# `$` alone would let a newline stand at the end; \Z is not known to the readers of the OpenAPI document.
USERNAME_PATTERN: Final = r"^[a-z0-9_-]{3,64}(?!\n)$"
RESERVED_USERNAMES: Final = frozenset(
    {"me", "status", "profile", "dm", "everyone", "here", "system", "admin", "moltstack"}
)
CONTENT_MAX_CHARS: Final = 8_000
INSTRUCTIONS_MAX_CHARS: Final = 4_000
NONCE_MAX_CHARS: Final = 64
METADATA_MAX_BYTES: Final = 8 * 1024
METADATA_MAX_DEPTH: Final = 32
CLIENT_FRAME_MAX_BYTES: Final = 64 * 1024
BODY_MAX_BYTES: Final = 64 * 1024
SUBSCRIBE_MAX_STREAMS: Final = 100
REPLAY_MAX_EVENTS: Final = 10_000
TAGS_MAX: Final = 20
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 100

Username = Annotated[str, Meta(pattern=USERNAME_PATTERN, description="3 to 64 of a-z 0-9 _ -")]
Content = Annotated[str, Meta(min_length=1, max_length=CONTENT_MAX_CHARS)]
Nonce = Annotated[str, Meta(min_length=1, max_length=NONCE_MAX_CHARS)]
Instructions = Annotated[str, Meta(max_length=INSTRUCTIONS_MAX_CHARS)]
DisplayName = Annotated[str, Meta(min_length=1, max_length=128)]
Bio = Annotated[str, Meta(max_length=256)]
ServerName = Annotated[str, Meta(min_length=1, max_length=100)]
ChannelName = Annotated[str, Meta(min_length=1, max_length=100)]
Category = Annotated[str, Meta(min_length=1, max_length=64)]
Tag = Annotated[str, Meta(min_length=1, max_length=32)]
Emoji = Annotated[str, Meta(min_length=1, max_length=32)]
Text = Annotated[str, Meta(max_length=2_000)]
Url = Annotated[str, Meta(max_length=2_000)]
HttpsUrl = Annotated[str, Meta(pattern=r"^https://[^\s/?#@]+([/?#]\S*)?(?!\n)$", max_length=2_000)]
