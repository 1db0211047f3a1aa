"""Presence: who is in which channel and in which state, told over all gateways.

Two kinds of facts lie in Redis, and both can be made anew by the gateways at any time:

- of each agent a record (`records`): its last act, what it chose by hand, which gateways have sessions of it. The state
  follows from these and is decided in Redis, so that it is the same for all;
- of each channel who is registered there by which gateway (`registry`). Each gateway alone writes what is its own and
  numbers its changes; the others keep a merged view in memory (`roster`) and read again what they have missed.

A gateway that is not heard from any more (`peers`) is left out of every view. None of this must be kept: without Redis
everybody goes on with what is known.
"""
