"""CondaDependencies keeps the packages that v1 code names in the same way as v1."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from amlflow.core.scripts.specify import variables_of
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.exceptions import UserErrorException

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_create_gives_the_dict_that_v1_gives() -> None:
    made = CondaDependencies.create(
        pip_packages=["azureml-defaults", "scikit-learn==1.0"],
        conda_packages=["numpy"],
        python_version="3.8",
    )
    assert made.as_dict() == {
        "name": "project_environment",
        "dependencies": [
            "python=3.8", "numpy", "pip", {"pip": ["azureml-defaults", "scikit-learn==1.0"]},
        ],
        "channels": ["anaconda", "conda-forge"],
    }  # fmt: skip
    assert list(made.conda_packages) == ["python=3.8", "numpy"]
    assert list(made.pip_packages) == ["azureml-defaults", "scikit-learn==1.0"]
    assert made.get_python_version() == "3.8"


def test_one_that_is_new_names_this_python() -> None:
    assert CondaDependencies().get_python_version() == HERE
    assert list(CondaDependencies().pip_packages) == []
    assert not CondaDependencies().names_packages()


def test_adding_and_removing() -> None:
    packages = CondaDependencies()
    packages.add_pip_package("Scikit_Learn[all]==1.0")
    packages.add_pip_package("scikit-learn>=1.1")
    packages.add_pip_package("other")
    packages.remove_pip_package("other")
    packages.add_conda_package("numpy=1.2")
    packages.add_conda_package("numpy")
    packages.add_conda_package("scipy")
    packages.remove_conda_package("scipy")
    packages.add_channel("mine")
    packages.add_channel("mine")
    packages.remove_channel("anaconda")
    packages.set_python_version("3.9")
    packages.set_pip_option("--extra-index-url https://a.example")
    packages.set_pip_option("--extra-index-url https://b.example")
    packages.set_pip_index_url("https://c.example")
    packages.remove_pip_option("--index-url")
    assert list(packages.pip_packages) == ["scikit-learn>=1.1"]
    assert list(packages.conda_packages) == ["python=3.9", "numpy"]
    assert list(packages.conda_channels) == ["conda-forge", "mine"]
    assert list(packages.pip_options) == ["--extra-index-url https://b.example"]


def test_requirements_replace_what_pip_has() -> None:
    packages = CondaDependencies.create(pip_packages=["old"])
    lines = ["a==1", "", "# a comment", "b > 2  # why", "--find-links https://x.example/#here"]
    packages.set_pip_requirements(lines)
    assert list(packages.pip_packages) == ["a==1", "b > 2"]
    assert list(packages.pip_options) == ["--find-links https://x.example/#here"]
    by_python = ["a<2; python_version<'3.9'", "a; python_version>='3.9'"]
    packages.set_pip_requirements(by_python)
    assert list(packages.pip_packages) == by_python


def test_merging_requirements() -> None:
    merged = CondaDependencies.merge_requirements(["a==1", "b", "a<3", "b>=2", "a==1"])
    assert merged == ["a==1,<3", "b>=2"]


def test_a_file_comes_back_with_what_is_not_known_here(folder: Path) -> None:
    content = {
        "name": "mine",
        "dependencies": ["python=3.7", "pip=20", {"pip": ["--pre", "x"]}, "numpy"],
        "channels": ["c"],
        "prefix": "/opt/mine",
    }
    (folder / "in.yml").write_text(yaml.safe_dump(content))
    packages = CondaDependencies("in.yml")
    assert packages.save_to_file("out", "env.yml") == "env.yml"
    back = yaml.safe_load((folder / "out/env.yml").read_text())
    assert back == {
        **content,
        "dependencies": ["python=3.7", "pip=20", "numpy", {"pip": ["--pre", "x"]}],
    }
    assert packages == CondaDependencies("out/env.yml")
    assert Path(packages.save()).is_file()


@pytest.mark.parametrize("text", ["- a", "a: [", "dependencies: x", "dependencies: [1]", "\0"])
def test_a_file_that_is_none(folder: Path, text: str) -> None:
    (folder / "bad.yml").write_text(text)
    with pytest.raises(UserErrorException, match=r"bad\.yml"):
        CondaDependencies("bad.yml")


def test_bad_input() -> None:
    packages = CondaDependencies()
    with pytest.raises(UserErrorException, match="is a text; it must be a list of texts"):
        CondaDependencies.create(pip_packages="numpy")
    for call in (
        packages.add_pip_package, packages.remove_pip_package, packages.add_conda_package,
        packages.add_channel, packages.set_python_version, packages.set_pip_option,
    ):  # fmt: skip
        with pytest.raises(UserErrorException, match="3 is not the name of a package"):
            call(3)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="add_pip_package"):
        packages.add_tensorflow_pip_package()
    with pytest.raises(UserErrorException, match=r"CondaDependencies\.create"):
        Environment("e").python.conda_dependencies = "numpy"  # type: ignore[assignment]


def test_environments_of_files(folder: Path) -> None:
    (folder / "requirements.txt").write_text("a==1\nb\n")
    python = Environment.from_pip_requirements("e", "requirements.txt", pip_version="20").python
    assert list(python.conda_dependencies.pip_packages) == ["a==1", "b"]
    assert list(python.conda_dependencies.conda_packages) == [f"python={HERE}", "pip=20"]
    assert not python.user_managed_dependencies
    python.conda_dependencies.save("conda.yml")
    again = Environment.from_conda_specification("f", "conda.yml").python.conda_dependencies
    assert again == python.conda_dependencies
    image = Environment.from_docker_image("g", "an/image", pip_requirements="requirements.txt")
    assert image.docker.base_image == "an/image"
    assert list(image.python.conda_dependencies.pip_packages) == ["a==1", "b"]
    with pytest.raises(UserErrorException, match="got both"):
        Environment.from_docker_image(
            "h", "an/image", conda_specification="conda.yml", pip_requirements="requirements.txt"
        )


def test_environments_share_nothing() -> None:
    one, other = Environment("one"), Environment("other")
    one.python.conda_dependencies.add_pip_package("numpy")
    copied = one.clone("copy")
    one.python.conda_dependencies.add_pip_package("scipy")
    assert list(copied.python.conda_dependencies.pip_packages) == ["numpy"]
    assert list(other.python.conda_dependencies.pip_packages) == []


def test_a_run_configuration_keeps_them(folder: Path) -> None:
    packages = CondaDependencies.create(pip_packages=["numpy"])
    RunConfiguration(conda_dependencies=packages).save(".", "mine")
    back = RunConfiguration.load(".", "mine").environment.python.conda_dependencies
    assert back == packages


def test_a_line_of_requirements_goes_on_after_a_backslash(folder: Path) -> None:
    Path("requirements.txt").write_text(
        "numpy==1.23.0 \\\n    --hash=sha256:aa \\\r\n    --hash=sha256:bb\npandas\n"
    )
    python = Environment.from_pip_requirements("e", "requirements.txt").python
    packages = list(python.conda_dependencies.pip_packages)
    assert packages == ["numpy==1.23.0 --hash=sha256:aa --hash=sha256:bb", "pandas"]


def test_variables_of_a_conda_file(folder: Path) -> None:
    Path("env.yml").write_text("dependencies: [python=3.11]\nvariables: {A: 1, B: '${HOME}'}\n")
    python = Environment.from_conda_specification("e", "env.yml").python
    assert variables_of(python, ".") == {"A": 1, "B": "${HOME}"}
    python.user_managed_dependencies = True
    assert variables_of(python, ".") == {}
    packages = CondaDependencies(_underlying_structure={"variables": ["A=1"]})
    with pytest.raises(UserErrorException, match="Write them as 'NAME: value'"):
        _ = packages.variables


def test_packages_of_other_programs_are_kept_and_a_warning_names_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "env.yml"
    file.write_text("dependencies: [python=3.10, {pip: [numpy]}, {npm: [left-pad]}]")
    dependencies = CondaDependencies(str(file))
    assert "env.yml lists packages for 'npm', which are not installed" in caplog.text
    assert dependencies.as_dict()["dependencies"][-1] == {"npm": ["left-pad"]}
    assert list(dependencies.pip_packages) == ["numpy"]


@pytest.mark.parametrize(
    "address",
    ["https://me:secret@a.example/w.whl", "https://a.example/w.whl?sv=1&sig=secret",
     "https://a.example/t/secret/w.whl", "https://a.example/w.whl?X-Amz-Security-Token=secret"],
)  # fmt: skip
def test_what_others_can_read_has_no_secret(address: str) -> None:
    dependencies = CondaDependencies.create(pip_packages=[f"w @ {address}", address])
    dependencies.add_channel(address)
    assert "secret" not in repr(dependencies) + str(dependencies.without_secrets())
    assert "secret" in str(dependencies.as_dict())


@pytest.mark.parametrize("content", ["dependencies: " + "[" * 1000, "# long\n" * (1 << 18)])
def test_a_file_that_is_too_deep_or_too_long_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(content)
    with pytest.raises(UserErrorException, match="is not a conda environment file"):
        CondaDependencies(str(file))
