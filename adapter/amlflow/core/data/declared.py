"""Datastores by name: the workspace's own, those of ``.azureml/datastores.yaml``, attached ones.

``.azureml/datastores.yaml`` maps names to addresses that fsspec opens. project_files.py says where
it is searched for. For example::

    training: s3://bucket/folder
    scratch: file:///data/scratch
    default: training            # which one get_default_datastore() gives

Attached datastores (``amlflow datastore attach``, ``Datastore.register_…``) belong to a workspace,
for this user on this machine. If a declared and an attached datastore have the same name, the
declared one is used. Neither has credentials: each storage's own client finds them, for example in
environment variables.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amlflow.core.project.attached import Attached
from amlflow.core.project.config_json import FOLDER
from amlflow.core.project.project_files import find_project_files
from amlflow.core.project.tracking_uri import local_folders
from amlflow.core.store import WorkspaceBase, store_of
from amlflow.data.definition import STORE_NAME, holds_secret
from amlflow.data.errors import without_secrets
from amlflow.data.storage import LOCAL_FOLDER, TRACKER
from amlflow.exceptions import UserErrorException
from amlflow.user_files import parse_yaml, read_text
from amlflow.working_folder import working_folder

FILE = "datastores.yaml"
BLOB, FILES = "workspaceblobstore", "workspacefilestore"
DEFAULT = "default"
"""The key that names the default datastore."""
ATTACHED = Attached("datastores")
VARIABLE = "AMLFLOW_DATASTORES"
"""Tells a submitted script its datastores, since its working folder has no datastores.yaml."""


class UnknownDatastore(UserErrorException, KeyError):
    """No datastore has this name. It is also a KeyError: ``workspace.datastores`` is a mapping."""


def read_all(workspace: WorkspaceBase) -> dict[str, str]:
    """The addresses of all datastores by name."""
    entries, _ = _read_entries(workspace)
    return {**_own(workspace), **entries}


def default_name(workspace: WorkspaceBase) -> str:
    """The name of the default datastore."""
    _, default = _read_entries(workspace)
    return default or BLOB


def find(workspace: WorkspaceBase, name: str) -> str:
    """The address of a datastore. Raises UserErrorException if it is unknown."""
    addresses = read_all(workspace)
    if name not in addresses:
        raise UnknownDatastore(
            f"Could not find datastore {name!r} in workspace {workspace.name!r}, which has: "
            f"{', '.join(sorted(addresses))}. Declare it in {FOLDER}/{FILE}, such as\n"
            f"{name}: s3://bucket/folder\n"
            f"or attach it with `amlflow datastore attach -n {name} --address s3://bucket/folder`."
        )
    return addresses[name]


def variables(workspace: WorkspaceBase) -> dict[str, str]:
    """The environment variable that gives a submitted script the same datastores."""
    entries, default = _read_entries(workspace)
    content = {"stores": {**_own(workspace), **entries}, DEFAULT: default or BLOB}
    return {VARIABLE: json.dumps(content)}


def own_folder(tracking_uri: str) -> Path | None:
    """The folder with the workspace's own datastores; None where the tracker keeps them."""
    folders = local_folders(tracking_uri)
    return Path(folders[0]) / LOCAL_FOLDER if folders else None


def is_folder(address: str) -> bool:
    """Whether an address is a folder of this machine."""
    return urlsplit(address).scheme == "file"


def to_path(address: str) -> str:
    """The path of an address that is a folder of this machine."""
    # url2pathname() also understands the drive letters of Windows.
    from urllib.request import url2pathname

    return url2pathname(urlsplit(address).path)


def _own(workspace: WorkspaceBase) -> dict[str, str]:
    folder = own_folder(store_of(workspace).uri)
    if folder is None:
        return dict.fromkeys((BLOB, FILES), TRACKER)
    return {name: (folder / name).as_uri() for name in (BLOB, FILES)}


# attached ones


def attach(workspace: WorkspaceBase, name: str, address: str, *, overwrite: bool = True) -> None:
    """Make a datastore known to a workspace, for this user on this machine.

    Raises:
        UserErrorException: the name is not valid; it is attached already and ``overwrite`` is
            False; or the address is not valid, contains a credential, begins with a scheme that
            fsspec does not know, or is a folder in the working folder of a submitted script.
    """
    _check_name(name)
    checked = check_address(name, address, working_folder())
    _check_scheme(checked)
    _check_lasting(checked)
    if not overwrite and ATTACHED.has(workspace, name):
        raise UserErrorException(
            f"The datastore {name!r} is registered already. Pass overwrite=True to replace it."
        )
    ATTACHED.write(workspace, name, {"address": checked})


def _check_scheme(address: str) -> None:
    # It takes 0.1 s, and only this call needs it.
    from fsspec.registry import known_implementations, registry

    scheme = urlsplit(address).scheme
    if scheme not in known_implementations and scheme not in registry:
        raise UserErrorException(
            f"Addresses that begin with {scheme}: cannot be opened, since fsspec does not know "
            "them. Use a scheme such as file:, s3:, abfs:, gs: or https:, or install the package "
            "that adds this one to fsspec."
        )


