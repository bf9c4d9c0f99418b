"""From a checkpoint to notes: all that the app and the command line need."""
