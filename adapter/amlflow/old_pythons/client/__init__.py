"""The module ``azureml`` on a Python that is too old for amlflow; see ``amlflow.old_pythons``."""

if __name__ == "azureml":  # not if amlflow's own Python imports this package, to use values.py
    from .modules import use_calls

    use_calls(__name__)
