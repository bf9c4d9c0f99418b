import pytest
import soundfile
from toy_instruments import RATE

from synthgen import Synthesizer
from synthgen.rendering import fitting


@pytest.fixture
def short_fit(monkeypatch):
    """Half a dozen, where it does not matter how well it fits."""
    monkeypatch.setattr(fitting, "STEPS", 6)


@pytest.fixture
def record(tmp_path):
    """Write samples (T,) or (T, channels) to a file and return its path."""

    def write(name, audio, rate=RATE):
        soundfile.write(tmp_path / name, audio, rate, subtype="FLOAT")
        return tmp_path / name

    return write


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint):
    return Synthesizer.load(tiny_checkpoint)
