"""What the commands take and do; each imports what it needs when it is run."""
