import pytest
from toy_notes import make_entries, write_set


@pytest.fixture(scope="session")
def note_entries():
    """2 instruments, 4 pitches, 2 velocities."""
    return make_entries()


@pytest.fixture(scope="session")
def note_folder(tmp_path_factory, note_entries):
    """`note_entries` in NSynth's layout; not to be changed."""
    return write_set(tmp_path_factory.mktemp("notes") / "nsynth-tiny", note_entries)
