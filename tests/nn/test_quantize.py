from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from synthgen.checks import UserError
from synthgen.nn.finite_scalar import FiniteScalarQuantizer
from synthgen.nn.grouped import GroupedQuantizer
from synthgen.nn.quantize import SMOOTHING, VectorQuantizer, health
from synthgen.nn.residual import ResidualQuantizer

PLAIN = {"start": "random", "restart": 0.0}


def residual(stages: int, **options) -> ResidualQuantizer:
    return ResidualQuantizer([VectorQuantizer(8, 4, **options) for _ in range(stages)])


QUANTIZERS = {
    "ema": lambda: VectorQuantizer(8, 4),
    "gradient": lambda: VectorQuantizer(8, 4, update="gradient", **PLAIN),
    "cosine": lambda: VectorQuantizer(8, 4, distance="cosine"),
    "residual": lambda: residual(3),
    "groups": lambda: GroupedQuantizer(VectorQuantizer(8, 4), 3),
    "finite scalar": lambda: FiniteScalarQuantizer((4, 2, 3, 3)),
}


@pytest.fixture(params=QUANTIZERS.values(), ids=QUANTIZERS)
def quantizer(request):
    """One whose codebooks, if it has any, lie among normal latents."""
    made = request.param()
    for module in made.modules():
        if isinstance(module, VectorQuantizer):
            vectors = module._place(torch.randn(module.levels, module.dim))
            (module.table.weight if isinstance(module.table, nn.Embedding) else module.table).data.copy_(vectors)
    return made


def fit(quantizer, latents: torch.Tensor, steps: int, size: int = 256) -> dict[str, float]:
    """Train on random latents (N, D); health at the end, of all of them."""
    quantizer.train()
    for _ in range(steps):
        quantizer(latents[torch.randint(len(latents), (size,))][..., None])
    quantizer.eval()
    return {
        name: value.item() for name, value in health(quantizer.encode(latents[..., None]), quantizer.levels).items()
    }


@pytest.mark.parametrize("size", [(), (5,), (3, 2), (2, 1, 3)])
def test_any_number_of_dimensions(quantizer, size):
    z = torch.randn(2, quantizer.dim, *size)
    found = quantizer.eval()(z)
    assert found.z.shape == z.shape
    assert found.codes.shape == (2, quantizer.channels, *size)
    assert torch.equal(found.codes, quantizer.encode(z))
    torch.testing.assert_close(quantizer.decode(found.codes), found.z)
    assert set(found.parts) == {"used", "perplexity", "dead"}


@pytest.mark.parametrize("name", ["ema", "gradient", "residual"])
def test_gradients_go_straight_through(name):
    quantizer, z = QUANTIZERS[name]().eval(), torch.randn(2, 4, 5, requires_grad=True)
    weight = torch.randn(2, 4, 5)
    (quantizer(z).z * weight).sum().backward()
    torch.testing.assert_close(z.grad, weight)


def test_rounding_passes_the_gradient_of_the_bound():
    z = torch.zeros(1, 2, 1, requires_grad=True)
    quantizer = FiniteScalarQuantizer((5, 5))
    quantizer(z).z.sum().backward()
    # At zero a tanh has slope 1; it reaches a hundredth of a level beyond the outermost ones.
    torch.testing.assert_close(z.grad, torch.full_like(z, 4.02 / 4))


def test_only_the_losses_that_are_meant_to_move_latents_and_codes_do():
    quantizer, z = QUANTIZERS["gradient"](), torch.randn(2, 4, 5, requires_grad=True)
    found = quantizer(z)
    to_latents, to_codes = torch.autograd.grad(found.commitment, [z, quantizer.table.weight], allow_unused=True)
    assert to_latents.abs().sum() > 0
    assert to_codes is None
    to_latents, to_codes = torch.autograd.grad(found.codebook, [z, quantizer.table.weight], allow_unused=True)
    assert to_latents is None
    assert to_codes.abs().sum() > 0
    assert QUANTIZERS["ema"]()(z).codebook == 0


@pytest.mark.parametrize("quantizer", [q for k, q in QUANTIZERS.items() if k != "residual"], indirect=True)
def test_code_vectors_have_their_own_codes(quantizer):
    codes = torch.arange(quantizer.levels).expand(1, quantizer.channels, -1)
    assert torch.equal(quantizer.encode(quantizer.decode(codes)), codes)


