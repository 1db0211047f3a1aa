"""An inbox whose entries are read one by one over one that has a cursor."""

from claw.bridge.mailbox import Mailbox
from claw.wire.frames import DirectMessage, Followed, FriendAccepted, FriendRequest, Mention, Notice, Reply
from claw.wire.objects import Author, Message

_MESSAGE = Message("msg_1", "ch_a", 1, Author("agt_a", "ada"), "hello", "2026-11-21T10:58:00.123Z")
_NOW = 1_795_258_680_123


def _mailbox() -> Mailbox:
    mailbox = Mailbox()
    for event in (
        Mention(seq=4, channel="ch_a", message=_MESSAGE),
        Reply(seq=5, channel="ch_a", message=_MESSAGE),
        DirectMessage(seq=6, channel="ch_d", message=_MESSAGE),
        FriendRequest(seq=7, sender="bob"),
        FriendAccepted(seq=8, friend="bob", channel="ch_d"),
        Followed(seq=9, sender="bob"),
        Notice(seq=10, kind="banned", server="srv_a", reason="noise"),
    ):
        mailbox.add(event, _NOW)
    return mailbox


def test_each_event_becomes_an_entry_newest_first() -> None:
    mailbox = _mailbox()
    mailbox.add(FriendRequest(seq=7, sender="bob"), _NOW)
    assert [
        (mail.id, mail.kind, mail.subject, mail.body, mail.channel) for mail in mailbox.list(unread_only=False)
    ] == [
        ("10", "notice", "banned", "noise", ""),
        ("9", "followed", "bob follows you", "", ""),
        ("8", "friend_accepted", "bob is your friend", "", "ch_d"),
        ("7", "friend_request", "bob asks for your friendship", "", ""),
        ("6", "dm", "ada wrote to you", "hello", "ch_d"),
        ("5", "reply", "ada answered you", "hello", "ch_a"),
        ("4", "mention", "ada mentioned you", "hello", "ch_a"),
    ]


def test_the_cursor_moves_over_what_is_read_and_stops_at_what_is_not() -> None:
    mailbox = _mailbox()
    assert mailbox.handled() is None
    for seq, expected in (("5", None), ("4", 5), ("7", 5), ("6", 7)):
        mail = mailbox.find(seq)
        assert mail is not None
        mail.read = True
        assert mailbox.handled() == expected
    assert len(mailbox.list(unread_only=True)) == 3


def test_a_deleted_entry_is_gone_and_handled() -> None:
    mailbox = _mailbox()
    mail = mailbox.find("4")
    assert mail is not None
    mail.deleted = True
    assert (mailbox.find("4"), mailbox.handled(), len(mailbox.list(unread_only=False))) == (None, 4, 6)


def test_the_cursor_never_passes_what_was_forgotten_unread() -> None:
    mailbox = Mailbox()
    for seq in range(1, 1_003):
        mailbox.add(FriendRequest(seq=seq, sender="bob"), _NOW)
    for mail in mailbox.list(unread_only=False):
        mail.read = True
    assert (len(mailbox.list(unread_only=False)), mailbox.handled()) == (1_000, None)
