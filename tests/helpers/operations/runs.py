"""Operations on runs and experiments."""

from __future__ import annotations

import io
import os
import uuid
from pathlib import Path

from azureml.core import ComputeTarget, Experiment, Run, Workspace

from helpers.operations.outcomes import BYTES, NAME, check, expect, operation


def try_run(experiment: Experiment) -> Run:
    workspace = experiment.workspace
    with operation("Experiment.start_logging"):
        run = experiment.start_logging(
            display_name="größe", outputs="outputs", snapshot_directory="code"
        )
    with operation("Run.log"):
        run.log("loss", 0.5)
        run.log("loss", 0.25, step=3)
        run.log("count", 3, "how many")
        run.log("note: ː", "größe")
        run.log("nan", float("nan"))
        run.log("is", True)
    with operation("Run.log_list"):
        run.log_list("list", [1, 2.5, 3])
    with operation("Run.log_row"):
        run.log_row("row", a=1, b="x")
        run.log_row("row", a=2, b="y")
    with operation("Run.log_table"):
        run.log_table("table", {"x": [1, 2], "y": [0.5, 0.25]})
    with operation("Run.log_image"):
        run.log_image("image", path="image.png")
    with operation("Run.log_confusion_matrix"):
        matrix = {"class_labels": ["a", "b"], "matrix": [[1, 2], [3, 4]]}
        run.log_confusion_matrix(
            "matrix", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": matrix}
        )
    with operation("Run.log_accuracy_table"):
        run.log_accuracy_table("accuracy", {
            "schema_type": "accuracy_table", "schema_version": "1.0.1", "data": {
                "probability_tables": [[[1, 2, 3, 4], [4, 3, 2, 1]], [[1, 2, 3, 4], [4, 3, 2, 1]]],
                "percentile_tables": [[[1, 2, 3, 4], [4, 3, 2, 1]], [[1, 2, 3, 4], [4, 3, 2, 1]]],
                "probability_thresholds": [0.0, 0.5],
                "percentile_thresholds": [0.0, 0.5],
                "class_labels": ["0", "1"],
            },
        })  # fmt: skip
    with operation("Run.log_predictions"):
        run.log_predictions("predictions", {
            "schema_type": "predictions", "schema_version": "1.0.0", "data": {
                "bin_averages": [0.25, 0.75], "bin_errors": [0.013, 0.042],
                "bin_counts": [56, 34], "bin_edges": [0.0, 0.5, 1.0],
            },
        })  # fmt: skip
    with operation("Run.log_residuals"):
        run.log_residuals("residuals", {
            "schema_type": "residuals", "schema_version": "1.0.0",
            "data": {"bin_edges": [0.0, 0.25, 0.5], "bin_counts": [50, 10]},
        })  # fmt: skip
    with operation("Run.flush"):
        run.flush()
    with operation("Run.tag", "Run.set_tags", "Run.remove_tags", "Run.get_tags", "Run.tags"):
        run.tag("quality", "good")
        run.tag("bare")
        run.set_tags({"a: ː": "b", "gone": "x"})
        run.remove_tags(["gone"])
        check(run.get_tags().items() >= {"quality": "good", "a: ː": "b", "bare": None}.items())
        check("gone" not in run.tags)
    with operation("a tag of 6,000 characters"):
        run.tag("long", "x" * 6000)
    with operation("Run.add_properties", "Run.get_properties", "Run.properties"):
        run.add_properties({"author": "azureml-user", "p: ː": "7"})
        check(run.get_properties().items() >= {"author": "azureml-user", "p: ː": "7"}.items())
        check(run.properties["author"] == "azureml-user")
    with operation("Run.description", "Run.display_name", "Run.name"):
        run.description = "größe: *text*"
        run.display_name = "another: name"
        expect((run.description, run.display_name), ("größe: *text*", "another: name"))
        expect(run.name, "another: name")
    with operation("Run.upload_file", "Run.download_file"):
        run.upload_file("outputs/notes.txt", "notes.txt")
        run.upload_file("outputs/stream.txt", io.BytesIO(b"stream"))
        run.download_file("outputs/notes.txt", "notes-back.txt")
        expect(Path("notes-back.txt").read_bytes(), BYTES)
    with operation("a file whose name has other letters than ASCII"):
        run.upload_file("outputs/größe.txt", "notes.txt")
        run.download_file("outputs/größe.txt", "letters.txt")
        expect(Path("letters.txt").read_bytes(), BYTES)
    with operation("a file of 30 MB"):
        Path("big.bin").write_bytes(os.urandom(1 << 20) * 30)
        run.upload_file("outputs/big.bin", "big.bin")
        run.download_file("outputs/big.bin", "big-back.bin")
        check(Path("big.bin").read_bytes() == Path("big-back.bin").read_bytes())
        Path("big.bin").unlink()
        Path("big-back.bin").unlink()
    with operation("Run.upload_files"):
        run.upload_files(["data/a.txt", "data/b.txt"], ["notes.txt", "notes.txt"])
    with operation("Run.upload_folder"):
        run.upload_folder("folder", "folder")
    with operation("Run.get_file_names"):
        names = set(run.get_file_names())
        check(names >= {"outputs/notes.txt", "data/a.txt", "folder/sub/c.txt"}, names)
    with operation("Run.download_files"):
        run.download_files("folder", "files")
        expect(Path("files/folder/sub/c.txt").read_bytes(), BYTES)
    with operation("Run.take_snapshot", "Run.get_snapshot_id", "Run.restore_snapshot"):
        check(run.get_snapshot_id())
        check(Path(run.restore_snapshot(path="snapshot")).exists())
        other = experiment.start_logging(snapshot_directory=None)
        check(other.take_snapshot("code"))
        other.complete()
    with operation("Run.child_run", "Run.create_children", "Run.get_children", "Run.parent"):
        with run.child_run("part") as child:
            child.log("loss", 1)
            grandchild = child.child_run()
            grandchild.complete()
        children = run.create_children(tag_key="fold", tag_values=[1, 2])
        for each in children:
            each.complete()
        expect({each.id for each in run.get_children()}, {child.id, *[c.id for c in children]})
        below = {each.id for each in run.get_children(recursive=True, status="Completed")}
        check(grandchild.id in below, below)
        expect([each.id for each in run.get_children(tags={"fold": "1"})], [children[0].id])
        expect(Run(experiment, child.id).parent, run)
    with operation("Run.complete"):
        run.complete()
    run = Run(experiment, run.id)
    with operation("Run.get_metrics"):
        metrics = run.get_metrics()
        expect((metrics["loss"], metrics["count"], metrics["is"]), ([0.5, 0.25], 3, True))
        expect(metrics["note: ː"], "größe")
        expect((metrics["list"], metrics["row"]), ([1, 2.5, 3], {"a": [1, 2], "b": ["x", "y"]}))
        check(
            {"matrix", "accuracy", "predictions", "residuals", "image"} <= metrics.keys(), metrics
        )
        expect(run.get_metrics(name="loss"), {"loss": [0.5, 0.25]})
        check(child.id in run.get_metrics(recursive=True, populate=True))
    with operation(
        "Run.get_status", "Run.status", "Run.get_details", "Run.get_details_with_logs",
        "Run.get_detailed_status", "Run.id", "Run.number", "Run.type", "Run.experiment",
    ):  # fmt: skip
        expect((run.get_status(), run.status), ("Completed", "Completed"))
        expect(run.get_details()["runId"], run.id)
        expect(run.get_details_with_logs()["status"], "Completed")
        expect(run.get_detailed_status()["status"], "Completed")
        check(run.number >= 1, run.number)
        expect(run.experiment.name, experiment.name)
        check(run.type is None or isinstance(run.type, str))
    with operation("Run.get_portal_url"):
        check(run.id in run.get_portal_url())
    with operation("Run.get_all_logs"):
        run.get_all_logs("all-logs")
    with operation("Run.wait_for_completion"):
        expect(run.wait_for_completion()["status"], "Completed")
    with operation("Run.fail"):
        failed = experiment.start_logging(snapshot_directory=None)
        failed.fail("no data: größe", error_code="7")
        expect(failed.get_status(), "Failed")
        check("no data" in str(failed.get_details()["error"]))
    with operation("Run.cancel"):
        mine = experiment.start_logging(run_id=f"mine-{uuid.uuid4().hex}", snapshot_directory=None)
        mine.cancel()
        expect(Run(experiment, mine.id).get_status(), "Canceled")
    with operation("Run.start"):
        drafted = run.child_run("drafted")
        drafted.start()
        drafted.complete()
    with operation("Run.get", "Workspace.get_run"):
        expect((Run.get(workspace, run.id), workspace.get_run(run.id)), (run, run))
    return run


