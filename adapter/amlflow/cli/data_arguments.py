"""The arguments of the commands on data, and a function to describe an argument."""

from __future__ import annotations

from typing import Any


def argument(*flags: str, help: str, **more: Any) -> dict[str, Any]:
    """Return knack's description of an argument with these flags."""
    return {"options_list": list(flags), "help": help, **more}


DATA_ARGUMENTS: dict[str, dict[str, Any]] = {
    "dataset_name": argument("--name", "-n", help="Name of the data set.", required=True),
    "dataset_version": argument("--version", "-v", help="Version; the latest if left out."),
    "data_path": argument(
        "--data-path",
        "-p",
        help="Path, pattern or web address; may be repeated.",
        action="append",
        required=True,
    ),
    "datastore_name": argument(
        "--datastore", help="Datastore that the paths are in; they are local if left out."
    ),
    "data_format": argument(
        "--format",
        help="What the files are.",
        default="files",
        choices=["files", "delimited", "parquet", "json-lines"],
    ),
    "description_": argument("--description", help="The text."),
    "tags_": argument("--tags", help="Tag as key[=value]; may be repeated.", action="append"),
    "create_new_version": argument(
        "--create-new-version", help="Register a next version of the name.", action="store_true"
    ),
    "data_dir": argument("--output-dir", "-d", help="Folder for the files.", required=True),
    "overwrite_files": argument("--overwrite", help="Replace files.", action="store_true"),
    "store_name": argument("--name", "-n", help="Name of the datastore.", required=True),
    "address": argument(
        "--address", help="Address that fsspec opens, such as s3://bucket/folder.", required=True
    ),
    "src_path": argument("--src-path", "-p", help="File or folder to store.", required=True),
    "target_path": argument("--target-path", "-u", help="Folder in the datastore."),
    "prefix": argument("--prefix", help="What the paths of the files begin with."),
}
