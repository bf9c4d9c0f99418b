from __future__ import annotations

import numpy as np
import pytest
import torch

from synthgen.heads import Categorical, LogisticMixture, Sampling
from synthgen.kernels.drawing import draw
from synthgen.models.lockstep import drawing_of

SAMPLINGS = {
    "mode": Sampling(temperature=0),
    "as learned": Sampling(),
    "cool": Sampling(temperature=0.6),
    "one": Sampling(top_k=1),
    "top k": Sampling(top_k=3),
    "more than all": Sampling(top_k=1000),
    "top p": Sampling(top_p=0.7),
    "all of p": Sampling(top_p=1.0),
    "both": Sampling(temperature=1.3, top_k=4, top_p=0.5),
}
HEADS = {
    "categorical": Categorical(levels=17),
    "mixture": LogisticMixture(bits=5, components=4),
    "16 bits": LogisticMixture(bits=16, components=6),
}


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_draws_are_those_of_the_head(head, sampling):
    parameters, value = 2 * torch.randn(300, head.channels), torch.rand(300) - 0.5
    uniforms = torch.rand(300, head.draws)
    uniforms[0], uniforms[1] = 0, 1 - 2**-24
    expected = head.sample(head.relative(parameters, value), uniforms, sampling).numpy()
    drawing, room = drawing_of(head, sampling), np.zeros((2, head.channels))
    found = [
        draw(p, v, u, drawing, room)
        for p, v, u in zip(parameters.numpy(), value.numpy(), uniforms.numpy(), strict=True)
    ]
    np.testing.assert_array_equal(found, expected)
    assert len(set(found)) > 1


def test_of_equal_logits_the_first_are_the_likelier():
    head = Categorical(levels=6)
    drawing, room = drawing_of(head, Sampling(top_k=2)), np.zeros((2, 6))
    found = {
        draw(np.zeros(6, np.float32), 0.0, np.array([u], np.float32), drawing, room) for u in (0.0, 0.4, 0.6, 0.99)
    }
    assert found == {0, 1}
