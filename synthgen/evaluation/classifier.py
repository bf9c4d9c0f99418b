"""A small classifier that never saw the generator: does it agree with the labels that pictures were generated for?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from synthgen.checks import UserError
from synthgen.data.images import ImageSet
from synthgen.data.loading import Examples, order
from synthgen.models import Classifier
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Batch, DataSpec
from synthgen.representations.base import ImageRepresentation

from .pixel_report import class_examples, class_field, generate

BATCH = 64
LR = 4e-3


def train_classifier(
    train: Examples,
    representation: ImageRepresentation,
    *,
    label: str = "class",
    steps: int = 1000,
    seed: int = 0,
) -> Classifier:
    """Learn to tell a category from pictures as `representation` leaves them; the same seed gives the same classifier.

    Args:
        train: What to learn.
        representation: That of the generator, so that rounding of levels gives nothing away.
        label: Name of the category.
        steps: Steps of 64 pictures.
        seed: Of the first weights and of the order.

    Raises:
        UserError: there is no such label, or it is no category.
    """
    field = train.spec.field(label)
    if field.kind != "category":
        raise UserError(f"label={label!r} is of kind {field.kind}; agreement needs a category")
    shape = (representation.channels, representation.height, representation.width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(DataSpec(shape=shape, fields=train.spec.fields), Classifier.Config(label=label))
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=LR, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps + 1)
    for step in tqdm(range(steps), desc="training a classifier", disable=None, leave=False):
        batch = train.batch(order(len(train), seed=seed, step=step, batch_size=BATCH))
        pictures = representation.decode(representation.encode(batch.x))
        loss = classifier.loss(Batch(2 * pictures - 1, batch.labels))
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        schedule.step()
    return classifier.eval().requires_grad_(False)


@torch.no_grad()
def agreement(classifier: Classifier, pictures: Tensor, labels: Tensor) -> float:
    """Share of pictures (N, C, H, W) whose class is that of their labels (N,), numbered as in the training data."""
    told = torch.cat([classifier(2 * part - 1).argmax(1) for part in pictures.split(256)])
    return (told == labels).double().mean().item()


def accuracy(classifier: Classifier, examples: Examples, representation: ImageRepresentation) -> float:
    """Share of real pictures that it tells rightly."""
    right = 0.0
    for indices in torch.arange(len(examples)).split(256):
        batch = examples.batch(indices)
        pictures = representation.decode(representation.encode(batch.x))
        right += len(batch) * agreement(classifier, pictures, batch.labels[classifier.field.name])
    return right / len(examples)


def flags_told(
    classifier: Classifier, examples: Examples, representation: ImageRepresentation, *, train: Examples
) -> str:
    """A line: the share of flags that a classifier of flags tells rightly, beside that of a constant guess."""
    name = classifier.field.name

    def flags(part: Examples) -> Tensor:
        return torch.cat([part.batch(rows).labels[name] for rows in torch.arange(len(part)).split(256)])

    told = []
    with torch.no_grad():
        for rows in torch.arange(len(examples)).split(256):
            told.append(classifier(representation.encode(examples.batch(rows).x)) > 0)
    wanted, commoner = flags(examples) > 0.5, flags(train).mean(0) > 0.5
    right, guessed = (100 * (guess == wanted).double().mean().item() for guess in (torch.cat(told), commoner))
    return (
        f"{right:.2f} % of {classifier.field.size} flags of {len(examples)} held-out pictures told rightly "
        f"(always the commoner value: {guessed:.2f} %)"
    )


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How often a classifier tells the class that a picture was generated for.

    Attributes:
        pictures: Number of generated pictures.
        generated: Share of these.
        real: Share of held-out real pictures, the most that can be hoped for.
        chance: Share that a blind guess would have.
    """

    pictures: int
    generated: float
    real: float
    chance: float

    def line(self) -> str:
        """The figures in a sentence."""
        if not self.pictures:
            return "the model is told no class that a classifier could look for"
        return (
            f"a classifier agrees with the label of {100 * self.generated:.1f} % of {self.pictures} generated pictures "
            f"({100 * self.real:.1f} % of real ones, {100 * self.chance:.1f} % by chance)"
        )


def judge_classes(
    model: Autoregressive,
    representation: ImageRepresentation,
    data: ImageSet,
    *,
    seen: ImageRepresentation | None = None,
    per_class: int = 32,
    steps: int = 1000,
    seed: int = 0,
) -> Agreement:
    """Train a classifier on a data set, and let it tell the classes of a model's pictures, if the model has any.

    Args:
        model: In eval mode.
        representation: Between media and what the model sees.
        data: What the classifier learns and is tested on; the labels of its test pictures are generated for.
        seen: Leaves real pictures as the classifier sees them; `representation` if None.
        per_class: Pictures to generate of each class, fewer where the test pictures are fewer.
        steps: The classifier's.
        seed: Of the classifier and of the pictures.
    """
    field = class_field(model, data.test)
    if field is None:
        return Agreement(pictures=0, generated=math.nan, real=math.nan, chance=math.nan)
    seen = seen or representation
    classifier = train_classifier(data.train, seen, label=field.name, steps=steps, seed=seed)
    labels = class_examples(model, data.test, per_class=per_class, seed=seed).labels
    wanted = labels[field.name]
    pictures = generate(model, representation, data.test, labels, len(wanted), seed=seed)
    return Agreement(
        pictures=len(pictures),
        generated=agreement(classifier, pictures, wanted),
        real=accuracy(classifier, data.test, seen),
        chance=1 / field.size,
    )
