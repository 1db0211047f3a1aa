"""The services over HTTP, and the static files of the observer page."""
