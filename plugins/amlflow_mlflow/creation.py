"""Creates runs: several in one call, also with ids that the caller chooses, all or none."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Iterator, Sequence

from amlflow.exceptions import AzureMLException
from amlflow.spec import (
    FINAL,
    UNSTARTED,
    Refused,
    RunDraft,
    RunRecord,
    Status,
)

from amlflow_mlflow.aliases import Lookup, is_own_id
from amlflow_mlflow.changes import to_params
from amlflow_mlflow.entities import ALL, Run
from amlflow_mlflow.files import Files
from amlflow_mlflow.points import Points
from amlflow_mlflow.records import DESCRIPTION, MLFLOW_STATUS, PARENT, to_ms, to_run
from amlflow_mlflow.several_calls import call_for_each
from amlflow_mlflow.spelling import (
    ALIAS,
    FIRST,
    FIRST_PROPERTIES,
    HELD,
    NAME_LIMIT,
    PROPERTY,
    ROOT,
    STATUS,
    SYSTEM,
    TAG_LIMIT,
    TYPE,
    WRITER,
    check_text,
    shorten,
    to_key,
    to_tag_value,
)
from amlflow_mlflow.store import Store
from amlflow_mlflow.surroundings import context_tags, user

YIELD_S = 30.0
"""How long the earlier of two runs with one id waits until the later one is taken back.

