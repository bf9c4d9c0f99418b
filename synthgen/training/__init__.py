"""The one training loop, and what it needs to resume, to run in parallel and to be watched."""
