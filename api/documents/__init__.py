"""What the platform says of itself, to programs, models and people; made from what serves the requests."""
