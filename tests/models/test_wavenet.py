from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.models import MODELS, WaveNet
from synthgen.models.autoregressive import Autoregressive
from synthgen.models.autoregressive_waveform import LEAD
from synthgen.models.wavenet import FRAME
from synthgen.records import Axis, Batch, DataSpec
from synthgen.representations import MuLaw, Pcm

SMALL = WaveNet.Config(dim=6, channels=5, skip_channels=7, blocks=2, layers=3, crop=0)
SECONDS = Axis(unit="seconds", step=1 / 16_000)
CASES = {
    "mu-law": (256, SMALL),
    "16 bits": (65_536, replace(SMALL, head="logistic_mixture", components=3)),
    "all inputs": (256, replace(SMALL, periodic="pitch", kernel=3, layers=2)),
    "labels only": (64, replace(SMALL, clock=False, blocks=1, layers=4)),
}


def labels(n: int) -> dict[str, torch.Tensor]:
    return {
        "instrument": torch.arange(n) % 3,
        "pitch": torch.linspace(50, 60.5, n),
        "velocity": torch.linspace(30, 120, n),
        LEAD: torch.linspace(0.1, 0.9, n)[:, None] * torch.arange(4),
    }


def build(levels: int, config: WaveNet.Config, fields, samples: int = 300) -> WaveNet:
    """A model whose outputs vary as a trained one's do."""
    model = WaveNet(DataSpec(shape=(1, samples), levels=levels, fields=fields, axes=(SECONDS,)), config).eval()
    with torch.no_grad():
        model.out.weight.mul_(20)
        model.gates.weight.mul_(3)
    model.backend = "torch"
    return model


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request, note_fields) -> WaveNet:
    return build(*request.param, note_fields)


