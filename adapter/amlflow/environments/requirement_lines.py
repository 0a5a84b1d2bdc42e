"""Parses the lines of a requirements file: packages, options, further files."""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.redaction import redact
from amlflow.exceptions import UserErrorException
from amlflow.user_files import read_bytes

MAX_LINES = 2000
"""How many lines all files have together. A list of all installed packages has a few hundred."""
MAX_DEPTH = 10
"""How deep requirements files may name further files."""
MAX_PACKAGE = 4000
"""How many characters a package may have, without its hashes. Long paths and addresses fit."""
MAX_FILE = 64 << 20
"""How many bytes a requirements file may have."""

_REQUIREMENTS = ("-r", "--requirement")
_CONSTRAINTS = ("-c", "--constraint")
_EDITABLE = ("-e", "--editable")
WITH_ADDRESS = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--pypi-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
}
WITH_VALUE = {"--no-binary": "--no-binary", "--only-binary": "--only-binary"}
IGNORED = frozenset({
    "--no-cache-dir", "--prefer-binary", "--process-dependency-links", "--upgrade", "-U", "--user",
    "--quiet", "-q", "--no-warn-script-location", "--disable-pip-version-check",
    "--ignore-installed", "-I", "--force-reinstall", "--exists-action", "--use-deprecated",
    "--use-feature", "--default-timeout", "--timeout", "--retries", "--progress-bar",
    "--no-build-isolation", "--no-clean",
})  # fmt: skip
"""Options that change how pip works, but not what it installs."""

