"""A program that tries every operation of the SDK and the command line at a tracking URI.

``python -m helpers.operations FILE`` writes a JSON object to the file: for each operation ``ok`` or
the message with which it was refused. If an operation fails in another way or has a wrong result,
the program ends with an error. Run it in an empty folder. With ``--without-mlflow`` as the second
argument, MLflow cannot be imported.
"""