That it takes so long only happens if the process of the later run has died. A busy server may need
seconds to take back a dozen runs.
"""


Prepared = tuple[RunDraft, dict[str, str], dict[str, str]]
"""A draft with its tags and params."""


class Creation:
    """The creation of runs in one store."""

    def __init__(self, store: Store, files: Files, points: Points, lookup: Lookup) -> None:
        self._store, self._files, self._points = store, files, points
        self._lookup = lookup

    def create(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        """Do what :meth:`amlflow.spec.Tracker.create_runs` does."""
        # All drafts are checked before the first run is created.
        for draft in drafts:
            if draft.run_id is not None and not is_id(draft.run_id):
                raise Refused(
                    f"{shorten(draft.run_id)!r} cannot be the id of a run: an id has 1 to 256 "
                    "letters, digits, '_', '-' and '.'."
                )
        prepared = [self._prepare(draft, is_list=len(drafts) > 1) for draft in drafts]
        with self._store.at_once():
            return self._create_all(prepared)

    def _prepare(self, draft: RunDraft, is_list: bool) -> Prepared:
        tags, params = dict(_draft_tags(draft)), to_params(draft.properties)
        if is_list and not self._store.is_atomic:  # otherwise all is stored together
            for key in FIRST_PROPERTIES & draft.properties.keys():
                tags[f"{FIRST}{key}"] = params.pop(f"{PROPERTY}{key}")
        return draft, tags, params

    def _create_all(self, prepared: Sequence[Prepared]) -> list[RunRecord]:
        drafts = [draft for draft, _, _ in prepared]
        for draft in drafts:
            if draft.run_id is not None and self._is_taken(draft.run_id, draft.experiment_id):
                raise _duplicate_error(draft.run_id)
        outcomes = call_for_each(self._outcome, prepared, self._store.threads)
        for outcome in outcomes:
            if isinstance(outcome, AzureMLException):
                for record in outcomes:
                    if isinstance(record, RunRecord) and not self._store.is_atomic:
                        self._discard(record.id)
                raise outcome
        return [record for record in outcomes if isinstance(record, RunRecord)]

    def _outcome(self, prepared: Prepared) -> RunRecord | AzureMLException:
        try:
            return self._create(*prepared)
        except AzureMLException as error:
            return error

    def _create(self, draft: RunDraft, tags: dict[str, str], params: dict[str, str]) -> RunRecord:
        run = self._store.create_run(
            draft.experiment_id, user(), to_ms(draft.created), tags, draft.name
        )
        self._files.remember(run)
        run_id = run.info.run_id
        if draft.writer is not None:
            self._points.note_owner(run_id, draft.writer)
        status = draft.status
        try:
            if draft.run_id is not None:
                self._claim(draft.run_id, draft.experiment_id, run_id)
            if params:
                self._store.log_batch(run_id, params=params)
            if status in FINAL:  # MLflow makes each run with its status RUNNING
                ended_ms = to_ms(draft.created)
                self._store.update_run_info(run_id, MLFLOW_STATUS[str(status)], ended_ms)
        except BaseException:  # also KeyboardInterrupt
            if not self._store.is_atomic:
                self._discard(run_id)
            raise
        created = to_run(run)
        return dataclasses.replace(
            created,
            properties=dict(draft.properties),
            status=status,
            started=None if status in UNSTARTED else created.created,
            ended=created.created if status in FINAL else None,
        )

    def _discard(self, run_id: str) -> None:
        """Take a run back, so that its id can be used again."""
        with contextlib.suppress(AzureMLException):  # the caller raises a more useful error
            self._store.delete_tag(run_id, ALIAS)
        with contextlib.suppress(AzureMLException):
            self._store.delete_run(run_id)

    def _claim(self, alias: str, experiment_id: str, run_id: str) -> None:
        """Keep a run if it is the only one with its id, also if other processes ask for the id.

        MLflow cannot make a tag unique. So each process looks again after it has created its run:

        * A process that sees an earlier run with this id takes its own run back.
        * The process of the earliest run waits until the others have done so.
        * A process that looked before this run existed keeps the id and sets :data:`HELD`; this
          run is then taken back, even if it is the earlier one.
        """
        deadline = time.monotonic() + YIELD_S
        while True:
            runs = self._with_alias(alias, [experiment_id])
            rivals = [run for run in runs if run.info.run_id != run_id]
            if not rivals:
                break
            is_held = any(HELD in run.data.tags for run in rivals)
            if is_held or runs[0] is rivals[0] or time.monotonic() > deadline:
                raise _duplicate_error(alias)
            time.sleep(0.05)
        self._store.set_tag(run_id, HELD, "yes")

    def _is_taken(self, run_id: str, experiment_id: str) -> bool:
        if self.find_alias(run_id, [experiment_id]):
            return True
        # As MLflow finds a run by its id alone, this may be a run of another experiment.
        return is_own_id(run_id) and any(self._lookup.exist([run_id]))

    def find_alias(self, alias: str, experiment_ids: Sequence[str]) -> Run | None:
        """Find the run that was created with an id of the caller's; None if there is none."""
        return next(iter(self._with_alias(alias, experiment_ids)), None)

    def _with_alias(self, alias: str, experiment_ids: Sequence[str]) -> list[Run]:
        quote = '"' if "'" in alias else "'"
        # For MLflow, the runs of an archived experiment are deleted, so search in all runs.
        runs = self._store.search_runs(
            experiment_ids,
            f"tags.`{ALIAS}` = {quote}{alias}{quote}",
            view=ALL,
            size=10,
            # Earliest first: MLflow's default is latest first, and the earliest has to be found.
            order=["attributes.start_time ASC"],
        )
        return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))


def is_id(run_id: str) -> bool:
    """Whether a caller may choose this id for a run."""
    return re.fullmatch(r"[\w.\-]{1,256}", run_id) is not None


def _duplicate_error(run_id: str) -> Refused:
    return Refused(
        f"There is a run {run_id!r} already; leave run_id out to get a fresh id, or "
        "open that run with Run(experiment, run_id)."
    )


def _draft_tags(draft: RunDraft) -> Iterator[tuple[str, str]]:
    """Yield the tags of a new run."""
    if draft.name is not None:
        check_text("the name", draft.name, NAME_LIMIT)
    for key, value in context_tags().items():
        yield key, value
    for key, tag in draft.tags.items():
        yield to_key(key), to_tag_value(key, tag)
    own = {
        ALIAS: draft.run_id,
        ROOT: draft.root_id,
        PARENT: draft.parent_id,
        TYPE: draft.type,
        WRITER: draft.writer,
        STATUS: None if draft.status == Status.RUNNING else draft.status,
        DESCRIPTION: draft.description,
        **{SYSTEM + key: value for key, value in draft.system.items()},
    }
    for key, text in own.items():
        if text is not None:
            yield key, check_text(key, text, TAG_LIMIT)
