"""Chooses the files or rows that remain after the steps of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlflow.data.definition import Definition
from amlflow.data.storage import DataFile
from amlflow.exceptions import UserErrorException
from amlflow.parts import check_part


def draw(count: int, probability: float, seed: int) -> Any:
    """Choose rows at random. Returns an array of booleans, one for each of ``count`` rows.

    The same seed gives the same result.
    """
    check_part("data", "A part that is drawn")
    import numpy as np  # comes with pandas, and few data sets of files need it

    return np.random.default_rng(seed).random(count) < probability


def choose_files(definition: Definition, files: Sequence[DataFile]) -> list[DataFile]:
    """Return the files of a file data set after its steps."""
    selection = list(files)
    for name, *values in definition.steps:
        if name == "take":
            selection = selection[: values[0]]
        elif name == "skip":
            selection = selection[values[0] :]
        elif name in ("sample", "split"):
            chosen = draw(len(selection), values[0], values[1])
            is_wanted = values[2] if name == "split" else True
            selection = [
                file for file, taken in zip(selection, chosen, strict=True) if taken == is_wanted
            ]
        else:
            raise UserErrorException(f"{name} is a step of a tabular data set, and this has files.")
    return selection
