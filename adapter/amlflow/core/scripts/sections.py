"""Parts of v1's run configurations that many scripts set, and that have little effect here."""

from __future__ import annotations

from dataclasses import dataclass, field

from amlflow.core.scripts.unknown_settings import Settings

DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"
DEFAULT_IMAGES = frozenset({DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE})
"""v1's default images. For one of them, the target's own default image is used instead."""


@dataclass
class ContainerRegistry(Settings):
    """The registry of a container image. Use ``docker login`` for access.

    ``address`` is put before the image's name. A user name and a password are accepted, but neither
    used nor written anywhere.
    """

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    registry_identity: str | None = None


@dataclass
class SparkSection(Settings):
    """Packages of Spark. v1's files have some by default, but amlflow does not run Spark."""

    repositories: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    precache_packages: bool = True


@dataclass
class HistoryConfiguration(Settings):
    """The files that a run keeps. The settings are not used: a run always keeps its snapshot,
    ``outputs/`` and ``logs/``."""

    output_collection: bool = True
    snapshot_project: bool = True
    directories_to_watch: list[str] = field(default_factory=lambda: ["logs"])


@dataclass
class AmlComputeConfiguration(Settings):
    """The virtual machine that v1 asks Azure for. It is not used here."""

    vm_size: str | None = None
    vm_priority: str | None = None
