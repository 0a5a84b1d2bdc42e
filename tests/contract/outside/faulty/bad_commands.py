from amlflow.spec import hookimpl


@hookimpl
def amlflow_commands(group):
    group.add("run", print, "amlflow run")
