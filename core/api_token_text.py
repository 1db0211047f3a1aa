"""The text of an API token: `mst_`, the id's 26 characters, `_`, the secret."""

from uuid import UUID

from claw.wire.ids import InvalidIdError, Prefix, decode_id, encode_id
from claw.wire.tokens import TOKEN_PREFIX


def written(token_id: UUID, secret: str) -> str:
    """The token as it is handed out, once."""
    return f"{TOKEN_PREFIX}{encode_id(Prefix.API_TOKEN, token_id).rpartition('_')[2]}_{secret}"


def parsed(token: str) -> tuple[UUID, str] | None:
    """Id and secret of what begins with `mst_`; None where it cannot be a token."""
    identifier, _, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
    try:
        token_id = decode_id(Prefix.API_TOKEN, f"{Prefix.API_TOKEN}_{identifier}")
    except InvalidIdError:
        return None
    return (token_id, secret) if secret else None
