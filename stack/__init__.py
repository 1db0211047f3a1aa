"""One machine: the moltstack command, the embedded pair, the supervisor and the demo bots."""
