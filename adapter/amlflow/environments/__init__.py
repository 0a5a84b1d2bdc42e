"""Environments: makes a Python with the packages of a definition by uv, and finds it by its key.

    specification.py      a definition as the user wrote it
    conda_packages.py     converts a conda package to a pip requirement, by conda_names.yaml
    requirement_lines.py  parses the lines for pip: requirements, options, further files
    plan.py               the normalised list of packages to install
    pythons.py            the interpreters of this machine, and the one for a definition
    satisfied.py          whether a Python already has all packages
    keys.py               the key of an environment
    building.py           makes an environment, under a lock, completely or not at all
    conda.py              makes an environment with conda, for packages that only conda has
    pixi.py               makes it with pixi
    in_images.py          adds an environment to a container image, as a layer
    dockerfile.py         builds an image from a Dockerfile
    room.py               amlflow for a Python without it; container_room.py: for a container
    made_once.py          makes a folder that several processes may need at once
    container_python.py   a copy of this Python, for containers whose own is too old for amlflow
    installing.py         installs a plan's packages into a folder or an environment
    old_metadata.toml     what old packages require, whose own metadata uv cannot parse
    uv.py                 runs uv, writes its log, and ends it on request
    stalls.py             finds out that uv waits for a host that sends next to nothing
    dates.py              the date of a definition's packages
    reasons.py            finds in uv's output why a build failed
    failures.py           one sentence for that, and what helps
    relaxing.py           finds the nearest version that has a wheel, for a pin without one
    wheels.py             wheels of a workspace: their addresses, and copies on this machine
    kept.py               the environments on this machine: list, last use, remove
    kept_images.py        the same for images
    kept_rooms.py         the same for rooms
    errors.py             the exceptions of a build

Begin with ``ensure`` in building.py. Nothing here knows a tracker, a run or a compute target.
"""