def try_searches(experiment: Experiment, run: Run) -> None:
    workspace = experiment.workspace
    with operation("Experiment.get_runs", "Run.list"):
        check(run in list(experiment.get_runs()))
        expect(list(experiment.get_runs(tags={"quality": "good"})), [run])
        expect(list(experiment.get_runs(tags="a: ː")), [run])
        expect(list(experiment.get_runs(properties={"p: ː": "7"})), [run])
        expect(list(experiment.get_runs(properties={"p: ː": "8"})), [])
        check(len(list(experiment.get_runs(include_children=True))) >= 7)
        check(run in list(Run.list(experiment, status="Completed")))
        check(len(experiment.get_runs().to_pandas()) >= 3)
    with operation("Run.list_by_compute"):
        list(Run.list_by_compute(ComputeTarget(workspace, "local")))
    for condition, is_found in (
        ("tags.quality == 'good'", True),
        ("properties.author == 'azureml-user' && tags.quality == 'good'", True),
        ("tags.keys(@)[?starts_with(@, 'qual')]", True),
        ("!(tags.nope)", True),
        ("tags.\"a: ː\" == 'b' && status == 'Completed'", True),
        ("contains(name, 'another') || metrics.loss > `0.3`", True),
        ("metrics.loss < `0.3` && metrics.count >= `3`", True),
        ("tags.quality != 'good'", False),
        ("!(tags.quality)", False),
        (
            "tags.quality && ends_with(tags.quality, 'ood') && description "
            "&& starts_with(description, 'gr')",
            True,
        ),
    ):
        with operation("Experiment.query"):
            expect(run in list(experiment.query(f"[?{condition}]")), is_found)
    with operation("Experiment.query"):
        count = experiment.query("length(@)")
        check(count >= 3, count)
        names = experiment.query("sort_by(@, &name)[-1].name")
        check(isinstance(names, str), names)
        check(run.id in experiment.query("[?tags.quality].run_id"))
        check(run in list(experiment.query("[?tags.quality]", order_by="duration desc")))
        check(run in list(experiment.query("[]", text="another", include_children=True)))
        numbered = experiment.query(f"[?run_number == `{run.number}`].run_id")
        expect(numbered, [run.id])
    with operation("Workspace.query"):
        check(run.id in workspace.query("[?tags.quality == 'good'].run_id"))


