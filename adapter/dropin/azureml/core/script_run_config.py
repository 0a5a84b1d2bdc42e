"""v1's ``azureml.core.script_run_config``, by amlflow."""

from amlflow.core.scripts.script_run_config import ScriptRunConfig, get_run_config_from_script_run

__all__ = ["ScriptRunConfig", "get_run_config_from_script_run"]
