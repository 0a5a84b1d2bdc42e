"""The durable journal: a record is on this machine's disk before it is in the tracker.

Each process appends its records to a folder of its own (``segments.py``, ``record.py``). One of its
threads sends them in order (``sender.py``, ``delivery.py``). It sets aside the records of a run
that the tracker does not accept for now (``held.py``). The other threads use ``journal.py``. If a
process dies, the next process sends what is in its folder (``recovery.py``).

    <journals>/<tracker>/<process>/lock            locked as long as the process lives
                                   process.json    its number, machine, start and tracker
                                   00000001.log …  its records; sent ones are removed
                                   sent            up to where they are sent
                                   held/           records of runs that are set aside
                                   running/<run>   a run that the process started and has not ended
                                   files/          copies of files that wait to be sent
                         refused/<process>.jsonl   records that the tracker refused, and why;
                                                   their files are beside it

Only the user may read the folders.
"""
