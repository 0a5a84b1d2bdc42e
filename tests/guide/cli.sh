# The CLI lines of v1's guide "Start, monitor, and cancel training runs", as they are printed there,
# with the quoting that a shell needs. What each must print is checked after it.
set -eu -o pipefail

expect() { # what text: the text is in what was printed
    case "$1" in
    *"$2"*) ;;
    *) printf 'expected %s in:\n%s\n' "$2" "$1" >&2 && exit 1 ;;
    esac
}

eval "$(amlflow shell-init)"

printed=$(az ml folder attach -w myworkspace -g myresourcegroup)
expect "$printed" '"Workspace name": "myworkspace"'
test -f .azureml/config.json && test -f .azureml/local.runconfig
test -f .azureml/docker.runconfig && test -f .azureml/conda_dependencies.yml

# The guide's user has named a run configuration after what it is for.
cp .azureml/local.runconfig .azureml/sklearn.runconfig
cat > train.py <<'PYTHON'
from azureml.core import Run

Run.get_context().log("accuracy", 0.9)
print("trained")
PYTHON
printed=$(az ml run submit-script -c sklearn -e testexperiment train.py 2> log)
expect "$printed" '"status": "Completed"'
expect "$(cat log)" trained

# The runs of the guide's Python examples.
python - <<'PYTHON' > ids
from azureml.core import Experiment, Workspace

exp = Experiment(Workspace.from_config(), "experiment")
first = exp.start_logging(snapshot_directory=None)
first.add_properties({"author": "azureml-user"})
first.complete()
waiting = exp.start_logging(snapshot_directory=None)
waiting.add_properties({"author": "different-user"})
waiting.tag("worth another look")
print(first.id, waiting.id)
PYTHON
read -r runid waiting < ids

printed=$(az ml run list --experiment-name experiment)
expect "$printed" "$runid"
expect "$printed" "$waiting"

expect "$(az ml run show -r "$runid")" '"status": "Completed"'

expect "$(az ml run update -r "$runid" --add-tag quality='fantastic run')" '"quality": "fantastic run"'

# list runs where the author property = 'azureml-user'
printed=$(az ml run list --experiment-name experiment "[?properties.author=='azureml-user']")
expect "$printed" "$runid"
case "$printed" in *"$waiting"*) exit 1 ;; esac
# list runs where the tag contains a key that starts with 'worth another look'
printed=$(az ml run list --experiment-name experiment "[?tags.keys(@)[?starts_with(@, 'worth another look')]]")
expect "$printed" "$waiting"
case "$printed" in *"$runid"*) exit 1 ;; esac
# list runs where the author property = 'azureml-user' and the 'quality' tag = 'fantastic run'
printed=$(az ml run list --experiment-name experiment "[?properties.author=='azureml-user' && tags.quality=='fantastic run']")
expect "$printed" "$runid"

echo "import time; time.sleep(600)" > hello_with_delay.py
submitted=$(az ml run submit-script --async -e experiment -t submitted.json hello_with_delay.py)
expect "$submitted" '"script_name": "hello_with_delay.py"'
delayed=$(python -c "import json; print(json.load(open('submitted.json'))['run_id'])")
expect "$(az ml run cancel -r "$delayed" -w myworkspace -e experiment)" "canceled successfully"
expect "$(az ml run monitor-logs -r "$delayed" --query status -o tsv)" "Canceled"

expect "$(az ml run cancel -r "$waiting" -w myworkspace -e experiment)" "canceled successfully"
expect "$(az ml run show -r "$waiting" --query status -o tsv)" "Canceled"

echo "The guide's lines have run."
