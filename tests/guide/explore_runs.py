# ruff: noqa: B007, BLE001, F401
# The Python blocks of v1's guide "Start, monitor, and cancel training runs in Python", up to
# "Create child runs", as they stand there. Left out is what submits a script.

# %% Start a run and its logging process
import azureml.core
from azureml.core import Experiment, Run, ScriptRunConfig, Workspace

ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="explore-runs")

# %%
print(azureml.core.VERSION)

# %%
notebook_run = exp.start_logging()
notebook_run.log(name="message", value="Hello from run!")

# %% Monitor the status of a run
print(notebook_run.get_status())

# %%
print(notebook_run.get_details())

# %%
notebook_run.complete()
print(notebook_run.get_status())

# %%
with exp.start_logging() as notebook_run:
    notebook_run.log(name="message", value="Hello from run!")
    print(notebook_run.get_status())

print(notebook_run.get_status())

# %% Tag and find runs (of the guide's submitted run; here an interactive one)
local_run = exp.start_logging()

# %%
local_run.add_properties({"author": "azureml-user"})
print(local_run.get_properties())

# %%
try:
    local_run.add_properties({"author": "different-user"})
except Exception as e:
    print(e)

# %%
local_run.tag("quality", "great run")
print(local_run.get_tags())

local_run.tag("quality", "fantastic run")
print(local_run.get_tags())

# %%
local_run.tag("worth another look")
print(local_run.get_tags())

# %%
list(exp.get_runs(properties={"author": "azureml-user"}, tags={"quality": "fantastic run"}))
list(exp.get_runs(properties={"author": "azureml-user"}, tags="worth another look"))

# %% Fail a run
local_run.fail()
print(local_run.get_status())

# %% Create child runs
with exp.start_logging() as parent_run:
    for c, count in enumerate(range(5)):
        with parent_run.child_run() as child:
            child.log(name="Hello from child run", value=c)

# %% Query child runs
print(parent_run.get_children())

# %% Log to parent or root run
# in child (or even grandchild) run


def root_run(self: Run) -> Run:
    if self.parent is None:
        return self
    return root_run(self.parent)


current_child_run = child
root_run(current_child_run).log("MyMetric", f"Data from child run {current_child_run.id}")