def _check_lasting(address: str) -> None:
    """Refuse a folder that is removed when the submitted script in this process has ended."""
    if _read_variable() is None or not is_folder(address):
        return
    if Path(to_path(address)).is_relative_to(working_folder()):
        raise UserErrorException(
            f"{to_path(address)!r} is in the working folder of a submitted script, which is "
            "removed when the script has ended. Use a path outside of it or the address of a "
            "storage, or attach the datastore before you submit."
        )


def detach(workspace: WorkspaceBase, name: str) -> None:
    """Remove an attached datastore from a workspace. Its files stay.

    Raises:
        UserErrorException: no datastore of this name is attached.
    """
    _, default = _read_entries(workspace)
    if default == name:
        ATTACHED.remove(workspace, DEFAULT)
    if not ATTACHED.remove(workspace, name):
        where = f" It is declared in {FOLDER}/{FILE}." if name in _read_declared(workspace) else ""
        raise UnknownDatastore(
            f"The datastore {name!r} is not attached to workspace {workspace.name!r}.{where}"
        )


def set_default(workspace: WorkspaceBase, name: str) -> None:
    """Make a datastore the workspace's default, for this user on this machine."""
    find(workspace, name)
    declared = _read_declared(workspace).get(DEFAULT)
    if declared is not None and declared != name:
        raise UserErrorException(
            f"{FOLDER}/{FILE} names {declared!r} as the default datastore. Change it there."
        )
    ATTACHED.write(workspace, DEFAULT, {DEFAULT: name})


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not STORE_NAME.fullmatch(name) or name == DEFAULT:
        raise UserErrorException(
            f"{str(name)[:80]!r} is not a valid name for a datastore: use 1-255 letters, digits, "
            f"'_', '-' and '.', start with a letter or a digit, and do not use {DEFAULT!r}."
        )


def check_address(name: str, address: Any, folder: Path) -> str:
    """Return an address as it is stored. A path becomes a ``file:`` address below ``folder``.

    Raises:
        UserErrorException: it is not an address, or contains a credential.
    """
    if not isinstance(address, str) or not address.strip():
        raise UserErrorException(
            f"The address {address!r} of the datastore {name!r} is not valid. Use a text such as "
            "s3://bucket/folder or file:///data."
        )
    parts = urlsplit(address)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", address) is None:
        return (folder / os.path.expanduser(address)).absolute().as_uri()
    # In abfs://container@account…, the text before the @ is not a user and password.
    has_user = ":" in parts.netloc.rpartition("@")[0] or (
        "@" in parts.netloc and parts.scheme in ("http", "https", "s3", "gs", "gcs")
    )
    if has_user or holds_secret(f"https://x/?{parts.query}"):
        raise UserErrorException(
            f"The address {without_secrets(address)!r} of the datastore {name!r} contains a "
            "credential. Leave it out, and set it where the storage's own client looks, such as in "
            "environment variables."
        )
    return address


# reading


def _read_entries(workspace: WorkspaceBase) -> tuple[dict[str, str], str | None]:
    """Return the addresses of attached and declared datastores, and which is named as default."""
    contents = ATTACHED.read_all(workspace)
    chosen = contents.pop(DEFAULT, None)
    attached = {name: str(content["address"]) for name, content in contents.items()}
    from_job = _read_variable()
    if from_job is not None:  # the submitter's, and those that the script attaches itself
        return {**attached, **from_job["stores"]}, str(from_job[DEFAULT])
    declared = _read_declared(workspace)
    default = declared.pop(DEFAULT, None if chosen is None else str(chosen[DEFAULT]))
    return {**attached, **declared}, default


def _read_variable() -> dict[str, Any] | None:
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        content = json.loads(text)
        return {"stores": dict(content["stores"]), DEFAULT: str(content[DEFAULT])}
    except (ValueError, TypeError, KeyError):
        raise UserErrorException(
            f"The environment variable {VARIABLE} is not JSON with the keys 'stores' and "
            f"{DEFAULT!r}. amlflow sets it for submitted scripts; unset it elsewhere."
        ) from None


def _read_declared(workspace: WorkspaceBase) -> dict[str, str]:
    stores: dict[str, str] = {}
    for path in reversed(find_project_files(workspace, FILE)):
        stores.update(_read(path))
    return stores


def _read(path: Path) -> dict[str, str]:
    content = parse_yaml(read_text(path), path) or {}
    if not isinstance(content, dict):
        raise UserErrorException(
            f"{path} is a {type(content).__name__}. It must map names of datastores to addresses, "
            "such as\nscratch: file:///data/scratch"
        )
    stores: dict[str, str] = {}
    for name, value in content.items():
        if name == DEFAULT:
            stores[DEFAULT] = str(value)
            continue
        _check_name(name)
        stores[name] = check_address(name, value, path.parent.parent)
    return stores
