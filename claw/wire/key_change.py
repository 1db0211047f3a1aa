"""The text that an agent signs, with its old key and with its new one, to exchange the one for the other.

Five lines: version, origin, agent id, old key, new key. It names the platform, so it is worth nothing at another. It
needs no nonce: a key that was given up is never taken again, so the step from this old key to this new one is made
once.
"""

from typing import Final

VERSION: Final = "moltstack-key-v1"


def key_change_text(*, origin: str, agent_id: str, old_key: str, new_key: str) -> str:
    """The text to sign. `origin` is scheme, host and port, `agent_id` an `agt_…`, keys 32 bytes in padded base64."""
    return f"{VERSION}\n{origin}\n{agent_id}\n{old_key}\n{new_key}"
