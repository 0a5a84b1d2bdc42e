"""Parts of v1's run configurations that many scripts set, and that change little here."""

from __future__ import annotations

from dataclasses import dataclass, field

from amlflow.core.scripts.unknown_settings import Settings

DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"
DEFAULT_IMAGES = frozenset({DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE})
"""v1's images for who names none. Naming one is naming none: the target's own image is used."""


@dataclass
class ContainerRegistry(Settings):
    """Where a container image is. Access is given by ``docker login``, not by this.

    ``address`` comes before the image's name. A user and a password are taken and not used, and
    are written nowhere.
    """

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    registry_identity: str | None = None


@dataclass
class SparkSection(Settings):
    """Packages of Spark, of which v1's files name some by default. amlflow runs no Spark."""

    repositories: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    precache_packages: bool = True


@dataclass
class HistoryConfiguration(Settings):
    """What a run keeps: always its snapshot, ``outputs/`` and ``logs/``."""

    output_collection: bool = True
    snapshot_project: bool = True
    directories_to_watch: list[str] = field(default_factory=lambda: ["logs"])


@dataclass
class AmlComputeConfiguration(Settings):
    """The virtual machine that v1 asks Azure for. It changes nothing here."""

    vm_size: str | None = None
    vm_priority: str | None = None
