"""The addresses of the studio on a server, and how a client knows that a server has the studio."""

PREFIX = "/ajax-api/2.0/amlflow"
"""The begin of the addresses of all routes and files of the studio."""
MARK = "X-Amlflow-Studio"
"""The header of all answers below :data:`PREFIX`, also of those that refuse a request."""