def test_averages_equal_the_closed_form():
    quantizer, decay = VectorQuantizer(3, 1, **PLAIN, decay=0.9), 0.9
    start = torch.tensor([[-1.0], [0.0], [5.0]])
    quantizer.table.copy_(start)
    quantizer.sums.copy_(start)
    latents = torch.tensor([[-1.2], [-1.0], [-0.8], [0.2]])
    for _ in range(40):
        quantizer(latents[..., None])
    left = decay**40
    use = torch.tensor([3 / 4, 1 / 4, 0.0]) * 3  # relative to even use
    means = torch.tensor([-1.0, 0.2, 0.0])
    counts = left + (1 - left) * use
    sums = left * start[:, 0] + (1 - left) * use * means
    smooth = (counts + SMOOTHING) / (3 + 3 * SMOOTHING) * 3
    torch.testing.assert_close(quantizer.counts, counts)
    torch.testing.assert_close(quantizer.vectors[:, 0], sums / smooth)


def counted_from_nothing(latents: torch.Tensor, vectors: torch.Tensor, *, decay: float = 0.99) -> torch.Tensor:
    """A step of averages as public code has them: counts of latents from 0, sums from the first codes."""
    chosen = torch.cdist(latents, vectors).argmin(1)
    taken = nn.functional.one_hot(chosen, len(vectors)).float()
    counts = (1 - decay) * taken.sum(0)
    total = counts.sum()
    counts = (counts + SMOOTHING) / (total + len(vectors) * SMOOTHING) * total
    return (decay * vectors + (1 - decay) * taken.T @ latents) / counts[:, None]


@pytest.mark.parametrize("options", [PLAIN, {"start": "random"}, {}, {"distance": "cosine"}])
@pytest.mark.parametrize("centre", [0.0, 3.0])
def test_the_first_step_throws_no_code_away(options, centre):
    """Code vectors jump to norms above 100, and one of 128 may be all that stays in use, where averages are wrong."""
    latents, random = centre + torch.randn(32 * 49, 16), torch.empty(128, 16).uniform_(-1 / 128, 1 / 128)
    assert counted_from_nothing(latents, random).norm(dim=1).max() > 100
    quantizer = VectorQuantizer(128, 16, **options)
    quantizer(latents[..., None])
    assert quantizer.vectors.norm(dim=1).max() < 1.5 * latents.norm(dim=1).max() < 100
    if not (options is PLAIN and centre):  # nothing but replacement saves codes that lie beside all latents
        assert health(quantizer.eval().encode(latents[..., None]), 128)["used"] > 0.5


@pytest.mark.parametrize(("options", "enough"), [(PLAIN, 5), ({"start": "random"}, 100), ({}, 100)])
def test_codes_stay_among_the_latents(options, enough):
    """With counts that start at 0, unused codes are divided by nearly nothing in the first step, and are lost."""
    quantizer, latents = VectorQuantizer(128, 16, **options), torch.randn(64, 16, 8)
    for _ in range(3):
        found = quantizer(latents)
        assert quantizer.vectors.norm(dim=1).max() <= latents.norm(dim=1).max()
    for _ in range(30):
        found = quantizer(latents)
    assert found.parts["used"] * 128 > enough


def test_a_codebook_far_from_the_latents_recovers():
    quantizer, latents = VectorQuantizer(32, 4, start="random"), torch.randn(2000, 4)
    quantizer.table.fill_(50.0)
    quantizer.sums.fill_(50.0)
    before = health(quantizer.encode(latents[..., None]), 32)
    assert before["used"] == 1 / 32
    after = fit(quantizer, latents, steps=400)
    assert after["used"] == 1
    assert after["perplexity"] > 0.7 * 32
    lost = VectorQuantizer(32, 4, **PLAIN)
    lost.table.fill_(50.0)
    lost.sums.fill_(50.0)
    assert fit(lost, latents, steps=400)["used"] == 1 / 32


def test_the_first_batch_sets_the_codebook():
    places = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])
    latents = (places.repeat(64, 1) + 0.1 * torch.randn(256, 2))[..., None]
    quantizer = VectorQuantizer(16, 2)
    found = quantizer(latents)
    assert found.commitment < 0.05
    assert found.parts["used"] == 1
    state = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer.eval()(latents + 100)
    assert all(torch.equal(value, state[name]) for name, value in quantizer.state_dict().items())


