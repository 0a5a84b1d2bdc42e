"""Sends requests to a server with the studio as one of its users."""

from __future__ import annotations

from typing import Any

import requests

PASSWORD = "a-password-for-tests"
ADMIN, WRITER, READER, OTHER, DENIED = "ada", "willem", "reader", "other", "denied"


class Server:
    """A client of the server that acts as one of its users."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def call(self, method: str, path: str, user: str | None = ADMIN, **more: Any) -> Any:
        """Make a call to the server as a user; None is nobody."""
        auth = None if user is None else (user, PASSWORD)
        return requests.request(method, f"{self.uri}/{path}", auth=auth, timeout=60, **more)

    def get(self, path: str, user: str | None = ADMIN, **query: Any) -> Any:
        """Read one of the studio's routes."""
        return self.call("GET", f"ajax-api/2.0/amlflow/{path}", user, params=query)

    def post(self, path: str, user: str | None = ADMIN, /, **content: Any) -> Any:
        """Send JSON to one of the studio's routes."""
        return self.call("POST", f"ajax-api/2.0/amlflow/{path}", user, json=content)

    def rows(self, user: str | None = ADMIN, /, **content: Any) -> list[dict[str, Any]]:
        """Read all pages of a search, and return their rows."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            answer = self.post("runs/search", user, **content, cursor=cursor)
            assert answer.status_code == 200, answer.text
            found += answer.json()["rows"]
            cursor = answer.json()["cursor"]
            if cursor is None:
                return found


def make_users(uri: str) -> None:
    """Make the users of the tests on a server."""
    for user in (WRITER, READER, OTHER, DENIED):
        make_user(Server(uri), user)


def make_user(server: Server, user: str) -> None:
    """Make one user, as the administrator."""
    made = server.call(
        "POST",
        "api/2.0/mlflow/users/create",
        json={"username": user, "password": PASSWORD},
    )
    assert made.status_code == 200, made.text


def permit(studio: Server, user: str, experiment_id: str, permission: str = "EDIT") -> None:
    """Give a user a permission on an experiment."""
    answer = studio.call(
        "POST",
        "api/3.0/mlflow/users/permissions/grant",
        json={
            "username": user,
            "resource_type": "experiment",
            "resource_id": experiment_id,
            "permission": permission,
        },
    )
    # Another test may have given the permission before.
    assert answer.status_code == 200 or "RESOURCE_ALREADY_EXISTS" in answer.text, answer.text
