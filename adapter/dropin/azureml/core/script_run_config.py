"""v1's ``azureml.core.script_run_config``, by amlflow."""

from amlflow.core.scripts.script_run_config import ScriptRunConfig

__all__ = ["ScriptRunConfig"]
