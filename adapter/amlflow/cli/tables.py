"""Makes tables for readers: one row for each run, experiment, workspace and so on."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from amlflow.times import from_iso

COLORS = {"Completed": 32, "Failed": 31, "Canceled": 33, "Running": 36}
TAGS_WIDTH = 60


def runs(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Runs: id, name, status, start, duration and tags."""
    if "RunId" in items[0]:
        return [{key: _text(value) for key, value in item.items()} for item in items]
    several = len({item.get("_experiment_name") for item in items}) > 1
    rows = []
    for item in items:
        row = {"Run": item["run_id"]}
        if several:
            row["Experiment"] = _text(item.get("_experiment_name"))
        row |= {
            "Name": _text(item.get("display_name")),
            "Status": _status(item.get("status"), color),
            "Started": _time(item.get("start_time_utc")),
            "Duration": _duration(item),
            "Tags": _tags(item.get("tags") or {}),
        }
        rows.append(row)
    return rows


def experiments(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Experiments: name, id and when archived."""
    return [
        {
            "Name": _text(item.get("name")),
            "Id": _text(item.get("id")),
            "Archived": _text(item.get("archived_time")),
        }
        for item in items
    ]


def workspaces(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Workspaces: names and tracking store."""
    return [
        {
            "Name": _text(item.get("name")),
            "Resource group": _text(item.get("resource_group")),
            "Tracking store": _text(item.get("mlFlowTrackingUri")),
        }
        for item in items
    ]


def models(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Versions of models: name, version, framework, when registered, and tags."""
    return [
        {
            "Name": _text(item.get("name")),
            "Version": _text(item.get("version")),
            "Framework": _text(item.get("framework")),
            "Registered": _time(item.get("createdTime")),
            "Tags": _tags(item.get("tags") or {}),
        }
        for item in items
    ]


def environments(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Environments: name, version and labels; of what is made here kind, hash, size, last use."""
    return [
        {
            "Name": _text(item.get("name")),
            "Version": _text(item.get("version")),
            "Labels": ", ".join(item.get("labels") or ()),
            "Kind": _text(item.get("kind")),
            "Hash": _text(item.get("hash")),
            "MB": _megabytes(item.get("disk_bytes")),
            "Last used": _time(item.get("last_used_utc")),
        }
        for item in items
    ]


def datasets(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Data sets: name, version, type and paths."""
    return [
        {
            "Name": _text(item.get("name")),
            "Version": _text(item.get("version")),
            "Type": _text(item.get("type")),
            "Paths": _text(", ".join(item.get("paths") or [])),
        }
        for item in items
    ]


def datastores(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """Datastores: name, address and which one is the default."""
    return [
        {
            "Name": _text(item.get("name")),
            "Address": _text(item.get("address")),
            "Default": "yes" if item.get("default") else "",
        }
        for item in items
    ]


def differences(items: list[dict[str, Any]], color: bool) -> list[dict[str, str]]:
    """The differences between two runs: a row for each key, with both values."""
    [item] = items
    left, right = item["runs"]
    return [
        {"Of": section, "Key": _text(key), left: _value(values[0]), right: _value(values[1])}
        for section, changes in item.items()
        if section != "runs"
        for key, values in changes.items()
    ] or [{"Of": "nothing differs", "Key": "", left: "", right: ""}]


def _value(value: Any) -> str:
    """Return a cell's text. For a series, it has the number of values and the last one."""
    if isinstance(value, list) and value:
        return f"{len(value)} values, last {_text(value[-1])}"
    return _text(value)


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.1f}"


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in text)


def _time(value: str | None) -> str:
    """Shorten a time in ISO 8601 to seconds."""
    return _text(value)[:19].replace("T", " ")


def _status(status: Any, color: bool) -> str:
    text = _text(status)
    code = COLORS.get(text)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text


def _duration(item: dict[str, Any]) -> str:
    start, end = item.get("start_time_utc"), item.get("end_time_utc")
    if not start:
        return ""
    end_time = from_iso(end) if end else datetime.now(timezone.utc)
    seconds = max(0, int((end_time - from_iso(start)).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _tags(tags: dict[str, str | None]) -> str:
    words = [
        _text(key) if value is None else f"{_text(key)}={_text(value)}"
        for key, value in tags.items()
    ]
    text = ", ".join(words)
    return text if len(text) <= TAGS_WIDTH else text[: TAGS_WIDTH - 1] + "…"
