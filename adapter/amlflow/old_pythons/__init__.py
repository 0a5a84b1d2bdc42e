"""v1's names for scripts on a Python that is too old for amlflow: 3.6 to 3.9.

Such a script imports :mod:`client` as ``azureml``. The client only needs the standard library. It
starts another process, on amlflow's own Python. Each use of v1's names is a call, which this
process makes on the real objects::

    script, Python 3.7                         amlflow's own Python
    from azureml.core import Run   import  ->  azureml.core.Run
    run = Run.get_context()        call    ->  object 1
    run.log("loss", 0.1)           log     ->  no answer; the script does not wait
    run.get_metrics()              call    ->  {"loss": 0.1}

    client/modules.py      the module ``azureml`` and its submodules
    client/objects.py      classes and objects whose members are calls
    client/connection.py   starts the process, and sends requests to it
    client/values.py       turns values into JSON; both sides use it
    server.py              the process: makes the calls
    served_objects.py      the objects that the script has, by number

The process is a child of the script and has the script's environment variables. So it finds the run
as any script does, its journal is in the job's folder, and it has no more rights than the script.
It ignores SIGTERM, so that it still reads and journals what a killed script has sent.
"""
