import pytest
from toy_tones import SAMPLES, write_tones

from synthgen.data.nsynth import NSynth
from synthgen.representations import Waveform


@pytest.fixture(scope="session")
def waveform():
    return Waveform(samples=SAMPLES)


@pytest.fixture(scope="session")
def tone_folder(tmp_path_factory):
    """Three instruments, eight pitches, three velocities; not to be changed."""
    return write_tones(tmp_path_factory.mktemp("tones") / "tones")


@pytest.fixture(scope="session")
def tones(tone_folder, waveform):
    return NSynth(NSynth.Config(root=tone_folder), waveform)