_HASH = re.compile(r"(?<!\s)\s+--hash(?:=|\s+)(\S+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
"""The hashes that pip takes."""
_NAMED_PATH = re.compile(
    r"(?P<name>[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*)(?P<path>[^;]+?)(?P<rest>(?:\s*;.*)?)"
)
"""A requirement such as ``name @ folder/name.whl; marker``."""
_ARCHIVES = (
    ".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lz",
    ".tlz", ".tar.lzma", ".tar.zst",
)  # fmt: skip
"""How the names end that pip or uv takes for files."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


@dataclass(slots=True)
class Lines:
    """The content of the lines. Paths are absolute. Addresses may contain passwords."""

    packages: list[str] = field(default_factory=list)
    hashes: dict[str, list[str]] = field(default_factory=dict)
    """The hashes of a package, such as ``sha256:…``, by its line in ``packages``."""
    requires_hashes: bool = False
    """Whether each package must have a hash: one of them has, or ``--require-hashes`` says so."""
    editables: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    index: str | None = None
    extra_indexes: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    no_index: bool = False
    prereleases: bool = False
    trusted_hosts: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse_lines(
    lines: Iterable[str], folders: Sequence[Path], constraints: Iterable[str] = ()
) -> Lines:
    """Parse the lines of a requirements file. Files that they name are read, too.

    Args:
        lines: The lines. They may have comments.
        folders: A relative path is below the first of these folders that has it.
        constraints: The lines of a constraints file.

    Raises:
        EnvironmentBuildException: a line cannot be parsed, a file cannot be read, or there are too
            many lines.
    """
    result = Lines()
    for line in _walk(lines, folders, constraints):
        if line.text.startswith("-"):
            _parse_option(line.text, line.folders, result)
        else:
            _parse_package(line.text, line.folders, result, line.is_constraint)
    return result


def inline_files(lines: Iterable[str], folders: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Replace the lines that name requirements files by the content of these files.

    Returns the lines, and the constraints. They mean the same as before, but do not need the files.

    Raises:
        EnvironmentBuildException: as :func:`parse_lines`.
    """
    inlined: list[str] = []
    constraints: list[str] = []
    for line in _walk(lines, folders):
        text = _anchor(line.text, line.folders) if line.is_in_file else line.text
        is_package = not text.startswith("-")
        (constraints if line.is_constraint and is_package else inlined).append(text)
    return inlined, constraints


def _anchor(text: str, folders: Sequence[Path]) -> str:
    """Return a line in which the path of a local file or folder is absolute."""
    if text.startswith("-"):
        option, value = _split_option(text)
        is_path = option in (*_EDITABLE, *WITH_ADDRESS) and value and "://" not in value
        return f"{option} {_existing(folders, value, text)}" if is_path else text
    return add_hashes(_to_absolute(_HASH.sub("", text).strip(), folders), _HASH.findall(text))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line without its comment. Relative paths in it are below the first of ``folders``."""

    text: str
    folders: Sequence[Path]
    is_constraint: bool
    is_in_file: bool


def _walk(
    lines: Iterable[str], folders: Sequence[Path], constraints: Iterable[str] = ()
) -> Iterator[_Line]:
    """Yield the lines, with those of a file in place of the line that names the file."""
    of_packages = _walk_files(lines, folders)
    of_constraints = _walk_files(constraints, folders, is_constraint=True)
    for number, line in enumerate(chain(of_packages, of_constraints)):
        if number >= MAX_LINES:
            raise EnvironmentBuildException(
                f"The definition names more than {MAX_LINES} packages. Name only packages that the "
                "script imports: uv finds their dependencies."
            )
        yield line


def _walk_files(
    lines: Iterable[str], folders: Sequence[Path], *, depth: int = 0, is_constraint: bool = False
) -> Iterator[_Line]:
    for whole in join_lines(lines):
        text = re.sub(r"(^|\s)#.*", "", whole).strip()
        if not text:
            continue
        if _CONTROL.search(text):  # such as a line feed, which would start another line
            raise EnvironmentBuildException(
                f"{text[:200]!r} is not a line of a requirements file: it has a control character."
            )
        option, value = _split_option(text) if text.startswith("-") else ("", "")
        if option not in (*_REQUIREMENTS, *_CONSTRAINTS):
            yield _Line(text, folders, is_constraint, is_in_file=depth > 0)
            continue
        if "://" in value:
            raise EnvironmentBuildException(
                f"The file {redact(value)!r} is not on this machine, so it is not read. Download "
                "it, and name the local file."
            )
        path = _below(folders, _require_value(value, text))
        more = is_constraint or option in _CONSTRAINTS
        content = _read(path, text, depth)
        yield from _walk_files(content, [path.parent], depth=depth + 1, is_constraint=more)


def join_lines(lines: Iterable[str]) -> Iterator[str]:
    """Join each line that ends in a backslash with the next line."""
    begun = ""
    for line in lines:
        text = begun + line.strip()
        begun = text[:-1].rstrip() + " " if text.endswith("\\") else ""
        if not begun:
            yield text
    if begun:
        yield begun


def _parse_package(text: str, folders: Sequence[Path], result: Lines, constraints: bool) -> None:
    hashes = _HASH.findall(text)
    package = _to_absolute(_HASH.sub("", text).strip(), folders)
    for text_of_hash in hashes:
        if not _DIGEST.fullmatch(text_of_hash):
            raise EnvironmentBuildException(
                f"{text_of_hash[:200]!r} is not a hash of {redact(package)!r}. Write one as "
                "--hash=sha256:…, with 64 hexadecimal digits in lower case; sha384 and sha512 are "
                "allowed too."
            )
    if hashes:
        result.requires_hashes = True
    if constraints:
        result.constraints.append(add_hashes(package, hashes))
        return
    result.packages.append(package)
    if hashes:
        known = result.hashes.setdefault(package, [])
        known += [value for value in hashes if value not in known]


def add_hashes(package: str, hashes: Iterable[str]) -> str:
    """Return a line of a requirements file: a package with its hashes."""
    return " ".join([package, *(f"--hash={value}" for value in hashes)])


def _parse_option(text: str, folders: Sequence[Path], result: Lines) -> None:
    option, value = _split_option(text)
    if option in _EDITABLE:
        source = _require_value(value, text)
        result.editables.append(source if "://" in source else _existing(folders, source, text))
    elif option in WITH_ADDRESS:
        _add_address(WITH_ADDRESS[option], _require_value(value, text), folders, result, text)
    elif option in WITH_VALUE:
        result.options.append(f"{WITH_VALUE[option]} {_require_value(value, text)}")
    elif option == "--no-index":
        result.no_index = True
    elif option == "--require-hashes":
        result.requires_hashes = True
    elif option == "--pre":
        result.prereleases = True
    elif option == "--trusted-host":
        result.trusted_hosts.append(_require_value(value, text))
    elif option in IGNORED:
        result.ignored.append(option)
    else:
        raise EnvironmentBuildException(
            f"An environment cannot have the pip option {option!r}. Remove it from the definition."
        )


def _add_address(
    option: str, address: str, folders: Sequence[Path], result: Lines, text: str
) -> None:
    if "://" not in address:
        address = _existing(folders, address, text)
    if option == "--index-url":
        result.index = address
    elif option == "--extra-index-url":
        result.extra_indexes.append(address)
    else:
        result.links.append(address)


def _split_option(text: str) -> tuple[str, str]:
    if text.startswith("--"):
        option, _, value = (
            text.partition("=") if re.match(r"--[\w-]+=", text) else _split_words(text)
        )
    elif len(text) > 2 and text[2] not in " \t=":
        option, value = text[:2], text[2:]  # such as -rfile
    else:
        option, _, value = _split_words(text.replace("=", " ", 1) if text[2:3] == "=" else text)
    return option.strip(), value.strip().strip("'\"")


def _split_words(text: str) -> tuple[str, str, str]:
    option, *value = text.split(maxsplit=1)
    return option, "", value[0] if value else ""


def _require_value(value: str, text: str) -> str:
    if not value:
        raise EnvironmentBuildException(f"The option in the line {text!r} needs a value.")
    return value


def _read(path: Path, text: str, depth: int) -> list[str]:
    if depth >= MAX_DEPTH:
        raise EnvironmentBuildException(
            f"Requirements files name further files more than {MAX_DEPTH} levels deep. The last "
            f"one is {str(path)!r}. Put the lines into fewer files."
        )
    try:
        return decode_file(read_bytes(path, MAX_FILE)).splitlines()
    except (UserErrorException, UnicodeDecodeError) as error:
        reason = getattr(error, "message", "it is not a text file").rstrip(".")
        raise EnvironmentBuildException(
            f"The file {str(path)!r}, which the line {text!r} names, cannot be read: {reason}."
        ) from error


def decode_file(content: bytes) -> str:
    """Decode a file that a user or Windows has written: UTF-8, or UTF-16 with its mark.

    ``pip freeze > requirements.txt`` writes UTF-16 in PowerShell. Raises UnicodeDecodeError.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")


def written_path_of(line: str) -> str:
    """Return the address or the path in a parsed requirement, without extras and marker."""
    address = line.rpartition(" @ ")[2].partition(" ;")[0]
    return address.partition("[")[0].partition("#")[0].strip()


def local_path_of(line: str) -> Path | None:
    """Return the path of a parsed requirement that is a file or folder of this machine, or None."""
    written = written_path_of(line)
    path = unquote(written.removeprefix("file://")) if "://" in written else written
    return Path(path) if path.startswith("/") else None


def _to_absolute(package: str, folders: Sequence[Path]) -> str:
    """Replace the relative path of a local wheel or folder by its absolute path."""
    if len(package) > MAX_PACKAGE:
        raise EnvironmentBuildException(
            f"The line {redact(package[:100])!r}… is longer than {MAX_PACKAGE} characters, which "
            "is too long for a package."
        )
    if (named := _NAMED_PATH.fullmatch(package)) and "://" not in named["path"]:
        path = Path(_existing(folders, named["path"], package))
        return named["name"] + path.as_uri() + named["rest"]
    bare, marker = _split_marker(package)
    is_whole = _split_path(bare, folders)[0].exists()  # such as a path with a space
    first = bare if is_whole else _first_word(bare)
    if _looks_local(first) and "://" not in first and "@" not in first:
        return _existing(folders, first, package) + marker
    return package


def _split_marker(package: str) -> tuple[str, str]:
    """Return a requirement without its marker, and the marker with a semicolon before it."""
    bare, semicolon, marker = package.partition(";")
    return bare.rstrip(), f" ; {marker.strip()}" if semicolon else ""


def _first_word(package: str) -> str:
    if "'" in package or '"' in package:
        return package
    try:
        words = shlex.split(package)
    except ValueError:  # a backslash at the end
        return package
    return words[0] if words else package


def _looks_local(text: str) -> bool:
    bare = text.partition("[")[0].rstrip()
    return (
        text.startswith((".", "/", "~", "file:"))
        or text.endswith(_ARCHIVES)
        or bare.endswith(_ARCHIVES)  # such as name.whl[extra]
        or "/" in bare  # such as folder/
    )


def names_requirements_file(line: str) -> bool:
    """Whether a line of a requirements file is an option with the name of another such file."""
    text = line.strip()
    return text.startswith("-") and _split_option(text)[0] in (*_REQUIREMENTS, *_CONSTRAINTS)


def names_local_file(line: str) -> bool:
    """Whether a line of a requirements file reads or installs a local file or folder.

    A folder of wheels, as in ``--find-links``, does not count: it is an index like others.
    """
    text = line.strip()
    if _CONTROL.search(text):
        return True
    if names_requirements_file(text):
        return True
    if text.startswith("-"):
        option, value = _split_option(text)
        return option in _EDITABLE and ("://" not in value or "file:" in value.lower())
    _, at, address = text.partition("@")
    if "file:" in text.lower():
        return True
    bare, _ = _split_marker(text)
    is_path = _looks_local(bare) or _looks_local(_first_word(bare))
    return "://" not in text and (bool(at and address.strip()) or is_path)


def _existing(folders: Sequence[Path], name: str, text: str) -> str:
    path, extras = _split_path(name, folders)
    if not path.exists():
        raise EnvironmentBuildException(
            f"The definition names {text!r}, but {str(path)!r} does not exist."
        )
    return os.path.normpath(str(path.absolute())) + extras


def _split_path(name: str, folders: Sequence[Path]) -> tuple[Path, str]:
    """Return the path and the extras of a text such as ``file:folder/name.whl[extra]``."""
    bare, bracket, extras = name.removeprefix("file:").partition("[")
    return _below(folders, bare), bracket + extras


def _below(folders: Sequence[Path], name: str) -> Path:
    """Return a path below the first folder that has the name, or else below the first folder."""
    paths = [folder / os.path.expanduser(name) for folder in folders]
    return next((path for path in paths if path.exists()), paths[0])
