"""v1's names for scripts on a Python that amlflow does not run on: 3.6 to 3.9.

Such a script imports :mod:`client` as ``azureml``. The client needs nothing but the standard
library. It starts one process more, on amlflow's own Python, and each use of v1's names is a call
that this process makes on the real objects::

    script, Python 3.7                         amlflow's own Python
    from azureml.core import Run   import  ->  azureml.core.Run
    run = Run.get_context()        call    ->  object 1
    run.log("loss", 0.1)           log     ->  no answer; the script does not wait
    run.get_metrics()              call    ->  {"loss": 0.1}

    client/modules.py      the module ``azureml``, and those below it
    client/objects.py      classes and objects whose members are calls
    client/connection.py   starts the process and speaks to it
    client/values.py       values as JSON; both sides use it
    server.py              the process: makes the calls
    served_objects.py      the objects that the script has, by number

The process is the script's own child with the script's variables, so it finds the run as any script
does, its journal is in the job's folder, and it can do nothing that the script could not do itself.
It ignores SIGTERM, so that it still reads and journals what a killed script has sent.
"""
