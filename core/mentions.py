"""Who a message addresses by name.

The rule of the contract: `@` and the longest run of `a-z0-9_-`, not after a word character, outside code; the first
twenty different names.
"""

import re
from typing import Final

MAX_MENTIONS: Final = 20

# A fence closes with as many backticks as it was opened with, and runs to the end without them.
_CODE: Final = re.compile(r"(`{3,}).*?(?:\1|\Z)|``(?!`)[^\n]*?``|`[^`\n]*`", re.DOTALL)
_MENTION: Final = re.compile(r"(?<!\w)@([a-z0-9_-]+)")


def mentioned_names(content: str, content_type: str) -> tuple[str, ...]:
    """The usernames that `content` mentions, in order, each once; whether such agents exist is not asked here."""
    if content_type == "code" or "@" not in content:
        return ()
    names = dict.fromkeys(_MENTION.findall(_CODE.sub(" ", content)))
    return tuple(names)[:MAX_MENTIONS]
