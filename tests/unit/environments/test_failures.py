"""What helps when packages could not be installed: no advice that the user follows already."""

from __future__ import annotations

import dataclasses

import pytest
from amlflow.environments.dates import advise_on_date
from amlflow.environments.failures import advise_on_image, advise_on_python, failure_of
from amlflow.environments.plan import plan_of
from amlflow.environments.pythons import choose
from amlflow.environments.reasons import find_without_wheel
from amlflow.environments.specification import Specification

NO_WHEEL = [
    "  Because torch==1.10.1 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you "
    "require torch==1.10.1, we can conclude that your requirements are unsatisfiable."
]
NO_BUILD = [
    "error: Failed to build `fastrlock==0.8.4`",
    "  cause: The build backend returned an error",
    "         error: command '/usr/bin/gcc' failed with exit code 1",
]
SETTING = "AMLFLOW_RELAX_PINS=1 or environment.python.relax = True allows the nearest version"


def message_of(
    output: list[str], *pinned: str, relaxing: bool = False, older: str | None = None
) -> str:
    failure = failure_of(output, "3.11.7", pinned=frozenset(pinned), relaxing=relaxing, older=older)
    return failure.message


@pytest.mark.parametrize("output", [NO_WHEEL, NO_BUILD])
def test_a_pin_without_a_wheel_names_the_setting_that_helps(output: list[str]) -> None:
    message = message_of(output, "torch", "fastrlock")
    assert f"{SETTING} that has a wheel for Python 3.11." in message


@pytest.mark.parametrize("output", [NO_WHEEL, NO_BUILD])
def test_the_setting_is_not_named_if_it_is_set(output: list[str]) -> None:
    message = message_of(output, "torch", "fastrlock", relaxing=True)
    assert "AMLFLOW_RELAX_PINS" not in message
    assert "Pins are relaxed, but no version of it that fits has a wheel for Python 3.11" in message


def test_a_cache_that_cannot_be_written_is_said_with_its_setting() -> None:
    message = message_of([
        "error: Failed to initialize cache at `/cache`",
        "  cause: failed to create directory `/cache`: Read-only file system (os error 30)",
    ])  # fmt: skip
    assert "Read-only file system" in message
    assert message.endswith("UV_CACHE_DIR names another folder.")
    assert "UV_CACHE_DIR" not in message_of(NO_BUILD)


def test_the_setting_is_not_named_for_what_is_not_pinned() -> None:
    message = message_of(NO_BUILD, "cupy")
    assert "relax" not in message
    assert "Name other versions of the packages that require it." in message


def test_the_setting_is_named_if_it_is_unknown_which_package_has_no_wheel() -> None:
    output = ["error: there are no usable wheels"]
    assert SETTING in message_of(output, "torch")
    assert SETTING not in message_of(output)


@pytest.mark.parametrize(
    ("subject", "package"),
    [("all versions of cu-py have", "cu-py"), ("cu-py==1.0 has", "cu-py"),
     ("only cu-py>=1.0,<2 has", "cu-py"), ("there are", "")],
)  # fmt: skip
def test_which_package_has_no_wheel(subject: str, package: str) -> None:
    output = ["error: No solution found", f"  cause: Because {subject} no wheels with a matching"]
    assert find_without_wheel(output) == package
    assert find_without_wheel(["error: something else"]) is None


def test_the_user_learns_of_another_python_last() -> None:
    assert message_of(NO_WHEEL, "torch", older="Or name another.").endswith(" Or name another.")
    assert "another" not in message_of(["error: something else"], older="Or name another.")


@pytest.mark.parametrize(
    ("asked", "taken", "advice"),
    [
        (None, "3.11.7", "Or name an older Python in the definition, such as 3.8"),
        ("3.11", "3.11.7", "Or name an older Python in the definition, such as 3.8"),
        ("3.8", "3.8.18", None),
        ("3.7", "3.8.18", "asks for Python 3.7, which was not found: install it, or name it in"),
        ("3.8", "3.11.7", "asks for Python 3.8, which was not found: install it, or name it in"),
    ],
)
def test_which_python_helps(asked: str | None, taken: str, advice: str | None) -> None:
    specification = Specification(python=asked)
    said = advise_on_python(specification, taken)
    assert said is None if advice is None else advice in str(said)
    own = dataclasses.replace(specification, interpreter="/usr/bin/python3")
    is_old = taken.startswith("3.8")
    assert ("interpreter_path" in str(advise_on_python(own, taken))) != is_old


def test_an_image_decides_on_its_python() -> None:
    assert "Or use an image with an older Python" in str(advise_on_image("3.11.2"))
    assert advise_on_image("3.8.18") is None


def test_what_is_pinned() -> None:
    plan = plan_of(
        Specification(
            pip=("Numpy==1.2", "a[b]==1", "c>=1", "d===2", "e", "f<2,>1", "h @ f://h"),
            conda=("i=1.2",),
        )
    )
    assert plan.pinned() == {"numpy", "a", "d", "i"}


def test_the_setting_of_pythons_is_not_advised_if_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amlflow.environments.pythons._candidates", list)  # looking starts them
    monkeypatch.delenv("AMLFLOW_PYTHONS", raising=False)
    assert "AMLFLOW_PYTHONS can name more interpreters" in str(choose("3.39")[1])
    monkeypatch.setenv("AMLFLOW_PYTHONS", "/nowhere/pythons")
    warning = str(choose("3.39")[1])
    assert warning.endswith("AMLFLOW_PYTHONS is '/nowhere/pythons', which has no nearer one.")


def test_a_date_is_advised_for_what_a_package_has_no_more() -> None:
    changed = (
        "Traceback (most recent call last):\nModuleNotFoundError: No module named 'distutils'",
        "AttributeError: module 'numpy' has no attribute 'int'.\nMore lines",
    )
    for lines in changed:
        assert "UV_EXCLUDE_NEWER=2021-06-30 takes those of that day" in str(advise_on_date(lines))
    assert advise_on_date("ModuleNotFoundError: No module named 'sklearn.externals'")
    assert advise_on_date("ImportError: cannot import name 'izip' from 'itertools'")
    assert advise_on_date("ModuleNotFoundError: No module named 'pip'") is None  # it is missing
    assert advise_on_date("AttributeError: 'Model' object has no attribute 'fit'") is None
    assert advise_on_date("ValueError: wrong") is None


def test_the_date_is_said_if_nothing_fits() -> None:
    output = ["error: No solution found", "  cause: Because there are no versions of x and you r"]
    sentences = [
        failure_of(output, "3.11.7", pinned=frozenset(), relaxing=False, older=None, before=before)
        for before in ("2021-06-30", None)
    ]
    assert "Only packages of before 2021-06-30 are taken." in sentences[0].message
    assert "2021" not in sentences[1].message
