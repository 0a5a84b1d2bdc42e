"""The table of arguments: v1's flags, and amlflow's own beside them."""

from __future__ import annotations

from typing import Any

from amlflow.cli.data_arguments import DATA_ARGUMENTS
from amlflow.cli.data_arguments import argument as _argument
from amlflow.cli.target_arguments import TARGET_ARGUMENTS

FILE = "output_metadata_file"

ARGUMENTS: dict[str, dict[str, Any]] = {
    **DATA_ARGUMENTS,
    **TARGET_ARGUMENTS,
    "workspace_name": _argument("--workspace-name", "-w", help="Workspace name."),
    "resource_group": _argument("--resource-group", "-g", help="Resource group name."),
    "subscription_id": _argument("--subscription-id", help="Subscription id."),
    "path": _argument("--path", help="Folder where the config is looked for.", default="."),
    "experiment_name": _argument(
        "--experiment-name", "-e", help="Experiment name; the attached folder's if left out."
    ),
    FILE: _argument(
        "--output-metadata-file", "-t", help="File that the result is written to, too."
    ),
    "run_id": _argument("--run", "-r", help="Run id.", required=True),
    "several_run_ids": _argument(
        "--run", "-r", help="Run id, or several.", required=True, nargs="+"
    ),
    "with_children": _argument(
        "--with-children", help="All runs below them, too.", action="store_true"
    ),
    "parent_run_id": _argument("--parent-run-id", help="List the children of this run."),
    "last": _argument("--last", help="List the latest N runs."),
    "compute_target_name": _argument("--compute-target-name", help="Compute target of the runs."),
    "status": _argument("--status", help="Status of the runs."),
    "tags": _argument(
        "--tags", help="Tag of the runs as key[=value]; may be repeated.", action="append"
    ),
    "text": _argument(
        "--text", help="Words that the runs have in names, descriptions, tags, errors or ids."
    ),
    "include_children": _argument(
        "--include-children", help="Child runs, too.", action="store_true"
    ),
    "all_experiments": _argument(
        "--all-experiments", help="Of all experiments, not of the attached folder's alone.",
        action="store_true",
    ),
    "order_by": _argument(
        "--order-by",
        help="Column that sorts the runs, with desc for the largest first, as in 'duration desc': "
        "name, created, ended, duration, status, experiment, submitter, target, description, "
        "tag:KEY, property:KEY, param:KEY, metric:NAME, metric_min:NAME, metric_max:NAME, "
        "metric_first:NAME.",
    ),
    "minimal": _argument("--minimal", help="Print a few fields only.", action="store_true"),
    "query": {
        "options_list": [], "help": "JMESPath query, as --query.", "nargs": "*",
        "metavar": "QUERY", "default": [],
    },
    "add_tag": _argument(
        "--add-tag", help="Tag as key[=value]; may be repeated.", action="append", required=True
    ),
    "key": _argument("--key", help="Tag's key; may be repeated.", action="append", required=True),
    "description": _argument("--description", help="The text.", required=True),
    "recursive": _argument("--recursive", help="Children's children too.", action="store_true"),
    "plot": _argument("--plot", help="Draw charts of series of numbers.", action="store_true"),
    "follow": _argument("--follow", "-f", help="Go on until the run ends.", action="store_true"),
    "files_dir": _argument("--output-dir", "-d", help="Folder for the files.", default="."),
    "only": _argument(
        "--only", help="What to download; all if left out.",
        choices=["outputs", "logs", "snapshot"],
    ),
    "run_ids": {
        "options_list": [], "help": "The ids of two runs.", "nargs": 2, "metavar": "RUN_ID",
    },
    "local_directory": _argument(
        "--local-directory", help="Folder for the event files; a temporary one if left out."
    ),
    "one_experiment": _argument(
        "--experiment-name", "-e", "--name", "-n", help="Experiment name.", required=True
    ),
    "output_dir": _argument("--output-dir", "-d", help="Folder for the logs.", required=True),
    "run_configuration_name": _argument(
        "--run-configuration-name", "-c", help="Name of a .runconfig file, without extension."
    ),
    "source_directory": _argument(
        "--source-directory", help="Folder of the source files; --path if left out."
    ),
    "async_": _argument("--async", help="Do not wait for the run.", action="store_true"),
    "conda_dependencies": _argument(
        "--conda-dependencies", "-d", help="Conda environment file: the script's packages."
    ),
    "target": _argument("--target", "--ct", help="Compute target."),
    "environment_name": _argument("--name", "-n", help="Environment name.", required=True),
    "any_environment": _argument("--name", "-n", help="Environment name."),
    "environment_version": _argument(
        "--version", "-v", help="Environment version; the latest if left out."
    ),
    "directory": _argument("--directory", "-d", help="Folder of its files.", required=True),
    "any_directory": _argument("--directory", "-d", help="Folder of its files."),
    "any_run": _argument("--run", "-r", help="Id of a run that had the environment."),
    "overwrite_folder": _argument(
        "--overwrite", help="Write into a folder that exists.", action="store_true"
    ),
    "hash_": _argument("--hash", help="Hash of an environment that is made on this machine."),
    "older_than": _argument(
        "--older-than", help="Days since the last use; 30 if left out.", default="30"
    ),
    "dry_run": _argument("--dry-run", help="List them; remove nothing.", action="store_true"),
    "curated": _argument(
        "--curated", help="List v1's curated environments, too.", action="store_true"
    ),
    "status_": _argument("--status", help="List what waits; send nothing.", action="store_true"),
    "refused_": _argument(
        "--refused", help="Send again what the tracker has refused, too.", action="store_true"
    ),
    "close_dead": _argument(
        "--close-dead", help="End runs as Failed whose process has died.", action="store_true"
    ),
    "action": {
        "options_list": [], "help": "`check` to check a plugin, `new` to write one.",
        "nargs": "?", "choices": ["check", "new"], "metavar": "check|new",
    },
    "plugin": {
        "options_list": [], "help": "The plugin's name; `amlflow plugins` prints the names.",
        "nargs": "?", "metavar": "NAME",
    },
    "uri": _argument("--uri", help="Tracker to check; the one that the plugin states if left out."),
    "model_id": _argument(
        "--model-id", "-i", help="Id of the model, as NAME:VERSION.", required=True
    ),
    "shown_id": _argument("--model-id", "-i", help="Id of the model, as NAME:VERSION."),
    "model_name": _argument("--model-name", "-n", help="Name of the model."),
    "registered_name": _argument("--name", "-n", help="Name of the model.", required=True),
    "version": _argument("--version", help="Version of the model; the latest if left out."),
    "model_run_id": _argument("--run-id", help="Id of the run that the model is from."),
    "dataset_id": _argument("--dataset-id", help="Id of a data set of the models."),
    "latest": _argument(
        "--latest", "-l", help="Only the latest version of each model.", action="store_true"
    ),
    "tag": _argument("--tag", help="Tag as key[=value]; may be repeated.", action="append"),
    "property": _argument(
        "--property", help="Property as key[=value]; may be repeated.", action="append"
    ),
    "model_path": _argument("--model-path", "-p", help="Local file or folder of the model."),
    "asset_path": _argument("--asset-path", help="File or folder of the run."),
    "model_description": _argument("--description", "-d", help="Description of the model."),
    "model_framework": _argument("--model-framework", help="Framework, such as ScikitLearn."),
    "model_framework_version": _argument(
        "--model-framework-version", help="Version of the framework."
    ),
    "cpu_cores": _argument("--cc", help="CPU cores that the model needs."),
    "memory_gb": _argument("--gb", help="Memory in GB that the model needs."),
    "gpu_cores": _argument("--gc", help="GPUs that the model needs."),
    "target_dir": _argument(
        "--target-dir", "-t", help="Folder that the model is written to.", required=True
    ),
    "overwrite": _argument(
        "--overwrite", help="Replace files that are there.", action="store_true"
    ),
    "add_model_tag": _argument(
        "--add-tag", help="Tag as key[=value]; may be repeated.", action="append"
    ),
    "remove_tag": _argument(
        "--remove-tag", help="Key of a tag to remove; may be repeated.", action="append"
    ),
    "add_property": _argument(
        "--add-property", help="Property as key=value; may be repeated.", action="append"
    ),
    "script": {
        "options_list": [], "nargs": "...", "metavar": "SCRIPT",
        "help": "The script and its arguments. Default: those of the run configuration.",
    },
}  # fmt: skip
