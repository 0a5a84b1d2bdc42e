"""The seed of the suites' random values: a new one for each test run, or the one you give."""

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
    """Draw a seed if none is given. The workers of pytest-xdist get the same seed."""
    if config.option.amlflow_seed is None:
        text = os.environ.get(SETTING, "")
        if text and not text.isdecimal():
            raise pytest.UsageError(f"{SETTING} is {text!r}, and not a whole number")
        config.option.amlflow_seed = int(text) if text else secrets.randbelow(2**31)


def seed_of(config: pytest.Config) -> int:
    """Return the seed of this test run."""
    seed: int = config.option.amlflow_seed
    return seed
