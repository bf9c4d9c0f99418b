from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from synthgen.checks import UserError
from synthgen.models import MODELS, Autoencoder, GenerativeModel
from synthgen.models.vqvae import VQVAE
from synthgen.records import Axis, Batch, DataSpec, Loss

SMALL = VQVAE.Config(channels=(8, 8), strides=((2, 2), (2, 2)), blocks=1, codes=16, dim=4)
CASES = {
    "1-d": ((1, 203), replace(SMALL, strides=((4,), (5,)))),
    "2-d": ((2, 33, 21), replace(SMALL, strides=((4, 1), (2, 2)))),
    "3-d": ((1, 5, 6, 7), replace(SMALL, strides=((2, 2, 2), (1, 2, 1)))),
    "groups of a frame": ((2, 9, 21), replace(SMALL, strides=((2,), (2,)), groups=3)),
    "groups of a frame, residual": ((1, 9, 20), replace(SMALL, strides=((2,), (2,)), groups=2, stages=2)),
    "residual": ((3, 10, 9), replace(SMALL, stages=3)),
    "finite scalar": ((1, 16, 12), replace(SMALL, levels=(4, 3, 3))),
    "gradient": ((1, 16, 12), replace(SMALL, update="gradient", start="random", restart=0.0)),
    "cosine": ((1, 16, 12), replace(SMALL, distance="cosine")),
}


def made(shape, config, **options) -> VQVAE:
    axes = tuple(Axis(unit="pixels", step=0.5) for _ in shape[1:])
    return VQVAE(DataSpec(shape=shape, axes=axes), config, **options)


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request) -> VQVAE:
    return made(*request.param)


def test_a_vqvae_codes_and_cannot_be_sampled():
    assert issubclass(MODELS["vqvae"], Autoencoder)
    assert not issubclass(VQVAE, GenerativeModel)


def test_codes_are_as_the_spec_says_and_decode_to_examples(model):
    x = torch.randn(3, *model.spec.shape)
    codes = model.eval().encode(x)
    assert codes.shape == (3, *model.code_spec.shape)
    assert codes.dtype == torch.int64
    assert 0 <= codes.min() <= codes.max() < model.code_spec.levels
    assert model.decode(codes).shape == x.shape
    assert len(model.code_spec.axes) == model.code_spec.ndim
    known = [
        (n, axis.step) for n, axis in zip(codes.shape[2:], model.code_spec.axes, strict=True) if axis.unit != "codes"
    ]
    spread = zip(known, x.shape[-len(known) :], strict=True)
    assert all((grid - 1) * step < size * 0.5 <= grid * step for (grid, step), size in spread)


def test_between_the_vectors_of_codes_there_are_other_examples(model):
    codes = model.eval().encode(torch.randn(2, *model.spec.shape))
    z = model.embed(codes)
    assert z.shape == (2, model.quantizer.dim, *model.code_spec.shape[1:])
    assert torch.equal(model.decode_embedded(z), model.decode(codes))
    assert model.decode_embedded(z.mean(0, keepdim=True)).shape == (1, *model.spec.shape)
    with pytest.raises(UserError, match="codes has shape"):
        model.decode_embedded(z[..., :-1])


def test_any_size_is_coded(model):
    for more in (1, 7):
        fixed = 1 if model.config.groups else 0  # the entries of a frame are channels
        size = (*model.spec.shape[1 : 1 + fixed], *(s + more for s in model.spec.shape[1 + fixed :]))
        x = torch.randn(1, model.spec.shape[0], *size)
        codes = model.eval().encode(x)
        assert codes.shape == (1, model.code_spec.shape[0], *model.grid(size))
        assert model.decode(codes, size=size).shape == x.shape


def test_groups_stand_for_a_frame_and_know_its_size():
    model = made(*CASES["groups of a frame"]).eval()
    x = torch.randn(1, 2, 9, 40)
    changed = x.clone()
    changed[..., 20:] = 0.0
    assert model.encode(x).shape == (1, 3, 10)
    assert torch.equal(model.encode(x)[..., :3], model.encode(changed)[..., :3])
    with pytest.raises(UserError, match="entries of the first axis=10 must equal"):
        model.encode(torch.randn(1, 2, 10, 40))


