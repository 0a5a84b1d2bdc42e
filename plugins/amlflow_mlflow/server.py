"""MLflow's client of a server, which can also try a call just once."""

from __future__ import annotations

import email.utils
import functools
import json
import time
from typing import Any

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import Refused, Unavailable, is_tried_once, redacted
from mlflow.protos.service_pb2 import GetMetricHistory
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.proto_json_utils import parse_dict
from mlflow.utils.rest_utils import http_request, verify_rest_response

TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same call may work."""


class Server(RestStore):
    """MLflow's store of a server at a URI.

    MLflow tries a call again for minutes. Within :func:`amlflow.spec.tried_once` it is tried once,
    and the answer's Retry-After is told.
    """

    def __init__(self, uri: str) -> None:
        super().__init__(functools.partial(get_default_host_creds, uri))
        self._where = redacted(uri)

    def _call_endpoint(
        self,
        api: Any,
        json_body: str | None = None,
        endpoint: str | None = None,
        retry_timeout_seconds: float | None = None,
        response_proto: Any = None,
    ) -> Any:
        if not is_tried_once():
            return super()._call_endpoint(
                api, json_body, endpoint, retry_timeout_seconds, response_proto
            )
        known = self._V3_METHOD_TO_INFO if api in self._V3_APIS else self._METHOD_TO_INFO
        path, method = known[api]
        content = None if json_body is None else json.loads(json_body)
        result = response_proto or api.Response()
        parse_dict(self._answer(endpoint or path, method, content), result)
        return result

    def metric_rows(self, run_id: str, key: str) -> list[tuple[int, int, float]]:
        """A metric's points (milliseconds, step, value), in this order."""
        path, method = self._METHOD_TO_INFO[GetMetricHistory]
        content = {"run_id": run_id, "metric_key": key}
        rows: list[tuple[int, int, float]] = []
        while True:
            answer = self._answer(path, method, content)
            rows += [
                (int(each["timestamp"]), int(each.get("step", 0)), float(each["value"]))
                for each in answer.get("metrics", ())
            ]
            if not answer.get("next_page_token"):
                return sorted(rows)
            content["page_token"] = answer["next_page_token"]

    def _answer(self, path: str, method: str, content: Any) -> Any:
        """What the server answers, as JSON says it."""
        self._validate_workspace_support_if_specified()
        once = is_tried_once()
        answer = http_request(
            self.get_host_creds(),
            path,
            method,
            **({"max_retries": 0, "raise_on_status": False} if once else {}),
            **{"params" if method == "GET" else "json": content},
        )
        if once and answer.status_code in TRY_LATER:
            raise Unavailable(
                f"MLflow at {self._where} could not do this now (HTTP {answer.status_code}).",
                retry_after=_seconds(answer.headers.get("Retry-After")),
            )
        if once and 400 <= answer.status_code < 500 and b"error_code" not in answer.content:
            raise self._refusal(answer.status_code)  # by what is between here and MLflow
        verify_rest_response(answer, path)
        return json.loads(answer.text)

    def _refusal(self, status: int) -> AzureMLException:
        said = f"What answers at {self._where} refuses this (HTTP {status})"
        if status in (401, 403):
            return AuthenticationException(f"{said}: check the credentials for it.")
        if status == 404:
            return Unavailable(f"{said}: it is no MLflow server now.")
        return Refused(f"{said}.")


def _seconds(retry_after: str | None) -> float | None:
    """The header's number of seconds, or the time until its date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
