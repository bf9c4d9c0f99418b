r"""All figures of the image recipes from the folders of their runs: chairs, PCA, autoencoder, VAE, GANs.

python recipes/benchmarks/images.py --chairs runs/chairs --chairs-data.root ~/chairs
python recipes/benchmarks/images.py --faces.root ~/celeba --extractor runs/faces \
    --autoencoder runs/celeba_autoencoder --generators runs/celeba_vae runs/celeba_gan
python recipes/benchmarks/images.py --digits.root ~/mnist --vae runs/digits_vae --conditional-vae runs/digits_cvae

What is not given is left out. Targets stand beside figures, with whether they are met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.commands.comparing import Comparison, Sets, compare
from synthgen.data.celeba import CelebA
from synthgen.data.chairs import Chairs
from synthgen.data.images import ImageSet
from synthgen.data.mnist import MNIST
from synthgen.evaluation.comparison import Row
from synthgen.evaluation.machine import machine
from synthgen.evaluation.reconstruction import Nats, held_out_nats
from synthgen.evaluation.views import judge
from synthgen.latent.axes import drawn_seed
from synthgen.latent.points import example_points
from synthgen.latent.ways import PCA
from synthgen.models import VAE, Decoder
from synthgen.rendering.library import find
from synthgen.representations import Pixels
from synthgen.representations.base import ImageRepresentation
from synthgen.script import run

SHOWN_DB, GAIN_DB, SILHOUETTE = 25.0, 2.0, 0.85
NATS, GAIN_NATS = 104.0, 1.5
EXACT = 1e-4
"""Largest difference of a rebuilt value in [-1, 1] from scikit-learn's, which computes in another order."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Which runs are judged, on which data."""

    chairs_data: Chairs.Config = field(default_factory=Chairs.Config)
    chairs: tuple[Path, ...] = ()
    """Runs of `chairs_decoder.py`."""
    faces: CelebA.Config = field(default_factory=CelebA.Config)
    extractor: Path | None = None
    """Run of `celeba_classifier.py`; without it nothing of faces is judged."""
    autoencoder: Path | None = None
    """Run of `celeba_autoencoder.py`."""
    generators: tuple[Path, ...] = ()
    """Other runs on faces: VAEs and GANs."""
    axes: tuple[int, ...] = (8, 16, 32, 64, 128)
    """Of PCA."""
    digits: MNIST.Config = field(default_factory=MNIST.Config)
    vae: Path | None = None
    """Run of `digits_vae.py`."""
    conditional_vae: Path | None = None
    """The same with labels."""
    limit: int = 2000
    """Pictures to draw from each, and to compare with."""
    page: Path = Path("runs/images")
    """Folder for a page of the faces that were drawn."""
    seed: int = 0
    """Seed of fits and draws."""


def verdict(text: str, target: str, met: bool) -> str:
    """A figure beside its target."""
    return f"- {text}; target {target}: {'met' if met else 'NOT MET'}"


def same_data(path: Path, provenance: dict, data: ImageSet) -> None:
    """Refuse to judge a model on pictures that it may have learned.

    Raises:
        UserError: the run's data were others.
    """
    if provenance.get("data", {}).get("split_hash") != data.split_hash:
        raise UserError(f"{path}: trained on another set, so that held-out pictures may be known to it; give its own")


def of_chairs(benchmark: Benchmark, path: Path) -> Iterator[str]:
    """PSNR and silhouettes of shown and held-out views."""
    loaded = checkpoint.load(find(path))
    if not isinstance(loaded.model, Decoder):
        raise UserError(f"{path}: holds no Decoder; give a run of recipes/chairs_decoder.py")
    options = loaded.provenance.get("data", {}).get("options", {})
    data = Chairs(replace(benchmark.chairs_data, **options), loaded.representation)
    same_data(path, loaded.provenance, data)
    report = judge(loaded.model, loaded.representation, data)
    shown, held = report.train, report.test
    minutes, step = (loaded.provenance.get(name, 0) for name in ("minutes", "step"))
    parameters = sum(p.numel() for p in loaded.model.parameters()) / 1e6
    yield f"## Chairs: {path}, {parameters:.2f} M parameters, {step} steps in {minutes:.1f} minutes\n\n{report}\n"
    yield verdict(f"shown views {shown.psnr:.2f} dB", f">= {SHOWN_DB:g}", shown.psnr >= SHOWN_DB)
    gain = held.psnr - held.blended
    yield verdict(f"held-out views {gain:+.2f} dB beside blends", f">= {GAIN_DB:g}", gain >= GAIN_DB)
    outline = min(shown.silhouette, held.silhouette)
    yield verdict(f"silhouettes {outline:.3f}", f">= {SILHOUETTE:g}", outline >= SILHOUETTE)