def try_experiments(workspace: Workspace) -> None:
    experiment = Experiment(workspace, f"{NAME}-other")
    with operation("Experiment.list", "Workspace.experiments"):
        check(experiment.name in [each.name for each in Experiment.list(workspace)])
        check(experiment.name in workspace.experiments)
    with operation("Experiment.tag", "Experiment.set_tags", "Experiment.tags"):
        experiment.set_tags({"a": "1", "b: ː": "2"})
        experiment.tag("c", NAME)
        expect(Experiment(workspace, experiment.name).tags["b: ː"], "2")
        found = Experiment.list(workspace, tags={"c": NAME})
        expect([each.name for each in found], [experiment.name])
    with operation("Experiment.remove_tags"):
        experiment.remove_tags(["a"])
        check("a" not in Experiment(workspace, experiment.name).tags)
    with operation("Experiment.archive", "Experiment.archived_time", "Experiment.reactivate"):
        experiment.archive()
        check(experiment.archived_time)
        check(experiment.name not in workspace.experiments)
        archived = Experiment.list(workspace, view_type="ArchivedOnly")
        check(experiment.name in [each.name for each in archived])
        experiment.reactivate()
        check(experiment.name in workspace.experiments)
    with operation("Experiment.refresh", "Experiment.id", "Experiment.name"):
        experiment.refresh()
        check(experiment.id)
        expect(experiment.name, f"{NAME}-other")
    with operation("Experiment.get_portal_url"):
        check(experiment.get_portal_url().startswith("http"))
    with operation("Experiment.delete"):
        empty = Experiment(workspace, f"{NAME}-empty")
        Experiment.delete(workspace, empty.id)
        check(empty.name not in workspace.experiments)


def try_workspace(workspace: Workspace) -> None:
    with operation("Workspace.write_config", "Workspace.from_config", "Experiment.from_directory"):
        workspace.write_config()
        expect(Workspace.from_config().name, workspace.name)
    with operation("Workspace.get", "Workspace.list", "Workspace.create"):
        Workspace.create(workspace.name, subscription_id="s", resource_group="g", exist_ok=True)
        expect(Workspace.get(workspace.name, subscription_id="s", resource_group="g").name, "w")
        check(isinstance(Workspace.list("s"), dict))
    with operation("Workspace.tags", "Workspace.update"):
        workspace.update(tags={"team": "größe"})
        expect(Workspace.get("w", subscription_id="s", resource_group="g").tags["team"], "größe")
    with operation("Workspace.compute_targets", "Workspace.get_default_compute_target"):
        check("local" in workspace.compute_targets)
        workspace.get_default_compute_target("CPU")
    with operation("Workspace.datastores", "Workspace.set_default_datastore"):
        check("workspaceblobstore" in workspace.datastores)
        workspace.set_default_datastore("workspaceblobstore")
    with operation("Workspace.get_details", "Workspace.get_mlflow_tracking_uri"):
        check(workspace.get_details()["name"] == workspace.name)
        expect(workspace.get_mlflow_tracking_uri(), os.environ["MLFLOW_TRACKING_URI"])
