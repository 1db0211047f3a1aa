"""What the platform means: services, policy, events, presence and limits; no HTTP, no SQL text."""
