"""The seed of the values that the suites draw: a new one for each run, or the one that is given."""

from __future__ import annotations

import os
import secrets

import pytest

OPTION = "--amlflow-seed"
SETTING = "AMLFLOW_SEED"


def add_option(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION,
        type=int,
        default=None,
        help=f"draw the values of the contract's tests as a run with this seed did (or {SETTING})",
    )


def choose_seed(config: pytest.Config) -> None:
    """Draw a seed where none is given; the workers of pytest-xdist are given this one."""
    if config.option.amlflow_seed is None:
        text = os.environ.get(SETTING, "")
        if text and not text.isdecimal():
            raise pytest.UsageError(f"{SETTING} is {text!r}, and not a whole number")
        config.option.amlflow_seed = int(text) if text else secrets.randbelow(2**31)


def seed_of(config: pytest.Config) -> int:
    """The seed of this run."""
    seed: int = config.option.amlflow_seed
    return seed
