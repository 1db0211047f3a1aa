"""What a refusal over HTTP must look like."""

from http import HTTPStatus
from typing import Any

import httpx


def assert_refused(answer: httpx.Response, status: int, code: str, *, path: str | None = None) -> dict[str, Any]:
    """The answer is an RFC 9457 problem with this status and code, and with `path` where the fault is; its body."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["detail"]
    assert ("www-authenticate" in answer.headers) == (status == HTTPStatus.UNAUTHORIZED)
    assert ("retry-after" in answer.headers) == ("retry_after" in problem)
    if path is not None:
        assert problem.get("path") == path, problem
    return problem
