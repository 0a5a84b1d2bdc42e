"""The module ``azureml`` on a Python that amlflow does not run on; see ``amlflow.old_pythons``."""

if __name__ == "azureml":  # and not below amlflow, whose own Python shares values.py
    from .modules import use_calls

    use_calls(__name__)
