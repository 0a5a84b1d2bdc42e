"""A tracker for scripts whose Python does not have the tracker's client. The agent makes the calls.

    wire.py     values of the contract as JSON, in frames
    server.py   in the agent: calls the tracker for the script
    client.py   in the script: a tracker whose calls go to the agent

The script and the agent are connected by a socket in the job's folder, which only the user can
open. The content of files is sent, not their paths: a container has other files than the agent.
"""
