"""Adds the packages of a definition to a container image: only once, under a lock, as a layer.

uv installs the packages on this machine for the Python of the image, so the image needs neither pip
nor a network. The layer is a virtual environment. Its packages come before the image's own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TextIO

from amlflow.environments import kept
from amlflow.environments.dockerfile import MADE_OF
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.failures import advise_on_image
from amlflow.environments.image_pythons import is_old, minor_of, platform_of, warning_of_python
from amlflow.environments.installing import Installer, Target, freeze, remove_secrets
from amlflow.environments.kept_images import note_image_use
from amlflow.environments.keys import Surroundings, key_of
from amlflow.environments.plan import Plan, plan_of
from amlflow.environments.specification import Specification
from amlflow.parts import ROOM
from amlflow.spec import ImagePython, Images
from amlflow.tracker_data import Malformed, parse, to_object

HOME = "/opt/amlflow"
"""The folder of the virtual environment in an image."""
LABEL = "amlflow.environment"
"""The label that describes the layer, as JSON."""
MAX_LABEL = 1 << 20
"""How many characters the label has at most."""
_LAYOUT = 3
"""The version of the layer's layout. It is part of the key, so a new layout makes new images."""
_PTH = (
    "import os, site; "
    "list(map(site.addsitedir, filter(None, [*{folders!r}, os.environ.get({room!r})])))\n"
)
"""Adds the image's own packages after those of the layer, and amlflow last.

It uses ``map`` and ``filter``, since a comprehension would not see the line's imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEnvironment:
    """An image with the packages of a definition.

    ``image`` is its id. ``python`` runs scripts in it, and is None if the image has no Python.
    ``takes_amlflow`` says whether a script can import amlflow from the mounted room, and ``is_old``
    whether amlflow itself does not run on the image's Python. ``key`` is empty if no packages were
    added. ``packages`` are the added ones as ``pip freeze`` writes them.
    """

    image: str
    python: str | None
    takes_amlflow: bool
    is_old: bool
    key: str
    packages: list[str]
    warnings: list[str] = field(default_factory=list)


def ensure_in_image(
    specification: Specification,
    images: Images,
    image: str,
    program: str,
    log: TextIO,
    cancelled: Callable[[], bool] = lambda: False,
) -> ImageEnvironment:
    """Return an image with the packages of a definition. Make it if there is none.

    Args:
        specification: The definition. It may name no packages.
        images: The images of the compute target.
        image: The image to which the packages are added.
        program: The Python in that image.
        log: The log of the build is written to it, without secrets.
        cancelled: Called several times a second. If it returns True, the build ends.

    Raises:
        EnvironmentBuildException: the image cannot be made. The message says why.
        EnvironmentBuildCanceled: ``cancelled`` returned True.
        ComputeTargetException: the container engine does not answer, or returns an error.
    """
    plan = plan_of(specification)
    base = images.get(image)
    key = _key_of(specification, plan, images, base, program)
    environment = _find(images, key)
    if environment is None:
        folder = kept.make_folder()
        with kept.hold_lock(key, folder, cancelled):
            environment = _find(images, key)
            if environment is None:
                build = _Build(specification, plan, images, image, base, program, log, cancelled)
                environment = build.run(folder, key)
    note_image_use(key)
    return environment


def find_in_image(
    specification: Specification, images: Images, image: str, program: str
) -> ImageEnvironment | None:
    """Return the image that :func:`ensure_in_image` made with these arguments before, or None.

    Nothing is downloaded or made. It raises the same exceptions.
    """
    get_local = getattr(images, "get_local", images.get)  # a plugin may lack it
    base = get_local(image)
    if base is None:
        return None
    plan = plan_of(specification)
    return _find(images, _key_of(specification, plan, images, base, program))


def find_warning(
    specification: Specification, images: Images, image: str, program: str
) -> str | None:
    """Return a warning if the Python of an image on the host is too old for amlflow, or None.

    An image that :func:`ensure_in_image` has made before is not started. The arguments and
    exceptions are those of that function.
    """
    if not images.adds_amlflow:
        return None
    environment = find_in_image(specification, images, image, program)
    if environment is not None and environment.takes_amlflow:
        return None
    python = images.look(images.get(image), program)
    if python is None or "amlflow" in python.packages:
        return None
    return warning_of_python(image, python)


def _key_of(
    specification: Specification, plan: Plan, images: Images, base: str, program: str
) -> str:
    """Make the key of the image. Raises EnvironmentBuildException if a file cannot be read."""
    try:
        return key_of(plan, surroundings_of(images, base, program), relax=specification.relax)
    except OSError as error:
        raise EnvironmentBuildException(
            f"A file that the environment names cannot be read: {error}."
        ) from error


def surroundings_of(images: Images, base: str, program: str) -> Surroundings:
    """Return what the key contains besides the packages. ``base`` is the id of the image."""
    # Whether amlflow can serve an old Python depends on this machine's system.
    return Surroundings(f"{program} {_LAYOUT} {images.adds_amlflow} {sys.platform}", base)


def _find(images: Images, key: str) -> ImageEnvironment | None:
    entry = images.find(key)
    if entry is None:
        return None
    return parse_labels(*entry)


def parse_labels(image: str, labels: Mapping[str, str]) -> ImageEnvironment | None:
    """Read the description of an image from its labels.

    Everybody who may make images can write labels. If they are not what this release writes, this
    returns None.
    """
    return parse(image, LABEL, labels.get(LABEL), partial(_to_environment, image))


def _to_environment(image: str, label: str) -> ImageEnvironment:
    try:
        environment = ImageEnvironment(image=image, **to_object(label, MAX_LABEL))
    except TypeError:  # another release of amlflow has made the image
        raise Malformed("what this release writes") from None
    texts = [environment.key, *_texts(environment.packages), *_texts(environment.warnings)]
    if environment.python is not None:
        texts.append(environment.python)
    facts = (environment.takes_amlflow, environment.is_old)
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(fact, bool) for fact in facts
    ):
        raise Malformed("what this release writes")
    return environment


def _texts(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed("what this release writes")
    return value


class _Build:
    """Makes one image. The caller has locked its key."""

    def __init__(
        self,
        specification: Specification,
        plan: Plan,
        images: Images,
        image: str,
        base: str,
        program: str,
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> None:
        self._specification, self._plan, self._images = specification, plan, images
        self._image, self._base, self._program = image, base, program
        self._log, self._cancelled = log, cancelled
        self._warnings: list[str] = []

    def run(self, folder: Path, key: str) -> ImageEnvironment:
        start = time.monotonic()
        kept.remove_leftovers(key, folder)
        staging = folder / f"{kept.STAGING}{key}-{uuid.uuid4().hex}"
        try:
            (staging / "root").mkdir(parents=True)
            content = self._fill(staging, key)
            labels = {LABEL: json.dumps(content), MADE_OF: self._image}
            self._check_cancelled()
            image = self._images.add(self._base, key, staging / "root", self._variables, labels)
        except OSError as error:
            raise kept.failure_of_files(folder, error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        if content["key"]:
            self._say(f"The layer was made in {time.monotonic() - start:.1f} s.")
        return ImageEnvironment(image=image, **content)

    def _check_cancelled(self) -> None:
        if self._cancelled():
            raise EnvironmentBuildCanceled("The build of the environment was canceled.")

    def _say(self, text: str) -> None:
        self._log.write(f"{text}\n")
        self._log.flush()

    def _fill(self, staging: Path, key: str) -> dict[str, Any]:
        """Write the files of the layer, and return the content of its label."""
        self._variables: dict[str, str] = {}
        python = self._images.look(self._base, self._program)
        packages: list[str] = []
        if self._plan.is_empty or (python is not None and has_all(self._plan, python)):
            key = ""  # the image has all of it
        elif python is None:
            raise EnvironmentBuildException(
                f"The packages of the environment cannot be added to the image {self._image!r}: it "
                f"does not have {self._program!r}. Use an image with a Python, or set "
                "environment.python.interpreter_path to the path of its Python."
            )
        takes_amlflow = False
        if python is not None:
            takes_amlflow = self._takes_amlflow(python)
            if key or takes_amlflow:
                packages = self._write_environment(staging, python, install=bool(key))
                self._variables["PATH"] = ":".join(
                    filter(None, (f"{HOME}/bin", python.search_path))
                )
        has_environment = "PATH" in self._variables
        return {
            "python": f"{HOME}/bin/python" if has_environment else (python and self._program),
            "takes_amlflow": takes_amlflow,
            "is_old": python is not None and is_old(python),
            "key": key,
            "packages": packages,
            "warnings": self._warnings,
        }

    def _takes_amlflow(self, python: ImagePython) -> bool:
        if "amlflow" in python.packages or not self._images.adds_amlflow:
            return False
        warning = warning_of_python(self._image, python)
        if warning is not None:
            self._warnings.append(warning)
            return False
        return True

    def _write_environment(self, staging: Path, python: ImagePython, install: bool) -> list[str]:
        """Write the virtual environment, and return its packages."""
        home = staging / "root" / HOME.lstrip("/")
        major, minor = minor_of(python)
        site = home / "lib" / f"python{major}.{minor}" / "site-packages"
        site.mkdir(parents=True)
        (home / "bin").mkdir()
        for name in ("python", "python3", f"python{major}.{minor}"):
            (home / "bin" / name).symlink_to(python.base)
        (home / "pyvenv.cfg").write_text(
            f"home = {os.path.dirname(python.base)}\ninclude-system-site-packages = false\n"
            f"version = {python.version}\n",
            encoding="utf-8",
        )
        if install:
            self._install_packages(home, site, staging, python)
        (site / "amlflow_layer.pth").write_text(
            _PTH.format(folders=list(python.folders), room=ROOM), encoding="utf-8"
        )
        return freeze(site) if install else []

    def _install_packages(self, home: Path, site: Path, staging: Path, python: ImagePython) -> None:
        self._say(f"Adding packages to the image {self._image} for its Python {python.version}.")
        self._warn_of_python(python)
        for line in [*self._warnings, *self._plan.notes]:
            self._say(line)
        for line in self._plan.display_lines():
            self._say(f"  {line}")
        self._install(site, staging, python)
        remove_secrets(site)
        _move_programs(site / "bin", home / "bin")

    def _warn_of_python(self, python: ImagePython) -> None:
        version_text = self._specification.python
        # A definition that names no Python gets the version of this process's Python.
        if (
            version_text is None
            or version_text == f"{sys.version_info.major}.{sys.version_info.minor}"
        ):
            return
        version = (version_text or "").strip().lstrip("=").removesuffix(".*")
        if version[:1].isdigit() and not f"{python.version}.".startswith(f"{version}."):
            self._warnings.append(
                f"The environment asks for Python {version}, but runs on the image's Python "
                f"{python.version}."
            )

    def _install(self, site: Path, staging: Path, python: ImagePython) -> None:
        plan = self._plan
        if plan.only_conda:
            raise EnvironmentBuildException(
                f"Only conda has these packages: {', '.join(plan.only_conda)}. Only packages of "
                "pip can be added to an image. Install them in the image, and leave them out of "
                "the definition."
            )
        if plan.lines.editables:
            raise EnvironmentBuildException(
                f"'-e {plan.lines.editables[0]}' names a folder of this machine, which a container "
                "does not have. Name the folder without -e, to install a copy."
            )
        platform = platform_of(python)
        base = ["--python", sys.executable, "--python-version", python.version]
        base += ["--python-platform", platform]
        target = Target(
            installing=[*base, "--target", site], resolving=base, python=python.version,
            older=advise_on_image(python.version),
        )  # fmt: skip
        installer = Installer(plan, target, staging, self._log, self._cancelled)
        notes = installer.install(relaxing=self._specification.relax)
        compiled = find_compiled(site)
        if compiled:
            # What is compiled here runs on this machine. The image may have another C library.
            shutil.rmtree(site)
            site.mkdir()
            notes_on_wheels = installer.install_from_wheels(compiled)
            compiled = compiled if notes_on_wheels is None else find_compiled(site)
            notes += notes_on_wheels or []
        if compiled:
            raise EnvironmentBuildException(
                f"These packages have no wheel for Python {python.version} on {platform}: "
                f"{', '.join(compiled)}. They cannot be compiled outside of the image. Install "
                "them in the image, such as by a Dockerfile, or name versions that have wheels."
            )
        (site / ".lock").unlink(missing_ok=True)
        self._warnings += notes


def has_all(plan: Plan, python: ImagePython) -> bool:
    """Whether an image has a matching version of each requirement.

    Folders, addresses, extras, packages with hashes, and packages that only conda has count as
    missing.
    """
    # packaging takes a while to import, and only a definition with packages needs it.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    if not plan.has_only_versions:
        return False
    surroundings = {
        "python_version": ".".join(python.version.split(".")[:2]),
        "python_full_version": python.version,
        "platform_machine": python.machine,
        "sys_platform": "linux",
        "extra": "",
    }
    for line in plan.requirements:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # the path of a wheel
            return False
        if requirement.marker is not None and not requirement.marker.evaluate(surroundings):
            continue
        version = python.packages.get(requirement.name)
        if requirement.url is not None or requirement.extras or version is None:
            return False
        try:
            if not requirement.specifier.contains(version, prereleases=True):
                return False
        except InvalidVersion:  # an old package, from before versions had a standard form
            return False
    return True


def find_compiled(site: Path) -> list[str]:
    """Return the packages that were compiled from source, for this machine instead of the image."""
    names = []
    for distribution in distributions(path=[str(site)]):
        tags = [
            line.removeprefix("Tag:").strip()
            for line in (distribution.read_text("WHEEL") or "").splitlines()
            if line.startswith("Tag:")
        ]
        # A published wheel names the systems that it is for, such as manylinux_2_17_x86_64.
        if tags and all(tag.rpartition("-")[2].startswith("linux_") for tag in tags):
            names.append(f"{distribution.name}=={distribution.version}")
    return sorted(names)


def _move_programs(source: Path, target: Path) -> None:
    """Move the programs of packages to the folder of programs of a virtual environment."""
    if not source.is_dir():
        return
    own = [f"#!{sys.executable}".encode(), f"#!{os.path.realpath(sys.executable)}".encode()]
    for program in sorted(source.iterdir()):
        if (target / program.name).is_symlink() or not program.is_file():
            continue
        content = program.read_bytes()
        first, newline, rest = content.partition(b"\n")
        if first in own:
            content = f"#!{HOME}/bin/python".encode() + newline + rest
        moved = target / program.name  # written again: the file may be a link into uv's cache
        moved.write_bytes(content)
        moved.chmod(0o755)
    shutil.rmtree(source)
