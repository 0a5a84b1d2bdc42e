"""What data costs beside pandas and fsspec: reading a CSV and a Parquet file, and an upload.

    python tests/benchmarks/data.py [--mb 500] [--files 1000] [--rounds 10]

Each pair is measured in turn, in one process, and the best of the rounds counts. On a busy machine,
compare the times of the processor: other processes change them little.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# This folder has a logging.py.
sys.path.append(sys.path.pop(0))

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from azureml.core import Dataset, Workspace

Times = tuple[float, float]
"""A time that has passed, and a time of the processor."""


def best(rounds: int, *calls: Callable[[int], object]) -> list[Times]:
    """The shortest times of each call. The calls are made in turn, each first as often as last."""
    times = [(float("inf"), float("inf"))] * len(calls)
    for number in range(rounds):
        for index in sorted(range(len(calls)), reverse=bool(number % 2)):
            start, used = time.perf_counter(), time.process_time()
            calls[index](number)
            passed, used = time.perf_counter() - start, time.process_time() - used
            times[index] = (min(times[index][0], passed), min(times[index][1], used))
    return times


def write_table(folder: Path, megabytes: int) -> tuple[Path, Path]:
    """A CSV of about this size with numbers, texts, flags and times, and the same as Parquet."""
    generator = np.random.default_rng(7)
    rows = megabytes * 14_000
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": generator.random(rows).round(9),
            "y": generator.random(rows).round(9),
            "flag": generator.integers(0, 2, rows),
            "name": generator.choice(["red", "green", "blue", "a longer text"], rows),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(rows), unit="s"),
        }
    )
    csv, parquet = folder / "t.csv", folder / "t.parquet"
    frame.to_parquet(parquet)
    # pandas takes minutes for it.
    pyarrow.csv.write_csv(pa.Table.from_pandas(frame, preserve_index=False), csv)
    return csv, parquet


def compare(name: str, ours: Times, theirs: Times, limit: float) -> None:
    print(
        f"{name:30} {ours[0]:7.2f} s {theirs[0]:7.2f} s  ratio {ours[0] / theirs[0]:.2f}, of the "
        f"processor {ours[1] / theirs[1]:.2f} (at most {limit})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        folder = Path(place)
        csv, parquet = write_table(folder, arguments.mb)
        print(f"CSV of {csv.stat().st_size >> 20} MB")
        ours, theirs = best(
            arguments.rounds,
            lambda _: Dataset.Tabular.from_delimited_files(csv).to_pandas_dataframe(),
            lambda _: pd.read_csv(csv, engine="pyarrow"),
        )
        compare("to_pandas_dataframe, CSV", ours, theirs, 1.1)
        ours, theirs = best(
            arguments.rounds,
            lambda _: Dataset.Tabular.from_parquet_files(parquet).to_pandas_dataframe(),
            lambda _: pd.read_parquet(parquet, engine="pyarrow"),
        )
        compare("to_pandas_dataframe, Parquet", ours, theirs, 1.1)
        source = folder / "small"
        source.mkdir()
        for index in range(arguments.files):
            (source / f"{index}.txt").write_bytes(os.urandom(1000))
        datastore = Workspace("s", "g", "w").get_default_datastore()
        local = fsspec.filesystem("file")
        ours, theirs = best(
            arguments.rounds,
            lambda number: datastore.upload(source, f"to-{number}", show_progress=False),
            lambda number: local.put(f"{source}/", f"{place}/put-{number}/", recursive=True),
        )
        compare(f"upload of {arguments.files} files", ours, theirs, 1.3)


if __name__ == "__main__":
    main()