def test_fewer_latents_than_codes_are_enough():
    quantizer = VectorQuantizer(64, 2)
    found = quantizer(torch.randn(3, 2, 5))
    assert found.commitment < 1e-6
    assert quantizer.vectors.isfinite().all()


def test_replacements_depend_on_the_seed_alone():
    latents, books = torch.randn(100, 4, 1), []
    for _ in range(2):
        torch.manual_seed(5)
        quantizer = VectorQuantizer(32, 4, start="random")
        for _ in range(30):
            found = quantizer(latents)
        books.append(quantizer.vectors.clone())
    assert torch.equal(*books)
    assert found.codes.unique().numel() > 20


def test_dead_codes_are_counted():
    quantizer = VectorQuantizer(4, 1, **PLAIN, decay=0.5)
    quantizer.table.copy_(torch.tensor([[0.0], [1.0], [50.0], [60.0]]))
    quantizer.sums.copy_(quantizer.table)
    latents = torch.tensor([0.0, 1.0]).repeat(8)[:, None, None]
    dead = [quantizer(latents).parts["dead"].item() for _ in range(12)]
    assert (dead[0], dead[-1]) == (0, 2)
    assert quantizer.eval()(latents).parts["dead"] == 2


def test_directions_are_compared_on_a_sphere():
    quantizer, z = VectorQuantizer(8, 4, distance="cosine"), torch.randn(64, 4, 3)
    for _ in range(20):
        found = quantizer(z)
    torch.testing.assert_close(quantizer.vectors.square().mean(1), torch.ones(8))
    assert torch.equal(quantizer.eval().encode(z), quantizer.encode(7 * z))
    torch.testing.assert_close(found.z.square().mean(1), torch.ones(64, 3))


def test_each_stage_leaves_less():
    latents, errors = torch.randn(4000, 4), []
    for stages in (1, 2, 3, 4):
        quantizer = residual(stages)
        fit(quantizer, latents, steps=60)
        z = latents[..., None]
        errors.append((quantizer.decode(quantizer.encode(z)) - z).square().mean().item())
    assert all(b < 0.75 * a for a, b in pairwise(errors))


@pytest.mark.parametrize("widths", [(8, 8, 8), (5, 3), (2, 7, 4), (2,)])
def test_finite_scalars_are_bounded_and_reach_all_levels(widths):
    quantizer = FiniteScalarQuantizer(widths)
    z = 50 * torch.randn(4000, len(widths), 2)
    found = quantizer(z)
    assert found.z.abs().max() <= 1
    assert 0 <= found.codes.min() <= found.codes.max() == quantizer.levels - 1
    spread = quantizer(0.8 * torch.randn(40_000, len(widths), 2))
    assert spread.parts["used"] == 1
    codes = torch.arange(quantizer.levels).expand(1, quantizer.channels, -1)
    values = quantizer.decode(codes)[0]
    for entry, width in zip(values, widths, strict=True):
        assert entry.unique().numel() == width
    assert values.T.unique(dim=0).shape[0] == quantizer.levels


def test_half_precision_chooses_the_same_codes():
    quantizer, z = VectorQuantizer(64, 16), torch.randn(64, 16, 4)
    quantizer(z)
    quantizer.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = quantizer(z)
    assert torch.equal(found.codes, quantizer.encode(z))
    assert found.z.dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VectorQuantizer(1, 4), "number of codes=1 must be between 2 and 32768"),
        (lambda: VectorQuantizer(8, 0), "length of a code=0 must be"),
        (lambda: VectorQuantizer(8, 4, restart=2.0), r"restart=2\.0 must be"),
        (lambda: VectorQuantizer(8, 4, update="gradient"), "update='gradient' needs start='random' and restart=0"),
        (lambda: FiniteScalarQuantizer((200, 200)), "number of codes=40000 must be"),
        (lambda: FiniteScalarQuantizer(()), "number of entries of a code=0 must be"),
        (lambda: residual(2, distance="cosine"), "distance='cosine' cannot compare what is left"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_groups_are_coded_apart_by_one_codebook():
    one = VectorQuantizer(8, 4, **PLAIN)
    one.table.copy_(torch.randn(8, 4))
    quantizer = GroupedQuantizer(one, 3).eval()
    parts = torch.randn(2, 3, 4, 5)
    codes = quantizer.encode(parts.transpose(1, 2).flatten(1, 2))  # entries of the groups lie side by side
    assert torch.equal(codes, torch.cat([one.encode(part) for part in parts.unbind(1)], dim=1))
