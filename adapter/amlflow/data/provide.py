"""Puts a script's inputs into folders before it runs, and stores its outputs afterwards."""

from __future__ import annotations

import fnmatch
import json
import posixpath
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amlflow.data.canceled import ProvidingCanceled
from amlflow.data.chosen_files import choose_files
from amlflow.data.definition import FILE, Definition, Source
from amlflow.data.materialize import copy_files, link_files
from amlflow.data.registry import Registration, Registry
from amlflow.data.script_data import (
    DIRECT,
    DOLLAR,
    INPUTS_VARIABLE,
    MOUNT,
    OUTPUTS_VARIABLE,
    UPLOAD,
    ScriptData,
    ScriptInput,
    ScriptOutput,
)
from amlflow.data.storage import DataFile, Datastores
from amlflow.data.transfer import put_files
from amlflow.exceptions import UserErrorException
from amlflow.local_files import files_below
from amlflow.local_paths import local_path_for
from amlflow.spec import Tracker


@dataclass(slots=True)
class Provided:
    """The values for a script: replacements of markers, environment variables, output folders."""

    replacements: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)

    def fill(self, command: Sequence[str], *, is_script: bool = False) -> list[str]:
        """Return the command with paths and ids instead of the markers.

        Later, the variables in a script's arguments are replaced by their values. The paths stay.
        """
        if list(command[:2]) == ["sh", "-c"]:
            line = command[2]
            for marker, word in self.replacements.items():
                line = line.replace(shlex.quote(marker), shlex.quote(word))
            return ["sh", "-c", line, *command[3:]]
        words = self.replacements
        if is_script:
            words = {old: new.replace("$", f"${{{DOLLAR}}}") for old, new in words.items()}
        return [words.get(word, word) for word in command]


def provide(
    data: ScriptData, stores: Datastores, work: Path, base: Path, cancelled: Callable[[], bool]
) -> Provided:
    """Put the inputs into their folders, and make the folders of the outputs.

    Args:
        data: The inputs and outputs of the script.
        stores: The datastores of the inputs.
        work: The script's working folder. The user's relative folders are below it.
        base: The folder for inputs and outputs for which the user has given no folder.
        cancelled: Returns whether the run has been cancelled meanwhile.

    Raises:
        ProvidingCanceled: ``cancelled`` has returned True.
        UserErrorException: an input cannot be read, or its folder has other files in it.
    """
    provided = Provided()
    inputs = {}
    for item in data.inputs:
        value = (
            str(item.id) if item.mode == DIRECT else str(_put(item, stores, work, base, cancelled))
        )
        inputs[item.name] = {"mode": item.mode, "value": value}
        provided.replacements[item.marker] = value
        provided.variables.update(dict.fromkeys(item.variables, value))
    for output in data.outputs:
        folder = _folder_of(output.folder, output.name, work, base)
        folder.mkdir(parents=True, exist_ok=True)
        provided.outputs[output.name] = folder
        provided.replacements[output.marker] = str(folder)
        provided.variables.update(dict.fromkeys(output.variables, str(folder)))
    outputs = {name: str(path) for name, path in provided.outputs.items()}
    if any("$" in word for word in provided.replacements.values()):
        provided.variables[DOLLAR] = "$"
    provided.variables[INPUTS_VARIABLE] = json.dumps(inputs)
    provided.variables[OUTPUTS_VARIABLE] = json.dumps(outputs)
    return provided


def _folder_of(declared: str | None, name: str, work: Path, base: Path) -> Path:
    if declared is None:
        return base / name
    if Path(declared).is_absolute():
        return Path(declared)
    return local_path_for(posixpath.normpath(declared), work)


def _put(
    item: ScriptInput, stores: Datastores, work: Path, base: Path, cancelled: Callable[[], bool]
) -> Path:
    definition = item.parse()
    folder = _folder_of(item.folder, item.name, work, base)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserErrorException(
            f"The input {item.name!r} cannot be put at {str(folder)!r}: something is there already."
        )
    files = choose_files(definition, stores.files(definition))
    transfer = link_files if item.mode == MOUNT else copy_files
    paths = transfer(_until(files, cancelled), folder)
    return paths[0] if _is_one_file(definition, stores, files) else folder


def _is_one_file(definition: Definition, stores: Datastores, files: Sequence[DataFile]) -> bool:
    """Whether a data set was made from the path of a single file.

    If so, the script gets the path of the file, and not of a folder.
    """
    if len(definition.sources) != 1 or len(files) != 1:
        return False
    [source] = definition.sources
    return posixpath.basename(source.path.rstrip("/")) == files[0].name


def _until(files: Iterable[DataFile], cancelled: Callable[[], bool]) -> Iterator[DataFile]:
    for file in files:
        if cancelled():
            raise ProvidingCanceled("The run was cancelled while its data was put in place.")
        yield file


def keep(
    data: ScriptData,
    folders: Mapping[str, Path],
    stores: Datastores,
    tracker: Callable[[], Tracker],
    run_id: str,
    is_completed: bool,
) -> dict[str, Registration]:
    """Store the outputs of a script, and return the registered data sets by the outputs' names.

    An output in the mode "upload" is stored only if the run is completed, and one in the mode
    "mount" always. Both are registered only if the run is completed.

    Raises:
        UserErrorException: a datastore refuses, or a data set cannot be registered.
    """
    registered = {}
    for output in data.outputs:
        if output.mode == UPLOAD and not is_completed:
            continue
        path = output.path.replace("{run-id}", run_id).replace("{output-name}", output.name)
        files = _output_files(output, folders[output.name])
        named = {f"{path}/{name}": local for name, local in files.items()}
        is_overwritten = output.overwrite or output.mode == MOUNT
        put_files(named, stores.open(output.store), overwrite=is_overwritten, show_progress=False)
        if output.registration is not None and is_completed:
            registered[output.name] = _register(output, path, tracker(), run_id)
    return registered


def _output_files(output: ScriptOutput, folder: Path) -> dict[str, Path]:
    """Return the files of an output, without links that lead out of its folder."""
    files = files_below(folder).files
    if output.globs is None:
        return files
    return {
        name: path
        for name, path in files.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in output.globs)
    }


def _register(output: ScriptOutput, path: str, tracker: Tracker, run_id: str) -> Registration:
    registration = output.registration or {}
    pattern = f"{path}/{output.path_glob}" if output.path_glob else path
    definition = Definition(
        kind=output.kind,
        format=output.format if output.kind != FILE else "files",
        sources=(Source(output.store, pattern),),
        options=output.options,
        steps=tuple(tuple(step) for step in output.steps),
    )
    return Registry(tracker).register(
        definition,
        registration["name"],
        description=registration["description"],
        tags=registration["tags"],
        create_new_version=True,
        writer=run_id,
    )
