"""A definition becomes a normalised list of what pip installs."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.environments.conda_packages import parse_conda_package
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.plan import Plan, plan_of
from amlflow.environments.requirement_lines import names_local_file
from amlflow.environments.specification import Specification

A, B = f"sha256:{'a' * 64}", f"sha512:{'b' * 128}"


def planned(*pip: str, conda: tuple[str, ...] = (), folder: Path | None = None) -> Plan:
    return plan_of(Specification(pip=pip, conda=conda, folders=(str(folder),) if folder else ()))


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("numpy", "numpy"),
        ("scikit-learn=0.22", "scikit-learn==0.22.*"),
        ("scikit-learn==0.22.1", "scikit-learn==0.22.1"),
        ("scikit-learn=0.22.*", "scikit-learn==0.22.*"),
        ("numpy=1.18.5=py36ha1c710e_0", "numpy==1.18.5"),
        ("numpy 1.18.5 py36_0", "numpy==1.18.5"),
        ("numpy 1.18.*", "numpy==1.18.*"),
        ("numpy>=1.16,<1.19", "numpy<1.19,>=1.16"),
        ("numpy >=1.16", "numpy>=1.16"),
        ("numpy[version='>=1.16']", "numpy>=1.16"),
        ("numpy=*", "numpy"),
        ("scikit-learn=0.22.2.post1", "scikit-learn==0.22.2.post1"),
        ("black=20.8b1", "black==20.8b1"),
        ("conda-forge::fbprophet==0.5", "fbprophet==0.5"),
        ("pytorch=1.6", "torch==1.6.*"),
        ("pytorch::pytorch==1.4.0", "torch==1.4.0"),
        ("opencv", "opencv-python-headless"),
        ("py-xgboost<=1.3.3", "xgboost<=1.3.3"),
        ("PyTables", "tables"),
        ("ruamel.yaml", "ruamel-yaml"),
        ("prompt_toolkit", "prompt-toolkit"),
        ("librosa", "librosa"),
    ],
)
def test_a_package_of_conda_is_a_requirement_of_pip(line: str, requirement: str) -> None:
    assert planned(conda=(line,)).requirements == [requirement]


@pytest.mark.parametrize(
    "line",
    ["python=3.6.2", "pip=20.0", "cudatoolkit=10.1", "blas=1.0=mkl", "mkl", "libgcc-ng=9.1",
     "_libgcc_mutex=0.1=main", "_pytorch_select==0.1", "gcc_linux-64", "openssl", "cpuonly"],
)  # fmt: skip
def test_what_the_packages_of_pip_bring_is_left_out(line: str) -> None:
    plan = planned(conda=(line,))
    assert plan.is_empty
    assert bool(plan.notes) == (not line.startswith("pip=") and not line.startswith("python="))


def test_what_only_conda_has_is_kept_apart() -> None:
    plan = planned(conda=("r-essentials=3.6", "numpy"))
    assert plan.only_conda == ["r-essentials=3.6"]
    assert plan.requirements == ["numpy"]


def test_packages_of_azureml_become_amlflow() -> None:
    plan = planned("azureml-sdk==1.20.0", "azureml-core", "azureml-defaults", "azureml-widgets")
    assert plan.is_empty
    assert plan.notes == []
    assert planned("azureml-mlflow==1.3").requirements == ["mlflow"]
    assert planned("azureml-dataprep[pandas,fuse]").requirements == ["pandas", "pyarrow<26"]
    assert planned("azureml-interpret").notes == [
        "azureml-interpret is left out: amlflow replaces v1's packages."
    ]


def test_the_placeholder_sklearn_has_no_version_of_scikit_learn() -> None:
    """``pip freeze`` lists it beside scikit-learn."""
    for line in ("sklearn==0.0", "sklearn==0.0.post12", "sklearn"):
        assert planned(line).requirements == ["scikit-learn"]
    assert planned("sklearn==0.22").requirements == ["scikit-learn==0.22"]
    learn = f"scikit-learn==1.0.2 --hash={A}"
    assert planned(f"sklearn==0.0 --hash={A}", learn).checked_lines() == [learn]


def test_amlflow_itself_is_not_installed() -> None:
    assert planned("amlflow", "AMLflow==0.1", "numpy").requirements == ["numpy"]


def test_requirements_are_normalised() -> None:
    here = "numpy ; python_version < '3.12'"
    lines = ("Scikit_Learn [all] >= 1.0, <2  # why", here, "pandas=1.0.5", "sklearn", here, "json")
    plan = planned(*lines)
    assert plan.requirements == [
        'numpy; python_version < "3.12"',
        "pandas==1.0.5",
        "scikit-learn",
        "scikit-learn[all]<2,>=1.0",
    ]
    assert plan.notes == ["json is left out: it is part of Python."]


def test_options_are_read(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    lines = planned(
        "--index-url https://a.example/simple", "--extra-index-url=https://b.example", "-f wheels",
        "--trusted-host b.example", "--pre", "--no-binary numpy", "-q", "--no-cache-dir", "-i https://c.example",
        folder=tmp_path,
    ).lines  # fmt: skip
    assert (lines.index, lines.extra_indexes) == ("https://c.example", ["https://b.example"])
    assert lines.links == [str(tmp_path / "wheels")]
    assert lines.prereleases
    assert lines.trusted_hosts == ["b.example"]
    assert lines.options == ["--no-binary numpy"]
    assert lines.ignored == ["-q", "--no-cache-dir"]


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("file:w.whl", "{folder}/w.whl"),
        ("file:./sp ace/w.whl[x]", "{folder}/sp ace/w.whl[x]"),
        ("./sp ace/w.whl", "{folder}/sp ace/w.whl"),
        ("w.whl;os_name=='a'", "{folder}/w.whl ; os_name=='a'"),
        ("./sp ace/w.whl[x] ; os_name=='a'", "{folder}/sp ace/w.whl[x] ; os_name=='a'"),
        ("w @ file:w.whl", "w @ {address}/w.whl"),
        ("w[x]@./sp ace/w.whl ; os_name=='a'", "w[x] @ {address}/sp%20ace/w.whl ; os_name == 'a'"),
    ],
)
def test_the_path_of_a_wheel_is_below_the_definitions_folder(
    tmp_path: Path, line: str, requirement: str
) -> None:
    (tmp_path / "sp ace").mkdir()
    for name in ("w.whl", "sp ace/w.whl"):
        (tmp_path / name).touch()
    expected = requirement.format(folder=tmp_path, address=tmp_path.as_uri())
    assert [each.replace("'", '"') for each in planned(line, folder=tmp_path).requirements] == [
        expected.replace("'", '"')
    ]


@pytest.mark.parametrize(
    "line",
    ["-i gone", "--extra-index-url https//gone", "-f file:gone", "-e file:gone", "file:gone/w.whl",
     "w @ file:gone.whl", "w @ ./gone.whl", "./gone.whl ; os_name=='a'"],
)  # fmt: skip
def test_a_path_that_does_not_exist_is_named_as_it_is_written(tmp_path: Path, line: str) -> None:
    with pytest.raises(EnvironmentBuildException) as raised:
        planned(line, folder=tmp_path)
    assert raised.value.message.startswith(f"The definition names {line!r}, but '{tmp_path}/")
    assert raised.value.message.endswith("' does not exist.")


def test_hashes_are_kept_for_what_is_listed_for_pip() -> None:
    lines = (f"numpy==1.2 --hash={A} --hash {B}", f"Numpy == 1.2 --hash={A}", "pandas==1.0")
    plan = planned(*lines, "azureml-mlflow", conda=("scipy=1.0",))
    assert plan.checked_lines() == [f"numpy==1.2 --hash={A} --hash={B}", "pandas==1.0"]
    assert plan.unchecked_lines() == ["mlflow", "scipy==1.0.*"]
    assert plan.notes == []


def test_hashes_can_be_required_without_any() -> None:
    assert planned("--require-hashes", "numpy==1.2").checked_lines() == ["numpy==1.2"]
    assert planned("numpy==1.2").checked_lines() == []


def test_hashes_of_constraints_and_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text(f"numpy==1.2 \\\n    --hash={A}\n")
    (tmp_path / "w-1.0-py3-none-any.whl").touch()
    plan = planned("-c limits.txt", f"./w-1.0-py3-none-any.whl --hash={B}", folder=tmp_path)
    assert plan.lines.constraints == [f"numpy==1.2 --hash={A}"]
    assert plan.checked_lines() == [f"{tmp_path}/w-1.0-py3-none-any.whl --hash={B}"]


def test_a_wheel_of_a_workspace_has_the_hash_in_its_address(tmp_path: Path) -> None:
    wheel = tmp_path / ".wheels" / ("c" * 64) / "w-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    assert planned(str(wheel), "--require-hashes").checked_lines() == [
        f"{wheel} --hash=sha256:{'c' * 64}"
    ]
    assert planned(str(wheel)).checked_lines() == []


def test_files_are_read_below_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.txt").write_text("-r last.txt\npandas \\\n  ==1.0\n")
    (tmp_path / "sub" / "last.txt").write_text("scipy\n./w-1.0-py3-none-any.whl\n")
    (tmp_path / "sub" / "w-1.0-py3-none-any.whl").touch()
    (tmp_path / "limits.txt").write_text("numpy<2\n")
    plan = planned("-r sub/more.txt", "-climits.txt", "-e .", folder=tmp_path)
    wheel = str(tmp_path / "sub" / "w-1.0-py3-none-any.whl")
    assert plan.requirements == [wheel, "pandas==1.0", "scipy"]
    assert plan.lines.constraints == ["numpy<2"]
    assert plan.lines.editables == [str(tmp_path)]


def test_a_relative_path_is_below_the_first_folder_that_has_it(tmp_path: Path) -> None:
    source, working = tmp_path / "source", tmp_path / "working"
    for folder in (source, working):
        folder.mkdir()
        (folder / "both.txt").write_text(folder.name)
    (working / "own.txt").write_text("own")
    folders = (str(source), str(working))
    plan = plan_of(Specification(pip=("-r both.txt", "-r own.txt", "-e ."), folders=folders))
    assert plan.requirements == ["own", "source"]
    assert plan.lines.editables == [str(source)]
    with pytest.raises(EnvironmentBuildException, match=f"'{source}/no.txt'"):
        plan_of(Specification(pip=("-r no.txt",), folders=folders))


@pytest.mark.parametrize(
    ("pip", "conda", "part"),
    [
        (("numpy===",), (), "'numpy===' is not a requirement of pip"),
        (("not a package",), (), "is not a requirement of pip"),
        (("-r gone.txt",), (), "gone.txt', which the line"),
        (("-r",), (), "needs a value"),
        (
            ("-r https://me:secret@a.example/r.txt",),
            (),
            "'https://***@a.example/r.txt' is not on this machine",
        ),
        (("--install-option=x",), (), "cannot have the pip option '--install-option'"),
        (("numpy==1.2 --hash=sha256:12",), (), "'sha256:12' is not a hash of 'numpy==1.2'"),
        (("numpy==1.2 --hash=md5:1",), (), "'md5:1' is not a hash of 'numpy==1.2'"),
        (("numpy==1.2 --hash=",), (), "is not a requirement of pip"),
        (("./gone.whl",), (), "gone.whl' does not exist"),
        (tuple(f"package-{number}" for number in range(10_000)), (), "more than 2000 packages"),
        ((), ("numpy=1.1|1.2",), "'|'"),
        ((), ("=1.0",), "is not a package of conda"),
        ((), tuple(f"package-{number}" for number in range(10_000)), "more than 2000 packages"),
    ],
)
def test_a_wrong_line_is_named(pip: tuple[str, ...], conda: tuple[str, ...], part: str) -> None:
    with pytest.raises(EnvironmentBuildException) as raised:
        planned(*pip, conda=conda)
    assert part in raised.value.message


def test_files_that_name_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r a.txt\n")
    with pytest.raises(EnvironmentBuildException, match="name further files more than"):
        planned("-r a.txt", folder=tmp_path)


def test_secrets_are_not_shown() -> None:
    plan = planned("p @ git+https://name:word@a.example/p.git", "git+https://token@b.example/q")
    assert [line.replace(" ", "") for line in plan.display_lines()] == [
        "git+https://***@b.example/q",
        "p@git+https://***@a.example/p.git",
    ]
    with pytest.raises(EnvironmentBuildException) as raised:
        planned("a b https://name:word@a.example")
    assert "word" not in raised.value.message


def test_a_constraint_is_a_requirement() -> None:
    specification = Specification(
        pip=("six",), constraints=("numpy < 2", "scipy=1.5", f"a==1 --hash={A}")
    )
    assert plan_of(specification).lines.constraints == ["numpy<2", "scipy==1.5", f"a==1 --hash={A}"]
    for wrong in ("numpy<<2", "two words"):
        with pytest.raises(
            EnvironmentBuildException, match=f"{wrong}' is not a requirement of pip"
        ):
            plan_of(Specification(pip=("six",), constraints=(wrong,)))


def test_the_name_of_a_package_of_conda() -> None:
    package = parse_conda_package("Backports_Functools=1.0")
    assert (package.name, package.version) == ("backports-functools", "==1.0.*")


def test_the_address_of_a_channel_is_left_out_and_that_of_a_file_refused() -> None:
    assert plan_of(Specification(conda=("https://a.example/c::six=1",))).requirements == [
        "six==1.*"
    ]
    with pytest.raises(EnvironmentBuildException) as raised:
        plan_of(Specification(conda=("https://me:secret@a.example/six-1-0.conda",)))
    assert "is the address of a package's file. Name the package" in raised.value.message
    assert "secret" not in raised.value.message


@pytest.mark.parametrize("line", ["own/", "folders/own", "own/[extra]"])
def test_a_folder_is_known_by_its_slash(tmp_path: Path, line: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "folders/own").mkdir(parents=True)
    [requirement] = plan_of(Specification(pip=(line,), folders=(str(tmp_path),))).requirements
    assert requirement.startswith(f"{tmp_path}/")
    assert names_local_file(line)
