"""The table of commands: v1's words and flags, and amlflow's own.

A command's function is imported when it is called, so help only needs this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amlflow.cli import tables
from amlflow.cli.arguments import FILE

WORKSPACE = ("workspace_name", "resource_group", "subscription_id", "path")
PLACE = (*WORKSPACE, "experiment_name")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``operation`` is ``module:function`` below ``amlflow.cli``, or a plugin's own.

    ``arguments`` are names in :data:`amlflow.cli.arguments.ARGUMENTS`, or a plugin's own as (name,
    knack's argument).
    """

    operation: str | Callable[..., Any]
    summary: str
    example: str
    arguments: tuple[Any, ...] = ()
    table: Any = None
    pushes_query: bool = False


def _of_run(operation: str, summary: str, example: str, *more: str, table: Any = None) -> Command:
    """A command on one run."""
    return Command(operation, summary, example, (*PLACE, "run_id", *more, FILE), table)


GROUPS = {
    "run": "Start, find, watch and change runs.",
    "experiment": "Experiments of a workspace.",
    "model": "Models of a workspace, each with versions.",
    "workspace": "Workspaces, each a name for a tracking store.",
    "computetarget": "Where scripts run.",
    "computetarget create": "Declare compute targets as v1 creates clusters.",
    "environment": "Packages that scripts run with.",
    "dataset": "Registered data sets.",
    "datastore": "Where data is.",
    "folder": "Project folders.",
}

