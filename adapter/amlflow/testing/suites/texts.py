"""Tests of texts in every field: they are stored unchanged, or refused and nothing is changed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    FileInRun,
    Kind,
    RunChange,
    RunQuery,
    RunRecord,
    Tracker,
)
from amlflow.testing.failures import BrokenSentence
from amlflow.testing.suites.base import HARD, LONG, SuiteBase, new_point, refuses, write_accepted
from amlflow.testing.suites.cleaning import new_name

Texts = list[str]


def as_values(texts: Texts) -> dict[str, str]:
    """Return the texts as values. The key of each says which text it is."""
    return {f"key{HARD.index(text)}": text for text in texts}


def as_keys(texts: Texts) -> dict[str, str]:
    return {text: f"value{HARD.index(text)}" for text in texts}


MAPS: Mapping[str, Callable[[Texts], dict[str, str]]] = {"values": as_values, "keys": as_keys}


SHORTENED = 256
"""The least number of characters of a long text that a tracker has shortened."""


def assert_same(stored: Mapping[Any, Any], expected: Mapping[Any, Any], what: str) -> None:
    """Compare two maps. If they differ, fail and show only the first difference, with escapes."""
    different = [
        key for key in {**stored, **expected} if stored.get(key, ...) != expected.get(key, ...)
    ]
    if not different:
        return
    kept, given = set(texts_in(stored)), set(texts_in(expected))
    is_cut = any(
        len(new) >= SHORTENED and text.startswith(new)
        for new, text in itertools.product(kept - given, given)
    )
    raise BrokenSentence(
        "page: It never shortens" if is_cut else "page: Keys, names and values",
        f"{what}: {len(different)} differ; the first is {ascii(different[0])[:80]}: "
        f"{ascii(stored.get(different[0], 'absent'))[:200]}, and "
        f"{ascii(expected.get(different[0], 'absent'))[:200]} was written",
    )


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts in a value: also keys, and texts in lists and tuples."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.items():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)


class TextTests(SuiteBase):
    """Tests of texts that are hard to store."""

    @pytest.mark.thorough
    @pytest.mark.parametrize("place", MAPS)
    @pytest.mark.parametrize("field", ["tags", "properties"])
    def test_hard_texts_of_runs(
        self, tracker: Tracker, run: RunRecord, field: str, place: str
    ) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        page: It never shortens a text.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        as_map = MAPS[place]

        def write(texts: Texts) -> None:
            change: dict[str, Any] = {field: as_map(texts)}
            tracker.update_run(run.id, RunChange(**change))

        # page: A method does everything
        texts = write_accepted(write, HARD)
        # page: Keys, names and values can be any text
        record = tracker.get_run(run.id)
        assert_same(getattr(record, field), as_map(texts), f"{place} of {field}")

    @pytest.mark.thorough
    @pytest.mark.parametrize("place", MAPS)
    def test_hard_texts_of_drafts(
        self, tracker: Tracker, experiment: ExperimentRecord, place: str
    ) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        page: It never shortens a text.
        create_runs: Create runs, in this order, as fast as the tracker can create many.
        """
        as_map = MAPS[place]
        runs: dict[str, dict[str, str]] = {}

        def write(texts: Texts) -> None:
            text_map = as_map(texts)
            description = "d" * LONG if len(texts) == 1 else None
            fields = {"tags": text_map, "properties": text_map, "description": description}
            runs[self.create_run(tracker, experiment, **fields).id] = text_map

        texts = write_accepted(write, HARD)
        # create_runs: Create runs, in this order
        assert sum(len(text_map) for text_map in runs.values()) == len(texts)
        # page: Keys, names and values can be any text
        for run_id, text_map in runs.items():
            record = tracker.get_run(run_id)
            assert_same(record.tags, text_map, f"{place} of a draft's tags")
            assert_same(record.properties, text_map, f"{place} of a draft's properties")

    @pytest.mark.thorough
    def test_hard_names_descriptions_and_notes(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        page: It never shortens a text.
        """
        texts = [text for text in HARD if text]
        runs = tracker.create_runs(
            [self.draft(experiment, name="n", description="d", system={"s": "s"}) for _ in texts]
        )
        expected = {}
        for text, run in zip(texts, runs, strict=True):
            fields: dict[str, Any] = {"name": "n", "description": "d", "system": {"s": "s"}}
            new = {"name": text, "description": text, "system": {"s": text}}

            def write(names: Texts, run: RunRecord = run, new: Mapping[str, Any] = new) -> None:
                tracker.update_run(run.id, RunChange(**{name: new[name] for name in names}))

            fields.update({name: new[name] for name in write_accepted(write, list(new))})
            expected[run.id] = fields
        query = RunQuery(experiment_ids=[experiment.id])
        stored = {
            record.id: {
                "name": record.name,
                "description": record.description,
                "system": dict(record.system),
            }
            for record in tracker.find_runs(query)
        }
        assert_same(stored, expected, "name, description and notes")

    @pytest.mark.thorough
    def test_hard_ids(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunDraft: run_id is an id that the caller requests, or None.
        get_run: The run with this id or alias, in this experiment, or in any if None.
        create_runs: If the experiment already has a requested id, even if another process creates
            it at the same time, the call is Refused and no run is created.
        """
        ids: dict[str, str] = {}

        def create(texts: Texts) -> None:
            ids[texts[0]] = self.create_run(tracker, experiment, run_id=texts[0]).id

        for text in [
            "plain",
            "",
            "a b",
            "a/b",
            "A",
            "a",
            "it's",
            "%",
            "\u00e9",
            "e\u0301",
            "n\0",
            "x" * 300,
        ]:
            write_accepted(create, [text])
        # RunDraft: run_id is an id that the caller requests
        assert "plain" in ids
        for text, run_id in ids.items():
            # get_run: The run with this id or alias
            record = tracker.get_run(text, experiment.id)
            assert record.id == run_id
            # RunDraft: run_id is
            assert record.alias == text
            # create_runs: If the experiment already has
            assert refuses(create, [text]), f"{text!r} is the id of two runs"
        # RunDraft: run_id is an id
        query = RunQuery(experiment_ids=[experiment.id])
        assert {run.alias for run in tracker.find_runs(query)} == set(ids)

    @pytest.mark.thorough
    def test_hard_names_of_experiments(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        ensure_experiment: The experiment with this name, created if there is none; an archived one
            stays so.
        """
        mark = new_name()
        names = [f"{mark}{text}{mark[:4]}" for text in HARD]
        ids: dict[str, str] = {}

        def ensure(some: Texts) -> None:
            for name in some:
                ids[name] = tracker.ensure_experiment(name).id

        for name in names:
            write_accepted(ensure, [name])
        # ensure_experiment: The experiment with this name
        assert len(set(ids.values())) == len(ids), "two names are one experiment"
        # page: Keys, names and values can be any text
        stored = {
            record.id: record.name
            for record in tracker.list_experiments()
            if record.name.startswith(mark)
        }
        assert_same(stored, {ids[name]: name for name in ids}, "names of experiments")

        for place, as_map in MAPS.items():
            own = tracker.ensure_experiment(f"{experiment.name}-{place}")

            def write(texts: Texts, own: Any = own, as_map: Any = as_map) -> None:
                tracker.update_experiment(own.id, ExperimentChange(tags=as_map(texts)))

            texts = write_accepted(write, HARD)
            # page: Keys, names and values can be any text
            tags = tracker.get_experiment(own.id).tags
            assert_same(tags, as_map(texts), f"{place} of an experiment's tags")

    @pytest.mark.thorough
    def test_hard_texts_of_points(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        page: It never shortens a text.
        """
        makers: dict[str, Callable[[str, int], Any]] = {
            "name": lambda text, n: new_point(text, 1.0, order=n),
            "scalar": lambda text, n: new_point("scalar", text, order=n),
            "list": lambda text, n: new_point("list", ["a", text, ""], kind=Kind.LIST, order=n),
            "row": lambda text, n: new_point("row", {"a": text}, kind=Kind.ROW, order=n),
            "column": lambda text, n: new_point("column", {text: 1}, kind=Kind.ROW, order=n),
            "table": lambda text, n: new_point(
                "table", {"a": [1, 2], text: [text, None]}, kind=Kind.TABLE, order=n
            ),
        }
        expected: dict[tuple[str, int], Any] = {}
        for what, make in makers.items():
            points = [make(text, n) for n, text in enumerate(HARD)]
            for point in write_accepted(lambda some: tracker.write_points(run.id, some), points):
                expected[what if what != "name" else point.name, point.order] = point.value
        stored = {
            (point.name, point.position): point.value for point in tracker.read_points(run.id)
        }
        assert_same(stored, expected, "points")

    @pytest.mark.thorough
    def test_hard_names_of_files(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        put_files: Store local files of any size under names that may contain /.
        """
        names = [
            "a/b", "a//b", "./a/b", "a/./b", "a/../a/b", "/a/b", "a/b/", "a\\b", "A/B", " a/b",
            "a/b ",
            "a /b", "a/b.", "a%2Fb", "a%20b", "a b", "a+b", "a:b", "~a", "-a", ".a", "..a",
            "a..", "...",
            "e\u0301", "\u00e9", "\u212b", "\u00c5", "\uff41/b", "a\u200bb", "*", "a?b", "a#b",
            "[a]",
            "CON", "nul.txt", "c:a", "C:\\a", "..", ".", "../up", "x/../../up", "y" * 255,
            *(f"hard{n}{text}" for n, text in enumerate(HARD) if text != "\n" and len(text) < 300),
        ]  # fmt: skip
        paths = {}
        for index, name in enumerate(names):
            paths[name] = tmp_path / f"local{index}"
            paths[name].write_bytes(f"content {index}".encode())

        def write(some: Texts) -> None:
            tracker.put_files(run.id, {name: paths[name] for name in some})

        stored_names = []
        # page: Keys, names and values can be any text
        for name in names:  # one by one: a name that collides raises FileInRun or Refused
            try:
                stored_names += write_accepted(write, [name])
            except FileInRun as error:
                raise AssertionError(
                    f"{name!r} and another name are one file: {error.message}"
                ) from error
        # page: Keys, names and values can be any text
        assert tracker.list_files(run.id) == sorted(stored_names)
        back = tmp_path / "back"
        for name in stored_names:
            tracker.get_file(run.id, name, back)
            assert back.read_bytes() == paths[name].read_bytes(), ascii(name)
        # put_files: Store local files
        assert {"a/b", "a b", "e\u0301"} <= set(stored_names)
        # page: Keys, names and values can be any text
        assert not {"..", "../up", "x/../../up"} & {path.name for path in tmp_path.rglob("*")}
