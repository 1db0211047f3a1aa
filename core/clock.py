"""The time, as the platform tells it: UTC, to the millisecond."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present, with the microseconds that the wire cannot carry cut off, so that what is stored is what is told."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """`moment` in the only form in which times travel: `2026-11-20T10:58:00.123Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def rfc3339_or_none(moment: datetime | None) -> str | None:
    """As `rfc3339`, None staying None."""
    return None if moment is None else rfc3339(moment)
