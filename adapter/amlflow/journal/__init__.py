"""The durable journal: what runs log is on this machine's disk before it is in the tracker.

Each process has a folder of its own, to which it appends records (``segments.py``,
``record.py``). One of its threads sends them in order (``sender.py``, ``delivery.py``) and sets
aside those that the tracker forbids now (``held.py``). Its other threads use ``journal.py``. When a
process dies, the next one sends what is in its folder (``recovery.py``).

    <journals>/<tracker>/<process>/lock            locked as long as the process lives
                                   process.json    its number, machine, start and tracker
                                   00000001.log …  its records; those that are sent are removed
                                   sent            how far they are sent
                                   held/           records of runs that the tracker forbids now
                                   running/<run>   a run that the process started and has not ended
                                   files/          copies of files that wait
                         refused/<process>.jsonl   records that the tracker did not take, and why;
                                                   files of such records are beside it

Only the user may read the folders.
"""
