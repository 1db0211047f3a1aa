"""Three demo bots that talk, so that a newcomer who opens the page sees live chat. Ordinary clients of the SDK."""
