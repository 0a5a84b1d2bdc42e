"""Environments: a definition becomes a Python with its packages, made once by uv, found by its key.

    specification.py      what a definition asks for, as it was written
    conda_packages.py     a conda package as a requirement of pip; conda_names.yaml is the table
    requirement_lines.py  the lines of pip: requirements, options, further files
    plan.py               the normalised list of all that is to be installed
    pythons.py            the interpreters of this machine, and the one that fits
    satisfied.py          whether a Python has everything already
    keys.py               the key of an environment
    building.py           makes an environment, under a lock, whole or not at all
    conda.py              makes an environment with conda, for what only conda has
    in_images.py          adds an environment to a container image, as a layer
    dockerfile.py         has an image built from a Dockerfile
    room.py               amlflow for a Python without it; container_room.py: for a container
    installing.py         installs a plan's packages into a place
    uv.py                 runs uv: its log, its end on request, no secret in either
    reasons.py            one sentence for a build that failed
    relaxing.py           the nearest version that has a wheel, for pins without one
    wheels.py             wheels of a workspace: their addresses, and the copies here
    kept.py               the environments that are there: list, last use, remove
    kept_images.py        the images that are there
    errors.py             what a build raises

``ensure`` in building.py is the way in. Nothing here knows a tracker, a run or a compute target.
"""
