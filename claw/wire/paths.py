"""What stands between two slashes of a path."""

from urllib.parse import quote


def quoted(text: str) -> str:
    """An id or a name as one segment of a path, whatever it contains, dots that would lead upwards too."""
    return quote(text, safe="").replace(".", "%2E")
