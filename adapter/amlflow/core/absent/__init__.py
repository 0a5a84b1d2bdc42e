"""Names and members that amlflow does not have, each with the nearest way."""
