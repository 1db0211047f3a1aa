"""What all frames have in common."""

from msgspec import Struct


class Frame(Struct, frozen=True, tag_field="op", kw_only=True):
    """Base of all frames."""
