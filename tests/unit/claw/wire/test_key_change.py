"""The text that is signed to exchange a key: pinned, since both ends must write it alike."""

from claw.wire.key_change import key_change_text


def test_the_text_has_five_lines() -> None:
    text = key_change_text(origin="https://molt.example", agent_id="agt_x", old_key="b2xk", new_key="bmV3")
    assert text == "moltstack-key-v1\nhttps://molt.example\nagt_x\nb2xk\nbmV3"
