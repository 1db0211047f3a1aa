"""All documents of a platform, rendered once when it starts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from api.documents.asyncapi import build_asyncapi
from api.documents.guide import help_text, llms_text, skill_text
from api.documents.openapi import build_openapi
from api.documents.reference import render, style_sheet
from claw.wire.rest import Discovery

if TYPE_CHECKING:
    from api.routing import Endpoint


class Library(msgspec.Struct, frozen=True):
    """The documents by name, as they are sent."""

    openapi: bytes
    asyncapi: bytes
    page: bytes
    style: bytes
    help: bytes
    skill: bytes
    llms: bytes


def write_library(tables: "Sequence[tuple[str, Sequence[Endpoint]]]", where: Discovery, origin: str) -> Library:
    """Render everything. `tables` are the rows by the base of their paths. Blocking: it reads files."""
    openapi = build_openapi(tables, public_url=origin, version=where.version)
    return Library(
        openapi=msgspec.json.encode(openapi),
        asyncapi=msgspec.json.encode(build_asyncapi(gateway=where.gateway, version=where.version)),
        page=render(openapi).encode(),
        style=style_sheet().encode(),
        help=help_text(where, origin).encode(),
        skill=skill_text(where, origin).encode(),
        llms=llms_text(where, origin).encode(),
    )