def of_pca(benchmark: Benchmark, sets: Sets, pixels: ImageRepresentation) -> Iterator[str]:
    """The largest difference from scikit-learn's own reconstructions by the same solver, by number of axes."""
    from sklearn import decomposition

    train, test = sets.train(pixels), example_points(sets.test(pixels), pixels).flatten(1)
    most, points = max(benchmark.axes), example_points(train, pixels).flatten(1).numpy()
    ours = PCA.fit(train, pixels, most, seed=benchmark.seed).space
    theirs = decomposition.PCA(most, random_state=drawn_seed(torch.Generator().manual_seed(benchmark.seed))).fit(points)
    centred, differences = theirs.transform(test.numpy()), []
    for count in benchmark.axes:
        wanted = centred[:, :count] @ theirs.components_[:count] + theirs.mean_
        found = ours.reconstruct(test.view(-1, *ours.shape), count).flatten(1).numpy()
        differences.append(float(np.abs(found - wanted).max()))
    text = ", ".join(f"{count}: {value:.1e}" for count, value in zip(benchmark.axes, differences, strict=True))
    yield verdict(
        f"PCA beside scikit-learn's by axes, largest difference {text}", f"<= {EXACT:g}", max(differences) <= EXACT
    )


def of_faces(benchmark: Benchmark, sets: Sets) -> Iterator[str]:
    """What PCA, autoencoder, VAE and GANs keep and draw."""
    pixels = Pixels(height=64, width=64, channels=3, levels=None)
    runs = [*filter(None, [benchmark.autoencoder]), *benchmark.generators]
    for path in runs:
        loaded = checkpoint.load(find(path))
        if path == benchmark.autoencoder:
            pixels = loaded.representation
            same_data(path, loaded.provenance, sets.at(pixels))
    found = compare(
        sets, benchmark.extractor, runs, pixels=pixels, axes=benchmark.axes, limit=benchmark.limit, seed=benchmark.seed
    )
    yield f"## Faces\n\n{found}\n"
    yield from of_pca(benchmark, sets, pixels)
    if benchmark.autoencoder:
        yield from beside(found, benchmark.autoencoder.resolve().name, len(benchmark.generators))
    yield f"\npage: {found.write(benchmark.page, seed=benchmark.seed)}"


def beside(found: Comparison, name: str, others: int) -> Iterator[str]:
    """The autoencoder beside PCA of as many axes, and the other generators beside it."""
    rows = found.rows
    gaussian = next(row for row in rows if row.name == f"{name}, Gaussian")
    mixture = next(row for row in rows if row.name.startswith(f"{name}, mixture"))
    pca = next(row for row in rows if row.name == f"PCA, {gaussian.numbers} axes" and row.side == gaussian.side)
    yield verdict(
        f"autoencoder {gaussian.psnr:.2f} dB, PCA {pca.psnr:.2f} dB with {pca.numbers} numbers each",
        "above PCA's",
        gaussian.psnr > pca.psnr,
    )

    def nearer(row: Row, than: Row) -> str:
        a, b = (r.frechet.distance for r in (row, than))
        return verdict(f"{row.name}: FD[{row.frechet.extractor}] {a:.3f}, {than.name}: {b:.3f}", "below it", a < b)

    best = min((gaussian, mixture), key=lambda row: row.frechet.distance)
    yield nearer(gaussian, pca)
    for row in rows[-others:] if others else []:
        yield nearer(row, best)


def nats_of(benchmark: Benchmark, path: Path) -> Nats:
    """The bound of a VAE on the test digits."""
    loaded = checkpoint.load(find(path))
    if not isinstance(loaded.model, VAE):
        raise UserError(f"{path}: holds no VAE; give a run of recipes/digits_vae.py")
    options = loaded.provenance.get("data", {}).get("options", {})
    data = MNIST(replace(benchmark.digits, **options), loaded.representation)
    same_data(path, loaded.provenance, data)
    return held_out_nats(loaded.model, loaded.representation, data.test, seed=benchmark.seed)


def of_digits(benchmark: Benchmark) -> Iterator[str]:
    """Nats of digits, without labels and with."""
    yield "## Digits in black and white\n"
    plain = nats_of(benchmark, benchmark.vae)
    yield verdict(f"VAE: -ELBO {plain.bound:.2f} +- {plain.error:.2f} nats", f"<= {NATS:g}", plain.bound <= NATS)
    if benchmark.conditional_vae:
        told = nats_of(benchmark, benchmark.conditional_vae)
        gain = plain.bound - told.bound
        yield verdict(
            f"conditional VAE: {told.bound:.2f} +- {told.error:.2f}, {gain:.2f} nats lower",
            f">= {GAIN_NATS:g} lower",
            gain >= GAIN_NATS,
        )


def main(benchmark: Benchmark) -> None:
    """Judge the runs that are given, and print figures and targets."""
    b = benchmark
    if not (b.chairs or b.extractor or b.vae):
        raise UserError("no runs are given; name some by --chairs, --extractor with --autoencoder, or --vae")
    torch.manual_seed(b.seed)
    print(f"{machine()}; {b.chairs_data.root}, {b.faces.root}, {b.digits.root}; seed {b.seed}\n")
    parts = [of_chairs(b, path) for path in b.chairs]
    if b.extractor:
        parts.append(of_faces(b, Sets(partial(CelebA, b.faces))))
    if b.vae:
        parts.append(of_digits(b))
    for part in parts:
        for line in part:
            print(line, flush=True)
        print()


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
