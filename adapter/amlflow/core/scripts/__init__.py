"""What a script needs to run: its configuration, environment and command."""