def hz_to_midi(hz: torch.Tensor) -> torch.Tensor:
    return 69 + 12 * torch.log2(hz / 440)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def steps(model: WaveNet, x: torch.Tensor, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Parameters (B, channels, T) by the cached step."""
    cache, previous, made = model.init_cache(given, len(x)), None, []
    for t in range(x.shape[1]):
        made.append(model.step(cache, previous))
        previous = x[:, t]
    return torch.stack(made, dim=-1)


def test_training_may_put_noise_on_what_is_heard(note_fields):
    noisy = build(64, replace(SMALL, noise=0.1), note_fields)
    heard = torch.randint(65, (200, 3000))  # 64 stands for what lies before a note
    assert noisy.disturbed(heard) is heard
    moved = noisy.train().disturbed(heard)
    assert ((moved == 64) == (heard == 64)).all()
    assert moved.min() >= 0
    middle = heard.sub(32).abs() < 5  # where nothing is clipped
    spread = torch.stack([(moved - heard)[i][middle[i]].double().std() for i in range(len(heard))])
    assert spread.max() <= 1.2 * 6.4
    assert (spread < 6.4 / 4).double().mean() == pytest.approx(0.5, abs=0.15)
    batch = Batch(torch.randint(64, (2, 1, 300)), labels(2))
    faded = build(64, replace(SMALL, faded=0.5), note_fields).train().disturbed(heard[:, :50].clamp(max=63))
    gains = (faded - 32).double().std(1) / (heard[:, :50].clamp(max=63) - 32).double().std(1)
    assert (gains == 0).double().mean() == pytest.approx(0.25, abs=0.1)
    assert (gains > 0.98).double().mean() == pytest.approx(0.5, abs=0.12)
    losses = {name: build(64, replace(SMALL, noise=share), note_fields) for name, share in (("off", 0.0), ("on", 0.3))}
    losses["on"].load_state_dict(losses["off"].state_dict())
    assert losses["on"].loss(batch).total == losses["off"].loss(batch).total  # both in eval mode
    off, on = (losses[name].train().loss(batch).total.item() for name in ("off", "on"))
    assert on != off


def test_real_notes_tell_their_phase(note_fields):
    """A note that is out of tune is told like one whose label says so."""
    seconds = torch.arange(2000) / 16_000
    media = torch.sin(2 * math.pi * 305 * seconds)[None, None]
    x = MuLaw(samples=2000).encode(media)
    model = build(256, replace(SMALL, labels=("velocity",), periodic="pitch"), note_fields, samples=2000)
    flat, true = ({"velocity": torch.tensor([90.0]), "pitch": hz_to_midi(torch.tensor([f]))} for f in (300.0, 305.0))
    bits = {
        name: model.surprise(Batch(x, given, audio))[0]
        for name, given, audio in (("flat", flat, None), ("told", flat, media), ("true", true, media))
    }
    inner = slice(600, 1400)
    assert (bits["told"] - bits["true"])[inner].abs().mean() < 0.2 * (bits["flat"] - bits["true"])[inner].abs().mean()
    assert model.told(Batch(x, flat)) is flat
    assert set(model.told(Batch(x, flat, media))) - set(flat) == {LEAD}


def test_it_is_an_autoregressive_model():
    assert MODELS["wavenet"] is WaveNet
    assert issubclass(WaveNet, Autoregressive)


def test_steps_equal_the_whole_pass(model):
    x = torch.randint(model.head.levels, (3, FRAME + 40))
    with torch.no_grad():
        whole = model(x, labels(3))
        assert whole.std() > 0.1
        torch.testing.assert_close(steps(model, x, labels(3)), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_steps_equal_the_whole_pass_at_any_size(seed, note_fields):
    def pick(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    generator = rng(seed)
    config = WaveNet.Config(
        dim=pick(1, 9),
        channels=pick(1, 9),
        skip_channels=pick(1, 9),
        blocks=pick(1, 3),
        layers=pick(1, 6),
        kernel=pick(2, 4),
        clock=bool(pick(0, 1)),
        periodic=("", "pitch")[pick(0, 1)],
    )
    model, n = build(2 ** pick(1, 8), config, note_fields), pick(1, 5)
    x = torch.randint(model.head.levels, (n, pick(1, 300)))
    with torch.no_grad():
        torch.testing.assert_close(steps(model, x, labels(n)), model(x, labels(n)), atol=1e-5, rtol=1e-5)


def test_cold_samples_are_what_the_whole_pass_finds_likeliest(model):
    cold = Sampling(temperature=0)
    x = model.sample(2, labels(2), rng=rng(), samples=150, sampling=cold)[:, 0]
    with torch.no_grad():
        parameters = model(x, labels(2))
    assert torch.equal(model.head.sample(parameters, torch.zeros(2, model.head.draws, 150), cold), x)


def test_outputs_ignore_later_samples_and_those_before_the_receptive_field(model):
    field, at = model.receptive_field, 100
    x = torch.randint(model.head.levels, (8, 250))  # what the farthest sample says may be lost in a rounded sum
    changed = x.clone()
    changed[:, at] = (x[:, at] + model.head.levels // 2) % model.head.levels
    with torch.no_grad():
        differs = (model(x, labels(8)) != model(changed, labels(8))).any(1).any(0).nonzero().flatten()
    assert differs.min() == at + 1
    assert differs.max() == at + field


def test_an_example_does_not_depend_on_its_batch(model):
    x = torch.randint(model.head.levels, (3, 60))
    with torch.no_grad():
        together, alone = model(x, labels(3)), model(x[1:2], {k: v[1:2] for k, v in labels(3).items()})
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)
    both = model.sample(3, labels(3), rng=[rng(0), rng(1), rng(2)], samples=60)
    others = {k: v.flip(0) for k, v in labels(3).items()}  # the second stays what it is
    assert torch.equal(model.sample(3, others, rng=[rng(5), rng(1), rng(6)], samples=60)[1], both[1])


def test_completion_keeps_the_beginning(model):
    whole = model.sample(2, labels(2), rng=rng(), samples=90)
    assert torch.equal(model.complete(whole[:, 0, :50], labels(2), rng=rng(), samples=90), whole)
    known = torch.randint(model.head.levels, (2, 40))
    assert torch.equal(model.complete(known, labels(2), rng=rng(), samples=45)[:, 0, :40], known)


def test_labels_matter_and_may_be_absent(model):
    x = torch.randint(model.head.levels, (1, 40))
    with torch.no_grad():
        one = model(x, labels(1))
        for name in model.config.labels:
            others = {k: v for k, v in labels(1).items() if k != name}
            assert not torch.allclose(model(x, others), one)


def test_every_weight_learns(model):
    model.train()
    x = torch.randint(model.head.levels, (2, 1, 300))
    withheld = {"instrument": torch.tensor([0, -1]), "pitch": torch.tensor([math.nan, 50.0])}
    for batch in (Batch(x, labels(2)), Batch(x, withheld), Batch(x, {})):
        model.loss(batch).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def test_crops_are_judged_as_within_the_whole_note(note_fields):
    config = replace(SMALL, crop=600, context=40, periodic="pitch")
    model, starts = build(256, config, note_fields, samples=1500), set()
    assert model.receptive_field <= config.context
    batch = Batch(torch.randint(256, (3, 1, 1500)), labels(3))
    bits = model.surprise(batch)
    for seed in range(8):
        torch.manual_seed(seed)
        places, counted = model._crops(batch.x[:, 0])
        torch.manual_seed(seed)
        loss = model.loss(batch)
        torch.testing.assert_close(loss.parts["bits"], bits.gather(1, places)[counted].mean())
        starts |= set(places[:, 0].tolist())
    assert len(starts) > 2
    assert not any(start % FRAME for start in starts)


def test_both_ends_of_a_note_are_seen_as_often_as_its_middle(note_fields):
    model = build(256, replace(SMALL, crop=1000, context=200), note_fields, samples=6000)
    places, counted = model._crops(torch.zeros(3000, 6000).long())
    seen = torch.bincount(places[counted], minlength=6000).float()
    for end in (seen[:800], seen[-800:]):
        assert 0.7 < end.mean() / seen[1000:5000].mean() < 1.5
    assert seen.min() > 0.3 * seen.mean()


def test_the_clock_alone_tells_when_a_sample_is(note_fields):
    x = torch.full((1, 3 * FRAME), 128)
    with torch.no_grad():
        for clock in (True, False):
            made = build(256, replace(SMALL, clock=clock), note_fields)(x, labels(1))
            late, later = made[..., 2 * FRAME - 10], made[..., 3 * FRAME - 10]
            assert torch.allclose(late, later, atol=1e-5) != clock


def test_without_a_clock_notes_may_be_longer_than_the_data(note_fields):
    model = build(256, replace(SMALL, clock=False), note_fields, samples=20)
    assert model.sample(1, labels(1), rng=rng(), samples=33).shape == (1, 1, 33)
    with pytest.raises(UserError, match="samples=33 must be between 1 and 20"):
        build(256, SMALL, note_fields, samples=20).sample(1, labels(1), rng=rng(), samples=33)


@pytest.mark.parametrize("representation", [MuLaw(samples=300), Pcm(samples=300)], ids=["mu-law", "pcm"])
def test_it_survives_a_checkpoint(representation, note_fields, tmp_path):
    head = "categorical" if isinstance(representation, MuLaw) else "logistic_mixture"
    spec = representation.spec(note_fields)
    model = build(spec.levels, replace(SMALL, head=head, periodic="pitch"), note_fields)
    checkpoint.save(tmp_path / "model.safetensors", model, representation, {})
    again = checkpoint.load(tmp_path / "model.safetensors").model
    again.backend = "torch"
    assert torch.equal(again.sample(1, labels(1), rng=rng()), model.sample(1, labels(1), rng=rng()))


@pytest.mark.parametrize("representation", [MuLaw(samples=1200), Pcm(samples=1200)], ids=["mu-law", "pcm"])
def test_it_learns_two_tones(representation, note_fields):
    """Tones change little from one sample to the next: far fewer bits than levels have."""
    head = "categorical" if isinstance(representation, MuLaw) else "logistic_mixture"
    config = WaveNet.Config(dim=16, channels=16, skip_channels=16, blocks=1, layers=4, crop=256, context=40, head=head)
    spec = representation.spec(note_fields)
    model = WaveNet(spec, config)
    time = torch.arange(1200) / 16_000
    audio = 0.6 * torch.sin(2 * math.pi * torch.tensor([[233.0], [427.0]]) * time)[:, None]
    batch = Batch(representation.encode(audio), labels(2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(batch).total.backward()
        optimizer.step()
    assert model.eval().surprise(batch).mean() < 0.85 * math.log2(spec.levels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("instrument", "pich")}, "label of the model='pich' is not known; did you mean 'pitch'"),
        ({"periodic": "picht"}, "label of the model='picht' is not known; did you mean 'pitch'"),
        ({"channels": 10**9}, "channels=1000000000 must be between 1 and 8192"),
        ({"skip_channels": 0}, "skip_channels=0 must be between"),
        ({"blocks": 0}, "blocks=0 must be between"),
        ({"layers": 40}, "layers=40 must be between 1 and 16"),
        ({"kernel": 1}, "kernel=1 must be between 2 and 16"),
        ({"crop": -1}, "crop=-1 must be between"),
        ({"head": "bernoulli"}, "head='bernoulli' needs 2 levels"),
        ({"head": "logistic_mixture", "components": 0}, "components=0 must be between"),
    ],
)
def test_impossible_configs_are_named(note_fields, change, message):
    with pytest.raises(UserError, match=message):
        build(256, replace(SMALL, **change), note_fields)


def test_data_that_are_no_waveforms_with_levels_are_named(note_fields):
    with pytest.raises(UserError, match="needs data with levels"):
        build(None, SMALL, note_fields)
    for shape, message in (((1, 8, 8), "axes of a WaveNet's data=2"), ((2, 8), "channels of a WaveNet's data=2")):
        spec = DataSpec(shape=shape, levels=256, fields=note_fields, axes=(SECONDS,) * (len(shape) - 1))
        with pytest.raises(UserError, match=message):
            WaveNet(spec, SMALL)