COMMANDS: dict[str, Command] = {
    "folder attach": Command(
        "folder:attach",
        "Attach a folder to a workspace, and to an experiment.",
        "amlflow folder attach -w myworkspace -g myresourcegroup -e myexperiment",
        (*PLACE, FILE),
    ),
    "run submit-script": Command(
        "submit:submit_script",
        "Run a script as a tracked run; wait for it and show its log unless --async.",
        "amlflow run submit-script -c local -e testexperiment train.py --epochs 3",
        (*PLACE, "run_configuration_name", "source_directory", "async_", "conda_dependencies",
         "target", FILE, "script"),
        tables.runs,
    ),
    "run list": Command(
        "runs:list_runs",
        "List runs, newest first: the last 10, or all that a query finds.",
        "amlflow run list -e myexperiment \"[?tags.quality=='fantastic run']\"",
        (*PLACE, "parent_run_id", "last", "compute_target_name", "status", "tags", "text",
         "include_children", "all_experiments", "order_by", "minimal", FILE, "query"),
        tables.runs,
        pushes_query=True,
    ),
    "run show": _of_run(
        "runs:show", "Show a run.", "amlflow run show -r RUN_ID", table=tables.runs
    ),
    "run update": Command(
        "many_runs:update", "Tag a run, or several.",
        "amlflow run update -r RUN_ID --add-tag quality='fantastic run'",
        (*PLACE, "several_run_ids", "add_tag", FILE), tables.runs,
    ),
    "run delete-tag": _of_run(
        "runs:delete_tag", "Remove a tag from a run.",
        "amlflow run delete-tag -r RUN_ID --key quality", "key", table=tables.runs,
    ),
    "run set-description": _of_run(
        "runs:set_description", "Set a run's description, a text in Markdown.",
        "amlflow run set-description -r RUN_ID --description 'The best so far'", "description",
        table=tables.runs,
    ),
    "run children": _of_run(
        "runs:children", "List the runs within a run, newest first.",
        "amlflow run children -r RUN_ID --recursive", "recursive", table=tables.runs,
    ),
    "run metrics": _of_run(
        "runs:metrics", "Show what a run has logged; with --plot as charts.",
        "amlflow run metrics -r RUN_ID --plot", "plot",
    ),
    "run open": _of_run(
        "links:open_run", "Print the address of a run's page, and open it in a browser.",
        "amlflow run open -r RUN_ID -o tsv",
    ),
    "run cancel": Command(
        "many_runs:cancel", "Cancel a run, or several, or all below them.",
        "amlflow run cancel -r RUN_ID -e myexperiment",
        (*PLACE, "several_run_ids", "with_children", FILE),
    ),
    "run monitor-logs": _of_run(
        "submit:monitor_logs", "Show a run's log as it grows, until the run ends.",
        "amlflow run monitor-logs -r RUN_ID",
    ),
    "run download-logs": _of_run(
        "run_files:download_logs", "Write a run's logs into a folder.",
        "amlflow run download-logs -r RUN_ID -d logs", "output_dir",
    ),
    "run logs": Command(
        "run_files:logs", "Print a run's logs; with -f as they grow, until the run ends.",
        "amlflow run logs -r RUN_ID -f", (*PLACE, "run_id", "follow"),
    ),
    "run download": _of_run(
        "run_files:download",
        "Write a run's files into a folder, and its snapshot into a folder snapshot there.",
        "amlflow run download -r RUN_ID -d results", "files_dir", "only",
    ),
    "run compare": Command(
        "run_files:compare", "Show what differs between two runs.",
        "amlflow run compare RUN_ID RUN_ID -o table", (*PLACE, "run_ids", FILE),
        tables.differences,
    ),
    "run delete": _of_run(
        "deletion:delete", "Delete a run; it can be restored.", "amlflow run delete -r RUN_ID",
    ),
    "run restore": _of_run(
        "deletion:restore", "Restore a deleted run.", "amlflow run restore -r RUN_ID",
    ),
    "run monitor-tensorboard": Command(
        "tensorboard:monitor", "Show a run's event files in TensorBoard, until Ctrl-C.",
        "amlflow run monitor-tensorboard -r RUN_ID", (*PLACE, "run_id", "local_directory"),
    ),
    "run mark-failed": _of_run(
        "sync:mark_failed", "End a run as Failed whose process is not there any more.",
        "amlflow run mark-failed -r RUN_ID",
    ),
    "experiment list": Command(
        "experiments:list_experiments",
        "List the experiments.", "amlflow experiment list -o table",
        (*WORKSPACE, FILE), tables.experiments,
    ),
    "experiment show": Command(
        "experiments:show", "Show an experiment.", "amlflow experiment show -e myexperiment",
        (*WORKSPACE, "one_experiment", FILE), tables.experiments,
    ),
    "experiment create": Command(
        "experiments:create", "Create an experiment.", "amlflow experiment create -e myexperiment",
        (*WORKSPACE, "one_experiment", FILE), tables.experiments,
    ),
    "experiment delete": Command(
        "experiments:delete", "Delete an experiment with its runs; it can be restored.",
        "amlflow experiment delete -e myexperiment", (*WORKSPACE, "one_experiment", FILE),
    ),
    "experiment restore": Command(
        "experiments:restore", "Restore a deleted experiment with its runs.",
        "amlflow experiment restore -e myexperiment", (*WORKSPACE, "one_experiment", FILE),
    ),
    "model list": Command(
        "models:list_models",
        "List the versions of models, newest first.", "amlflow model list --latest -o table",
        (*WORKSPACE, "model_name", "latest", "tag", "property", "model_run_id", "dataset_id",
         FILE), tables.models,
    ),
    "model show": Command(
        "models:show",
        "Show a version of a model; without a version, the latest.",
        "amlflow model show -n my-model --version 1",
        (*WORKSPACE, "shown_id", "model_name", "version", "model_run_id", FILE), tables.models,
    ),
    "model register": Command(
        "models:register",
        "Register a local file or folder, or one of a run, as the next version of a model.",
        "amlflow model register -n my-model -p outputs/model.pkl --tag area=diabetes",
        (*PLACE, "registered_name", "model_path", "asset_path", "model_run_id",
         "model_description", "model_framework", "model_framework_version", "tag", "property",
         "cpu_cores", "memory_gb", "gpu_cores", FILE), tables.models,
    ),
    "model download": Command(
        "models:download",
        "Write the file or folder of a model into a folder.",
        "amlflow model download -i my-model:1 -t models",
        (*WORKSPACE, "model_id", "target_dir", "overwrite"),
    ),
    "model update": Command(
        "models:update",
        "Change a model's tags and description, or add properties.",
        "amlflow model update -i my-model:1 --add-tag stage=production",
        (*WORKSPACE, "model_id", "model_description", "add_model_tag", "remove_tag",
         "add_property", "cpu_cores", "memory_gb", "gpu_cores", FILE), tables.models,
    ),
    "model delete": Command(
        "models:delete",
        "Delete a version of a model.", "amlflow model delete -i my-model:1",
        (*WORKSPACE, "model_id"),
    ),
    "workspace show": Command(
        "workspaces:workspace",
        "Show the workspace.", "amlflow workspace show -w myworkspace",
        (*WORKSPACE, FILE), tables.workspaces,
    ),
    "workspace list": Command(
        "workspaces:workspaces",
        "List the workspaces known here.", "amlflow workspace list -o table",
        (*WORKSPACE, FILE), tables.workspaces,
    ),
    "computetarget list": Command(
        "compute_targets:compute_targets",
        "List the compute targets.", "amlflow computetarget list",
        (*WORKSPACE, FILE),
    ),
    "computetarget show": Command(
        "compute_targets:compute_target",
        "Show a compute target.", "amlflow computetarget show -n local",
        (*WORKSPACE, "name", FILE),
    ),
    "computetarget attach": Command(
        "compute_targets:attach_target",
        "Make a compute target known to the workspace, on this machine.",
        "amlflow computetarget attach -n two-at-once --kind local --setting max_runs=2",
        (*WORKSPACE, "name", "kind", "setting", FILE),
    ),
    "computetarget create amlcompute": Command(
        "compute_targets:create_target",
        "Declare a compute target as v1 creates a cluster; --max-nodes runs run at once.",
        "amlflow computetarget create amlcompute -n cpu-cluster --max-nodes 4",
        (*WORKSPACE, "name", "vm_size", "max_nodes", "min_nodes", "idle_seconds", "vm_priority",
         "target_tags", "description_", FILE),
    ),
    "computetarget delete": Command(
        "compute_targets:delete_target", "Delete a compute target that code created.",
        "amlflow computetarget delete -n cpu-cluster", (*WORKSPACE, "name"),
    ),
    "computetarget detach": Command(
        "compute_targets:detach_target",
        "Forget an attached compute target.",
        "amlflow computetarget detach -n two-at-once", (*WORKSPACE, "name"),
    ),
    "environment list": Command(
        "environments:list_environments",
        "List the registered environments, and those that are made on this machine.",
        "amlflow environment list -o table",
        (*WORKSPACE, "curated", FILE), tables.environments,
    ),
    "environment show": Command(
        "environments:show", "Show an environment.",
        "amlflow environment show -n myenv -v 2",
        (*WORKSPACE, "environment_name", "environment_version", FILE),
    ),
    "environment register": Command(
        "environments:register", "Register the environment that a folder defines.",
        "amlflow environment register -d myenv",
        (*WORKSPACE, "directory", FILE),
    ),
    "environment build": Command(
        "environments:build", "Make an environment on this machine.",
        "amlflow environment build -n myenv",
        (*WORKSPACE, "any_environment", "environment_version", "any_directory", FILE),
    ),
    "environment scaffold": Command(
        "environments:scaffold", "Write the files of a new environment, to be edited.",
        "amlflow environment scaffold -n myenv -d myenv",
        (*WORKSPACE, "environment_name", "directory", "overwrite_folder"),
    ),
    "environment download": Command(
        "environments:download",
        "Write the files of a registered environment, or of the one that a run had.",
        "amlflow environment download -r RUN_ID -d myenv",
        (*PLACE, "any_environment", "environment_version", "any_run", "directory",
         "overwrite_folder", FILE),
    ),
    "environment remove": Command(
        "environments:remove",
        "Remove an environment from the workspace, or from this machine.",
        "amlflow environment remove -n myenv -v 1",
        (*WORKSPACE, "any_environment", "environment_version", "hash_"),
    ),
    "environment prune": Command(
        "environments:prune",
        "Remove environments from this machine that have not been used for some days.",
        "amlflow environment prune --older-than 7",
        (*WORKSPACE, "older_than", "dry_run", FILE),
    ),
    "dataset list": Command(
        "data:list_datasets",
        "List the registered data sets, each in its latest version.",
        "amlflow dataset list -o table", (*WORKSPACE, FILE), tables.datasets,
    ),
    "dataset show": Command(
        "data:show_dataset",
        "Show a data set, and which runs have read and written it.",
        "amlflow dataset show -n titanic -v 2",
        (*WORKSPACE, "dataset_name", "dataset_version", FILE),
    ),
    "dataset register": Command(
        "data:register_dataset",
        "Register files as a data set. Local files are uploaded to the default datastore.",
        "amlflow dataset register -n titanic --data-path data/titanic.csv --format delimited",
        (*WORKSPACE, "dataset_name", "data_path", "datastore_name", "data_format", "description_",
         "tags_", "create_new_version", FILE),
    ),
    "dataset unregister": Command(
        "data:unregister_dataset", "Take all versions of a data set away; the files stay.",
        "amlflow dataset unregister -n titanic", (*WORKSPACE, "dataset_name"),
    ),
    "dataset download": Command(
        "data:download_dataset",
        "Write the files of a data set into a folder.",
        "amlflow dataset download -n titanic -d data",
        (*WORKSPACE, "dataset_name", "dataset_version", "data_dir", "overwrite_files", FILE),
    ),
    "datastore list": Command(
        "data:list_datastores", "List the datastores.", "amlflow datastore list -o table",
        (*WORKSPACE, FILE), tables.datastores,
    ),
    "datastore attach": Command(
        "data:attach_datastore",
        "Make a datastore known to the workspace, on this machine.",
        "amlflow datastore attach -n training --address s3://bucket/folder",
        (*WORKSPACE, "store_name", "address", FILE),
    ),
    "datastore detach": Command(
        "data:detach_datastore", "Forget an attached datastore; its files stay.",
        "amlflow datastore detach -n training", (*WORKSPACE, "store_name"),
    ),
    "datastore set-default": Command(
        "data:set_default_datastore",
        "Have a datastore used where none is named, on this machine.",
        "amlflow datastore set-default -n training", (*WORKSPACE, "store_name"),
    ),
    "datastore upload": Command(
        "data:upload_to_datastore",
        "Store a file, or the files of a folder, in a datastore.",
        "amlflow datastore upload -n workspaceblobstore -p data -u titanic",
        (*WORKSPACE, "store_name", "src_path", "target_path", "overwrite_files", FILE),
    ),
    "datastore download": Command(
        "data:download_from_datastore",
        "Write files of a datastore into a folder.",
        "amlflow datastore download -n workspaceblobstore -d data --prefix titanic/",
        (*WORKSPACE, "store_name", "data_dir", "prefix", "overwrite_files", FILE),
    ),
    "sync": Command(
        "sync:sync",
        "Send what processes that have died left here, or list what waits.",
        "amlflow sync --close-dead",
        (*WORKSPACE, "status_", "close_dead", "refused_", FILE),
    ),
    "plugins": Command(
        "plugins:plugins",
        "List the plugins that are installed, and what each can do; or check one: "
        "run the tests of the contract on it; or write a new one.",
        "amlflow plugins check mlflow", ("action", "plugin", "uri", FILE),
    ),
    "quickstart": Command(
        "quickstart:quickstart", "Start, log, tag, find and nest runs, step by step.",
        "amlflow quickstart",
    ),
    "version": Command(
        "version:version", "Print the versions of amlflow, Python and the plugins.",
        "amlflow version",
    ),
    "shell-init": Command(
        "shell:shell_init",
        "Print what gives a shell completion, and `az ml` that is amlflow.",
        'eval "$(amlflow shell-init)"',
    ),
}  # fmt: skip
