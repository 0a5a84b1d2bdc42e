"""v1's ``azureml.core.conda_dependencies``: the packages that a script needs.

The packages are stored, shown and written to files, as in v1. For a submitted script, they are
installed in an environment of its own (:mod:`amlflow.environments`).
"""

from __future__ import annotations

import copy
import logging
import os
import re
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from amlflow.core.absent.members import MEMBERS, Absent
from amlflow.core.project.config_json import FOLDER
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.environments.redaction import redact_all
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound
from amlflow.user_files import parse_yaml, read_bytes
from amlflow.whole_files import write_text
from amlflow.working_folder import local_path

logger = logging.getLogger("amlflow")

NAME = "project_environment"
_CHANNELS = ("anaconda", "conda-forge")
_HEADER = "# A conda environment: `conda env create -f FILE` makes it.\n"
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2  # YAML's anchors can make a list of any size


class CondaDependencies(Settings):
    """Packages of conda and pip, in the form of a conda environment file.

    Source: ``azureml.core.conda_dependencies.CondaDependencies`` 1.61; names are v1's. A new object
    names the version of this Python and no packages; v1 adds its own SDK.

    Args:
        conda_dependencies_file_path: A conda environment file with the first packages.

    Raises:
        FileNotFoundError: the file does not exist, as in v1.
        UserErrorException: it is not a conda environment file.
    """

    _REFUSED: ClassVar[Mapping[str, str]] = MEMBERS["CondaDependencies"]

    DEFAULT_NUMBER_OF_CONDA_PACKAGES = Absent()
    DEFAULT_NUMBER_OF_PIP_PACKAGES = Absent()
    add_cntk_package = Absent()
    add_tensorflow_conda_package = Absent()
    add_tensorflow_pip_package = Absent()
    get_default_number_of_packages = Absent()
    sdk_origin_url = Absent()

    def __init__(
        self,
        conda_dependencies_file_path: str | os.PathLike[str] | None = None,
        _underlying_structure: dict[str, Any] | None = None,
    ) -> None:
        content = _underlying_structure
        self._folder: str | None = None
        if conda_dependencies_file_path is not None:
            content = _read(conda_dependencies_file_path)
            self._folder = os.path.dirname(os.path.abspath(conda_dependencies_file_path))
        self._pip_options: list[str] = []
        self._pip: list[str] = []
        self._others: list[dict[str, Any]] = []
        if content is None:
            self._rest: dict[str, Any] = {"name": NAME}
            self._conda = [f"python={sys.version_info.major}.{sys.version_info.minor}"]
            self._channels = list(_CHANNELS)
            return
        where = conda_dependencies_file_path or "The conda environment"
        self._rest = {
            key: copy.deepcopy(value)
            for key, value in content.items()
            if key not in ("dependencies", "channels")
        }
        self._channels = _check_texts(content.get("channels"), where)
        self._conda = []
        for dependency in _check_list(content.get("dependencies"), where):
            if isinstance(dependency, dict):
                for line in _check_texts(dependency.get("pip"), where):
                    (self._pip_options if line.startswith("-") else self._pip).append(line)
                self._add_others(dependency, where)
            else:
                self._conda += _check_texts([dependency], where)

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """Return an object with the given packages (default for ``python_version``: this Python's).

        ``pin_sdk_version`` is not used, because amlflow has no SDK to pin.
        """
        dependencies = CondaDependencies()
        if python_version is not None:
            dependencies.set_python_version(python_version)
        if pip_indexurl is not None:
            dependencies.set_pip_index_url(pip_indexurl)
        for package in _to_list(pip_packages, "pip_packages"):
            dependencies.add_pip_package(package)
        for package in _to_list(conda_packages, "conda_packages"):
            dependencies.add_conda_package(package)
        return dependencies

    @staticmethod
    def merge_requirements(requirements: Iterable[str]) -> list[str]:
        """Return one requirement for each package. It combines all given versions."""
        by_key: dict[str, tuple[str, list[str]]] = {}
        for requirement in requirements:
            name = re.split(r"[<>=!~]", requirement, maxsplit=1)[0].strip()
            versions = by_key.setdefault(_key_of(requirement), (name, []))[1]
            version = requirement.strip()[len(name) :].strip()
            if version and version not in versions:
                versions.append(version)
        return [name + ",".join(versions) for name, versions in by_key.values()]

    # reading

    @property
    def conda_channels(self) -> Iterator[str]:
        """The channels. The first one is tried first."""
        return iter(list(self._channels))

    @property
    def conda_packages(self) -> Iterator[str]:
        """The packages of conda, including Python."""
        return iter(list(self._conda))

    @property
    def pip_packages(self) -> Iterator[str]:
        """The packages of pip."""
        return iter(list(self._pip))

    @property
    def pip_options(self) -> Iterator[str]:
        """The options of pip, such as ``--extra-index-url URL``."""
        return iter(list(self._pip_options))

    @property
    def variables(self) -> dict[str, Any]:
        """The environment variables that conda sets in the environment. The file names them.

        Raises:
            UserErrorException: they are not names with values.
        """
        variables = self._rest.get("variables") or {}
        if not isinstance(variables, dict):
            raise UserErrorException(
                f"The conda environment has variables={variables!r}. Write them as 'NAME: value'."
            )
        return dict(variables)

    @property
    def folder(self) -> str | None:
        """The folder of the file that this was read from, or None. Relative paths begin there."""
        return self._folder

    def names_packages(self) -> bool:
        """Whether there is a package beside Python and pip."""
        return bool(self._pip) or any(
            _key_of(package) not in ("python", "pip") for package in self._conda
        )

    def get_python_version(self) -> str | None:
        """Return the version of Python; None if there is none."""
        requirement = next(
            (package for package in self._conda if _key_of(package) == "python"), "python"
        )
        return re.sub(r"^python\s*=*\s*", "", requirement, flags=re.IGNORECASE) or None

    # changes

    def add_conda_package(self, conda_package: str) -> None:
        """Add a package of conda. It replaces another version of the same package."""
        _put(self._conda, conda_package)

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove a package of conda, in any version."""
        self._conda = _remove(self._conda, conda_package)

    def add_pip_package(self, pip_package: str) -> None:
        """Add a package of pip. It replaces another version of the same package."""
        _put(self._pip, pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove a package of pip, in any version."""
        self._pip = _remove(self._pip, pip_package)

    def add_channel(self, channel: str) -> None:
        """Add a channel of conda, after the others."""
        if _check_text(channel) not in self._channels:
            self._channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a channel."""
        self._channels = [name for name in self._channels if name != channel]

    def set_python_version(self, version: str) -> None:
        """Set the version of Python, such as "3.11"."""
        self._conda = [f"python={_check_text(version)}", *_remove(self._conda, "python")]

    def set_pip_index_url(self, index_url: str) -> None:
        """Set the package index that pip uses."""
        self.set_pip_option(f"--index-url {_check_text(index_url)}")

    def set_pip_option(self, pip_option: str) -> None:
        """Set an option of pip. It replaces the same option with another value."""
        self.remove_pip_option(pip_option)
        self._pip_options.append(pip_option)

    def remove_pip_option(self, pip_option: str) -> None:
        """Remove an option of pip, with any value."""
        word = re.split(r"[\s=]", _check_text(pip_option), maxsplit=1)[0]
        self._pip_options = [
            option
            for option in self._pip_options
            if re.split(r"[\s=]", option, maxsplit=1)[0] != word
        ]

    def set_pip_requirements(self, pip_requirements: Iterable[str]) -> None:
        """Replace the packages and options of pip by the lines of a requirements file.

        All lines are kept, as in v1: a package can have one for each version of Python.
        """
        self._pip, self._pip_options = [], []
        for line in _to_list(pip_requirements, "pip_requirements"):
            requirement = re.sub(r"(^|\s)#.*", "", line).strip()
            if requirement.startswith("-"):
                self._pip_options.append(requirement)
            elif requirement:
                self._pip.append(requirement)

    def _add_others(self, dependency: Mapping[str, Any], where: object) -> None:
        """Keep the packages of other programs than pip, and warn that they are not installed."""
        others = {key: copy.deepcopy(value) for key, value in dependency.items() if key != "pip"}
        if others:
            self._others.append(others)
            logger.warning(
                "%s lists packages for %s, which are not installed: amlflow installs those of "
                "conda and pip.", where, " and ".join(map(repr, others)),
            )  # fmt: skip

    # as a file

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the conda environment file."""
        dependencies: list[Any] = list(self._conda)
        if self._pip or self._pip_options:
            if not any(_key_of(dependency) == "pip" for dependency in dependencies):
                dependencies.append("pip")  # conda warns of an environment without it
            dependencies.append({"pip": [*self._pip_options, *self._pip]})
        dependencies += copy.deepcopy(self._others)
        return {
            **copy.deepcopy(self._rest),
            "dependencies": dependencies,
            "channels": list(self._channels),
        }

    def serialize_to_string(self) -> str:
        """Return the text of the conda environment file."""
        import yaml  # takes long to import, and few scripts read or write such a file

        text: str = yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)
        return _HEADER + text

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the conda environment file (default: ``.azureml/conda_dependencies.yml``).

        Returns the path.
        """
        return self.save_to_file(".", path)

    def save_to_file(
        self,
        base_directory: str | os.PathLike[str],
        conda_file_path: str | os.PathLike[str] | None = None,
    ) -> str:
        """Write the conda environment file into a folder. Returns its path in that folder."""
        file_name = str(conda_file_path or Path(FOLDER, "conda_dependencies.yml"))
        path = local_path(Path(base_directory, file_name))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.serialize_to_string())
        return file_name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CondaDependencies):
            return NotImplemented
        return self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # its content can change

    def without_secrets(self) -> dict[str, Any]:
        """Return the content for other people: addresses have no names, passwords and tokens."""
        content: dict[str, Any] = redact_all(self.as_dict())
        return content

    def __repr__(self) -> str:
        return f"CondaDependencies({self.without_secrets()})"


def packages_in(path: str | os.PathLike[str]) -> CondaDependencies:
    """Return the packages of a requirements file. Relative paths begin in its folder.

    Raises:
        FileNotFoundError: the file does not exist, as in v1.
        UserErrorException: the file is not a text.
    """
    packages = CondaDependencies()
    packages.set_pip_requirements(requirements_in(path))
    packages._folder = os.path.dirname(os.path.abspath(path))
    return packages


def requirements_in(path: str | os.PathLike[str]) -> list[str]:
    """Return the lines of a requirements file.

    A line that ends in a backslash is joined with the next one.

    Raises:
        FileNotFoundError: the file does not exist, as in v1.
        UserErrorException: the file is not a text.
    """
    # Few scripts read such a file.
    from amlflow.environments.requirement_lines import MAX_FILE, decode_file, join_lines

    try:
        content = read_bytes(local_path(path), MAX_FILE)
        return list(join_lines(decode_file(content).splitlines()))
    except UnicodeDecodeError as error:
        raise UserErrorException(
            f"{str(path)!r} is not a text file in UTF-8: {error.reason} at byte {error.start}. "
            "Save it as UTF-8."
        ) from error


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    # Few scripts read such a file.
    from amlflow.environments.requirement_lines import decode_file

    what = f"{str(path)!r} is not a conda environment file, which is YAML"
    try:
        content = parse_yaml(decode_file(read_bytes(local_path(path))), path)
    except UnicodeDecodeError as error:
        raise UserErrorException(f"{what}: it is not a text.") from error
    except PathNotFound:
        raise
    except UserErrorException as error:
        raise UserErrorException(f"{what}: {error.message}") from error
    if not isinstance(content, dict):
        raise UserErrorException(f"{what} with keys and values.")
    return content


def _check_list(value: Any, where: str | os.PathLike[str]) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise UserErrorException(
            f"{where} has {_SHORT.repr(value)} where a list of packages is expected."
        )
    return value or []


def _check_texts(value: Any, where: str | os.PathLike[str]) -> list[str]:
    texts = _check_list(value, where)
    for text in texts:
        if not isinstance(text, str):
            raise UserErrorException(
                f"{where} has {_SHORT.repr(text)} where a package is expected."
            )
    return list(texts)


def _to_list(value: Iterable[str] | None, name: str) -> list[str]:
    if isinstance(value, str):
        raise UserErrorException(f"{name}={value!r} is a text; it must be a list of texts.")
    return list(value or [])


def _check_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserErrorException(
            f"{value!r} is not the name of a package, version, option or channel."
        )
    return value


def _key_of(package: str) -> str:
    """Return a package's normalized name.

    Requirements with the same key are for the same package.
    """
    return re.split(r"[\[<>=!~;@\s]", package.strip(), maxsplit=1)[0].lower().replace("_", "-")


def _put(packages: list[str], package: str) -> None:
    key = _key_of(_check_text(package))
    for index, other in enumerate(packages):
        if _key_of(other) == key:
            packages[index] = package
            return
    packages.append(package)


def _remove(packages: list[str], package: str) -> list[str]:
    key = _key_of(_check_text(package))
    return [other for other in packages if _key_of(other) != key]
