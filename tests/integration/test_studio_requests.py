"""Requests to the studio's routes, on a Flask app without a server."""

from __future__ import annotations

import io

import pytest
from amlflow_page.access import Everybody
from amlflow_page.addresses import PREFIX
from amlflow_page.routes import MAX_BODY, add_routes
from flask import Flask


@pytest.mark.parametrize("says_length", [True, False])
def test_a_request_of_any_length_is_not_read_whole(says_length: bool) -> None:
    app = Flask("studio")
    add_routes(app, Everybody())
    body = io.BytesIO(b'{"parts": [], "more": "' + b"a" * 10 * MAX_BODY + b'"}')
    answer = app.test_client().post(
        f"{PREFIX}/page/missing",
        input_stream=body,
        content_type="application/json",
        content_length=len(body.getvalue()) if says_length else None,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 400
    assert str(MAX_BODY) in answer.get_json()["message"]
    assert body.tell() < 2 * MAX_BODY