def test_a_step_down_the_gradient_lowers_the_loss(model):
    batch = Batch(torch.randn(8, *model.spec.shape))
    model.train().loss(batch)  # the first batch sets the codebooks
    model.eval()
    before = model.loss(batch)
    before.total.backward()
    moved = [p for p in model.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert {id(p) for p in moved} >= {id(p) for p in (*model.encoder.parameters(), *model.decoder.parameters())}
    with torch.no_grad():
        for p in moved:
            p -= 1e-3 * p.grad / p.grad.norm()
    assert model.loss(batch).total < before.total
    assert {"error", "commitment", "used", "perplexity", "dead"} == set(before.parts)


def learn(config: VQVAE.Config, steps: int) -> tuple[VQVAE, dict[str, float]]:
    """Train on sines of random frequency and phase; also the mean square of what is lost, of 0.5."""
    model = made((1, 64), config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)

    def batch(count: int) -> Batch:
        hz, phase = torch.rand(2, count, 1, 1)
        return Batch(torch.sin((0.2 + 0.4 * hz) * torch.arange(64) + 6.3 * phase))

    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(batch(32)).total.backward()
        optimizer.step()
    loss = model.eval().loss(batch(256))
    return model, {name: value.item() for name, value in loss.parts.items()}


def test_sines_are_learned_with_all_codes():
    _, parts = learn(VQVAE.Config(channels=(16, 32), strides=((2,), (2,)), blocks=1, codes=32, dim=8), steps=100)
    assert parts["error"] < 0.03
    assert parts["used"] == 1
    assert parts["perplexity"] > 0.6 * 32


def test_a_training_step_may_see_a_part_of_each_example():
    seen = []

    def criterion(estimate, batch):
        seen.append(batch.x)
        return Loss((estimate - batch.x).square().mean())

    model = made((1, 40), replace(SMALL, strides=((2,), (2,)), crop=12), criterion=criterion)
    x = torch.arange(40.0).expand(64, 1, 40) + 100 * torch.arange(64.0)[:, None, None]
    model.train().loss(Batch(x))
    model.eval().loss(Batch(x))
    part, whole = seen
    assert torch.equal(whole, x)
    assert part.shape == (64, 1, 12)
    starts = part[:, 0, 0] - 100 * torch.arange(64)
    assert torch.equal(part, starts[:, None, None] + x[:, :, :12])
    assert starts.min() < 5
    assert starts.max() > 23
    assert starts.max() <= 28


def test_what_is_decoded_is_what_was_trained():
    """Codes alone carry everything: no path goes around them."""
    model = made((1, 32), replace(SMALL, strides=((2,), (2,)))).eval()
    nn.init.normal_(model.quantizer.table)
    seen = []
    model.criterion = lambda estimate, batch: seen.append(estimate) or Loss(estimate.mean())
    x = torch.randn(2, 1, 32)
    model.loss(Batch(x))
    torch.testing.assert_close(model.decode(model.encode(x)), seen[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ()}, "number of channels=0 must be"),
        ({"channels": (8,)}, "number of strides=2 must equal number of channels=1"),
        ({"strides": ((2, 2), (2,))}, "length of a stride=1 must equal number of axes=2"),
        ({"strides": ((2, 0), (2, 2))}, "stride=0 must be"),
        ({"blocks": 1000}, "blocks=1000 must be"),
        ({"codes": 10**6}, "number of codes=1000000 must be"),
        ({"stages": 0}, "stages=0 must be"),
        ({"crop": -1}, "crop=-1 must be"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(UserError, match=message):
        made((1, 16, 16), replace(SMALL, **changes))


def test_only_numbers_without_levels_are_coded():
    with pytest.raises(UserError, match=r"levels=256 of the examples must be none; take e\.g\. Pixels\(levels=None\)"):
        VQVAE(DataSpec(shape=(1, 8, 8), levels=256), SMALL)


def test_codes_of_another_shape_are_refused(model):
    codes = torch.zeros(2, *[n + 1 for n in model.code_spec.shape], dtype=torch.int64)
    with pytest.raises(UserError, match="codes has shape"):
        model.decode(codes)
