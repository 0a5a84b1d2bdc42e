"""Builds images in place of the ones in compose.yaml, for machines without a registry.

The images have a Debian with this machine's PostgreSQL, or with this interpreter and the packages
that the server needs. The entrypoint of PostgreSQL's image does the same as the official one's.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement

from helpers import docker_daemon
from helpers.servers import need_postgres

HOME = "opt/python"
"""The folder of the virtual environment in the image."""
NEVER_IMPORTED = {"docker", "fonttools", "matplotlib", "pillow", "pyarrow", "scikit-learn", "scipy"}
"""Large packages that MLflow requires but its server does not import. In the image, they are listed
as installed, without their files.
"""

POSTGRES = r"""#!/bin/sh
set -eu
: "${POSTGRES_PASSWORD:?}"
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown postgres "$PGDATA"
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb -U "$POSTGRES_USER" --pwfile=/tmp/password --locale=C.UTF-8 -E UTF8 --no-sync
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl -w start -o "-c listen_addresses=''"
    createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -w -m fast stop
fi
exec "$@"
"""


def build(address: str, folder: Path, images: dict[str, str]) -> None:
    """Build images in a daemon. ``images`` names them: ``python``, ``postgres``, ``storage``."""
    root = folder / "root"
    shutil.copytree(
        docker_daemon.debian_root(), root, symlinks=True, copy_function=_link, dirs_exist_ok=True
    )
    programs = [*_python(root), *_postgres(root)]
    _libraries(root, programs)
    docker = ["docker", "-H", address]
    archive = subprocess.Popen(["tar", "-c", "-C", str(root), "."], stdout=subprocess.PIPE)
    subprocess.run([*docker, "import", "-", "standin"], stdin=archive.stdout, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    # tar ends with 1 if "file changed as we read it": another process may link to the same file.
    assert archive.wait() in (0, 1)
    shutil.rmtree(root)
    python = (
        f"FROM standin\nENV PATH=/{HOME}/bin:$PATH PIP_NO_INDEX=1 PIP_NO_BUILD_ISOLATION=false\n"
    )
    postgres = (
        "FROM standin\n"
        "RUN useradd --system postgres && install -d -o postgres /var/run/postgresql\n"
        f"ENV PATH={Path(need_postgres('postgres')).parent}:$PATH PGDATA=/var/lib/postgresql/data\n"
        'VOLUME /var/lib/postgresql/data\nENTRYPOINT ["/docker-entrypoint.sh"]\n'
        "STOPSIGNAL SIGINT\n"
        'CMD ["postgres", "-c", "listen_addresses=*"]\n'
    )
    # The arguments in compose.yaml, `posix /data`, are ignored: moto keeps objects in memory.
    storage = (
        f"FROM {images['python']}\n"
        'ENTRYPOINT ["sh", "-c", "exec python -m moto.server -H 0.0.0.0 -p ${VGW_PORT#:}"]\n'
    )
    for kind, dockerfile in (("python", python), ("postgres", postgres), ("storage", storage)):
        subprocess.run([*docker, "build", "-q", "-t", images[kind], "-"], input=dockerfile.encode(),
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip


def _link(source: str, target: str) -> None:
    """Make a hard link, or a copy if that is not possible."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _put(root: Path, source: Path, target: str | None = None) -> Path:
    """Put a file into the image, at the path that it has here or at ``target``."""
    place = root / (target or str(source)).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        _link(str(source.resolve()), str(place))
    return source


def _python(root: Path) -> Iterator[Path]:
    """Put the interpreter and its packages into the image. Yields files that may need libraries."""
    interpreter = Path(sys.executable).resolve()
    yield _put(root, interpreter)
    standard = Path(sysconfig.get_path("stdlib"))
    for path in _files(standard, {"site-packages", "dist-packages", "test", "idlelib"}):
        _put(root, path)
        if path.suffix == ".so":
            yield path
    # Here, the folders above belong to one user. In the image, all users need to read them.
    for folder in (*interpreter.parents, *standard.parents):
        (root / str(folder).lstrip("/")).chmod(0o755)
    home = root / HOME
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\n")
    for name in ("python", "python3"):
        (home / "bin" / name).symlink_to(interpreter)
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = f"{HOME}/lib/{here}/site-packages"
    for distribution in _find_needed(["amlflow[server]", "hatchling", "moto[s3]", "pip"]):
        name = _normal(distribution.metadata["Name"])
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            is_inside = ".." not in file.parts
            metadata = any(part.endswith(".dist-info") for part in file.parts)
            if is_inside and path.exists() and (metadata or name not in NEVER_IMPORTED):
                _put(root, path, f"{packages}/{file}")
                # Copy the bytecode, which not every installer lists. Without it, each process of
                # the server would compile all of MLflow again.
                compiled = Path(importlib.util.cache_from_source(str(path)))
                if path.suffix == ".py" and compiled.exists():
                    _put(root, compiled, f"{packages}/{file.parent}/__pycache__/{compiled.name}")


def _files(folder: Path, without: set[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in without]
        yield from (Path(place) / name for name in names)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _find_needed(wanted: Iterable[str]) -> Iterator[importlib.metadata.Distribution]:
    """Yield the installed packages that some requirements need, without amlflow itself."""
    waiting = [Requirement(each) for each in wanted]
    seen: set[tuple[str, str]] = set()
    given: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = _normal(requirement.name)
        distribution = importlib.metadata.distribution(name)
        if name not in given and name != "amlflow":
            given.add(name)
            yield distribution
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for each in map(Requirement, distribution.requires or ()):
                if each.marker is None or each.marker.evaluate({"extra": extra}):
                    waiting.append(each)


def _postgres(root: Path) -> Iterator[Path]:
    """Put PostgreSQL into the image. Yields its programs and modules, which may need libraries."""
    home = Path(need_postgres("postgres")).parents[1]
    for path in _files(home, {"bitcode"}):
        if "llvmjit" not in path.name:
            _put(root, path)
            if path.parent.name == "bin" or path.suffix == ".so":
                yield path
    for path in _files(Path("/usr/share/postgresql") / home.name, {"man"}):
        _put(root, path)
    script = root / "docker-entrypoint.sh"
    script.write_text(POSTGRES)
    script.chmod(0o755)


def _libraries(root: Path, programs: list[Path]) -> None:
    """Put the shared libraries that programs need into the image, if its Debian lacks them."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False)
    for found in set(re.findall(r"=> (/\S+)", said.stdout)):
        if not any((root / place / Path(found).name).exists() for place in _library_folders(root)):
            _put(root, Path(found))


def _library_folders(root: Path) -> list[str]:
    triple = sysconfig.get_config_var("MULTIARCH") or ""
    return [f"usr/lib/{triple}", f"lib/{triple}", "usr/lib", "lib"]
