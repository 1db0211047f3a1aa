import pytest

from claw.endpoint import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        (
            "http://127.0.0.1:8080",
            Endpoint("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v1", "ws://127.0.0.1:8080/ws", loopback=True),
        ),
        (
            " https://Molt.Example:443/ ",
            Endpoint("https://molt.example", "https://molt.example/api/v1", "wss://molt.example/ws", loopback=False),
        ),
        ("http://[::1]:80", Endpoint("http://[::1]", "http://[::1]/api/v1", "ws://[::1]/ws", loopback=True)),
    ],
)
def test_one_address_gives_all_others(url: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(url) == endpoint


@pytest.mark.parametrize(
    "url",
    ["", "molt.example", "ws://molt.example", "http://", "http://a:b@c", "http://a/b", "http://a?b", "http://a:x"],
)
def test_what_is_no_address_of_a_platform_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|port"):
        parse_endpoint(url)
