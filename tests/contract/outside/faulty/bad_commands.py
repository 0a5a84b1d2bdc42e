from amlflow.spec import hookimpl

amlflow_spec = 1


@hookimpl
def amlflow_commands(group):
    group.add("faulty", fails, "amlflow faulty")
    group.add("run", print, "amlflow run")


def fails():
    """Fail."""
    return {}["missing"]
