"""Each sentence of the contract is named by a test of the suites, which name no others."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import sentences
from amlflow.testing.cluster_suite import ClusterSuite
from amlflow.testing.compute_suite import ComputeSuite
from amlflow.testing.failures import comments_of, sentences_at
from amlflow.testing.tracker_suite import TrackerSuite

NOT_IN_THE_SUITES = {
    # What introduces, defines or names promises nothing.
    "page: The contract between", "page: A tracker stores", "page: A plugin returns",
    "page: A compute target runs", "page: These conventions", "VERSION: The version",
    "Feature: What", "Status: See", "ExperimentRecord: An", "RunRecord: A run",
    "Point: One", "ModelRecord: A", "ModelDraft: A", "ModelRegistry: What", "Op: How",
    "Condition: A test", "Tracker: Stores",
    "LAUNCHED: A key", "Work: A script", "Order: An order", "Started: A work", "Compute: A place",
    "Compute: The agent", "Commands: The",
    "Hooks: What", "Condition.holds: A tracker may", "QuickSearch: What a", "RunKeeper: The part",
    "RunKeeper: A plugin", "DataInput:",
    "ReadsBeginnings",  # tests/integration/test_run_files.py
    "ShowsInputs",  # tests/integration/jobs/test_data.py, with each tracker's own client
    "TrackerBase", "ComputeBase", "make_record:",  # tests/unit/test_base_classes.py
    "KnownLimit:",  # tests/contract/test_known_limits.py
    "transition: Call", "transition: now is", "transition: Raises",  # update_run says it
    "transition: Whether",
    "transition: A start time",  # what is left to the tracker
    "RunChange: transition",
    "page: These rules", "page: What is added", "page: An argument",
    "page: A tracker that does not", "page: Compute targets and clusters have",
    "page: An older", "page: Mark a hook", "page: Make records",  # tests/contract/test_growth.py
    "Feature: A feature is", "Feature: A text", "Hooks: An implementation",  # unit/test_plugins.py
    "Feature: Name the",  # advice
    "Feature: A tracker that claims",  # all tests
    "Cluster.spread: Called", "Cluster.addresses: Called",  # where amlflow calls it
    "Cluster.describe: The answer may",  # allows, and promises nothing
    "Work: image is",  # tests/integration/jobs/test_docker.py
    "Work: read_only names",  # tests/integration/jobs/test_docker.py
    "Tracker: amlflow opens", "Tracker: Opening", "Tracker: If it",  # tests/unit/test_plugins.py
    "Tracker: The child",  # tests/integration/test_per_process.py
    "delete_run: A tracker may", "RunQuery: place is", "Place: A place",  # promise nothing
    "get_run: No other", "check_file_name: So it",  # reasons
    # amlflow's own part, and what a suite cannot bring about.
    "own_paths: Snapshots", "own_paths: A tracker",  # tests/integration/test_own_paths.py
    "redacted:", "TICK:", "ModelRecord.changed:",  # tests/unit/test_spec.py
    "Condition.holds: Whether",  # tests/unit/test_spec.py; the suites search by it
    "Unsupported:",  # tests/contract/test_trackio.py, test_layers.py
    "tried_once: A plugin whose",  # the sentence before it says it
    "Order: Texts are compared",  # what is left to the tracker
    "TooLarge:", "Unavailable: retry_after", "tried_once: The caller",  # tests/faults
    "read_points: What other",  # tests of each plugin, with its tracker's own client
    "LAUNCHED: While", "LAUNCHED: It becomes",  # tests/contract/test_run_keepers.py
    "RunKeeper: Every", "RunKeeper: Each", "RunKeeper.",  # tests/contract/test_run_keepers.py
    "ClientServer: A server", "ClientServer.",  # tests/integration/jobs/test_client_server.py
    "VERSION: A plugin", "Hooks: A plugin", "Hooks.", "Commands.",  # tests/contract/test_outside.py
    "Images", "ImagePython:", "MadeImage:",  # tests/integration/jobs/test_docker_images.py
    "ATTEMPT: The name", "ClusterWork: A job", "Cluster: A queue",
    "ClusterBase",  # tests/unit/test_base_classes.py
    # What a suite cannot bring about: tests/integration/jobs/test_slurm.py.
    "Cluster.nudge: A cluster that",
    "NUDGE: The signal", "NUDGE: The command then", "SIGTERM_FOR_SCRIPT:",
    "START_FAILURE:", "JOB_IMAGE:",
    "Cluster.identify: Only where", "Cluster.identify: Raises", "Cluster.check: Raises Unavailable",
    "ClusterWork: distribution says",  # tests/unit/jobs/test_clusters.py
    "ClusterWork: These are", "ClusterWork: Processors",  # where the others are
    "ClusterJob: id is", "Cluster.spread: With is_mpi",
    "Cluster.addresses: The nodes reach",  # all nodes are one machine
    "Partition: away", "Cluster.describe: Raises",
    # tests/unit/test_memory_limits.py
    "Ending: is_out_of_memory", "OUT_OF_MEMORY:", "count_oom_kills:",
    "CONTAINER:",  # tests/integration/jobs/test_docker.py
    "without_place", "_OF_MPI", "_SETTING", "_WITH_MPI", "_MPI_RANKS", "_MARK",
    "_EMPTY",  # tests/unit/jobs/test_surrounding.py
    "hookimpl:",  # tests/contract/test_outside.py
}  # fmt: skip
"""How the other sentences begin, and where else what they say is tested."""

FIND_OUT_THEMSELVES = {
    "test_every_operator_on_every_field", "test_every_value_of_texts", "test_search",
    "test_hard_names_descriptions_and_notes", "test_hard_texts_of_points",
}  # fmt: skip
"""Tests that compare many cases at once: they find out which sentence the first difference breaks,
and raise ``BrokenSentence``."""
RAISED_BY_COMPARISONS = ("page: It never shortens",)
"""What ``assert_same`` names instead of the comment above it, if a text is a part of the other."""

SENTENCES = [
    each for each in sentences.of_contract() if not each.startswith(tuple(NOT_IN_THE_SUITES))
]
TESTS = {
    name: test
    for suite in (TrackerSuite, ComputeSuite, ClusterSuite)
    for name, test in inspect.getmembers(suite)
    if name.startswith("test_")
}
NAMED = {sentence: name for name, test in TESTS.items() for sentence in sentences.named(test)}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_named_by_a_test(sentence: str) -> None:
    assert sentence in NAMED


@pytest.mark.parametrize(("sentence", "test"), NAMED.items())
def test_what_a_test_names_is_a_sentence(sentence: str, test: str) -> None:
    assert sentence in SENTENCES, test


def test_the_comments_of_a_test_name_sentences_that_it_quotes() -> None:
    wrong = [
        (name, comment)
        for name, test in TESTS.items()
        for comment in comments_of(test)
        if not any(each.startswith(comment) for each in sentences.named(test))
    ]
    assert not wrong


def test_each_assertion_of_a_test_names_one_sentence() -> None:
    unclear = [
        f"{name}, line {number}: {sentences_at(test, number)}"
        for name, test in TESTS.items()
        if name not in FIND_OUT_THEMSELVES
        for number in lines_of_assertions(test)
        if len(sentences_at(test, number)) != 1
    ]
    assert not unclear, "\n".join(unclear)


def test_each_sentence_that_a_test_quotes_is_named_by_a_failure() -> None:
    unnamed = [
        (name, sentence)
        for name, test in TESTS.items()
        if name not in FIND_OUT_THEMSELVES and len(sentences.named(test)) > 1
        for sentence in sentences.named(test)
        if not sentence.startswith((*comments_of(test), *RAISED_BY_COMPARISONS))
    ]
    assert not unnamed


def test_an_assertion_that_could_mean_two_sentences_is_seen() -> None:
    def test_two(ended: object) -> None:
        """
        transition: A run has an end time only while its status is final.
        transition: Later started corrects the start time.
        """
        assert ended is not None
        # transition: A run has an end time
        assert ended is None

    first, second = lines_of_assertions(test_two)
    assert (len(sentences_at(test_two, first)), len(sentences_at(test_two, second))) == (2, 1)


def lines_of_assertions(test: Any) -> Iterator[int]:
    """The lines of a test, counted from its first, at which it finds out that a sentence is broken:
    ``assert`` and ``with pytest.raises``."""
    lines, _ = inspect.getsourcelines(test)
    for node in ast.walk(ast.parse("if True:\n" + "".join(lines))):
        if isinstance(node, ast.Assert) or (
            isinstance(node, ast.With) and "pytest.raises" in ast.unparse(node.items[0])
        ):
            yield node.lineno - 2


@pytest.mark.parametrize("beginning", sorted(NOT_IN_THE_SUITES))
def test_the_exceptions_are_there(beginning: str) -> None:
    assert any(each.startswith(beginning) for each in sentences.of_contract())
