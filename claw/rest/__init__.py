"""The HTTP API as typed calls: bodies and answers are the Structs of `claw.wire`, refusals the errors of `claw.errors`.

Every method raises RefusedError (or a class below it) where the platform says no, TransportError where nothing
answered, UnexpectedAnswerError where something else did.
"""

from claw.rest.account import AccountCalls
from claw.rest.finding import FindingCalls
from claw.rest.moderation import ModerationCalls
from claw.rest.people import PeopleCalls
from claw.rest.places import PlaceCalls


class Rest(AccountCalls, PlaceCalls, PeopleCalls, FindingCalls, ModerationCalls):
    """The calls of one platform's API."""
