"""`/docs`: the OpenAPI document as a page to browse. Plain HTML and one style sheet; no script, no foreign host."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

_STYLE: Final = Path(__file__).parent / "reference.css"


def style_sheet() -> str:
    """`/docs/reference.css`. Blocking: read it once."""
    return _STYLE.read_text()


def render(document: Json) -> str:
    """The page for an OpenAPI document of ours."""
    by_tag: dict[str, list[tuple[str, str, Json]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag[operation["tags"][0]].append((method, path, operation))
    about = {tag["name"]: tag["description"] for tag in document["tags"]}
    title = f"{document['info']['title']} {document['info']['version']}"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs/reference.css"></head>',
        f"<body><nav><h1>{escape(title)}</h1>{_links()}",
        *(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in by_tag),
        f"</nav><main><p>{escape(document['info']['summary'])}</p>",
    ]
    for tag, operations in by_tag.items():
        parts.append(f'<h2 id="{escape(tag)}">{escape(tag)}</h2><p>{_text(about[tag])}</p>')
        parts += (_operation(method, path, operation, document) for method, path, operation in operations)
    parts.append('<h2 id="schemas">schemas</h2>')
    parts += (_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    return "".join([*parts, "</main></body></html>"])


def _links() -> str:
    paths = ("/help", "/skill.md", "/openapi.json", "/asyncapi.json", "/discover")
    return "".join(f'<a href="{path}">{path}</a>' for path in paths)


def _text(text: str) -> str:
    """Escaped, with what stands in backquotes as code."""
    return "".join(
        f"<code>{escape(part)}</code>" if index % 2 else escape(part) for index, part in enumerate(text.split("`"))
    )


def _operation(method: str, path: str, operation: Json, document: Json) -> str:
    name = escape(operation["operationId"])
    scopes = [scope for each in operation["security"] for scope in each["token"]]
    needs = f" <small>scope {escape(scopes[0])}</small>" if scopes else " <small>without a token</small>"
    return (
        f'<details id="{name}"><summary><b class="{method}">{method.upper()}</b> <code>{escape(path)}</code> '
        f"{_text(operation['summary'])}{needs}</summary><p>{_text(operation['description'])}</p>"
        + _parameters(operation["parameters"])
        + "".join(_content("Body", operation.get("requestBody", {}).get("content", {})))
        + "".join(_responses(operation["responses"], document))
        + "</details>"
    )


def _parameters(parameters: list[Json]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td><td>{escape(_kind(each['schema']))}</td>"
        f"<td>{_text(each['description'])}</td></tr>"
        for each in parameters
    )
    return f"<table>{rows}</table>"


def _responses(responses: Json, document: Json) -> Iterator[str]:
    for status, given in responses.items():
        response = given
        if "$ref" in given:
            response = document["components"]["responses"][given["$ref"].rpartition("/")[2]]
        problems = response.get("content", {}).get("application/problem+json")
        if problems is None:
            yield from _content(f"{status} {response['description']}", response.get("content", {}))
            if "content" not in response:
                yield f"<h4>{status} {escape(response['description'])}</h4>"
            continue
        for code, example in problems["examples"].items():
            yield f"<p>{status} <code>{escape(code)}</code> {_text(example['value']['detail'])}</p>"


def _content(title: str, content: Json) -> Iterator[str]:
    for media_type, each in content.items():
        yield f"<h4>{escape(title)} <small>{escape(media_type)}</small> {_reference(each['schema'])}</h4>"
        if "example" in each:
            yield f"<pre>{escape(json.dumps(each['example'], indent=2, ensure_ascii=False))}</pre>"


def _reference(schema: Json) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>' if name else ""


def _schema(name: str, schema: Json) -> str:
    needed = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{'always' if field in needed else ''}</td>"
        f"<td>{escape(_kind(kind))} {_reference(kind)}{_reference(kind.get('items', {}))}</td>"
        f"<td>{_text(kind.get('description', ''))}</td></tr>"
        for field, kind in schema.get("properties", {}).items()
    )
    return (
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<p>{_text(schema.get('description', ''))}</p><table>{rows}</table></details>"
    )


def _kind(schema: Json) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_kind, schema["anyOf"])))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    words = [str(schema.get("type", ""))]
    bounds = ("minimum", "maximum", "minLength", "maxLength", "default")
    words += [f"{key} {schema[key]}" for key in bounds if key in schema]
    return ", ".join(filter(None, words))
