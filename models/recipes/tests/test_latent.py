"""The autoencoder and the sampler do what their manifests say."""

import numpy as np
import pytest
import torch

from veritome_recipes.latent import haar
from veritome_recipes.models import recipe


def test_an_autoencoder_takes_any_size_of_sixteens_and_begins_as_a_copy():
    network = recipe("brain-vae").network().eval()
    image = torch.rand(1, 1, 48, 64, 48)
    with torch.no_grad():
        mean, logvar = network.encoder(image)
        assert mean.shape == logvar.shape == (1, 8, 24, 32, 24)
        assert (network.decoder(mean) - image).abs().max() < 1e-5


def test_the_patterns_of_a_cube_are_orthogonal():
    patterns = haar().flatten(1)
    assert (patterns @ patterns.T == 8 * torch.eye(8)).all()
    assert (patterns[0] == 1).all()


def test_a_batch_says_where_it_was_spoilt():
    batches = recipe("brain-vae").Batches(2, count=4, size=(48, 64, 48))
    spoilt, healthy, brain, where, span = batches.next()
    assert spoilt.shape == healthy.shape == (4, 8, 24, 32, 24) and brain.shape == where.shape == (4, 1, 24, 32, 24)
    assert where.min() >= 0 and where.max() <= 1 and torch.isfinite(spoilt).all()
    apart = (spoilt - healthy).abs().amax(1, keepdim=True)
    marked, plain = where > 0.9, where == 0
    assert span.shape == (4, 1, 1, 1, 1) and span.min() > 0
    assert marked.any() and apart[marked].mean() > 0.03
    assert apart[plain].max() < 1e-5  # the noise is the same in both


def test_precision_and_recall_by_hand():
    area, dice = recipe("brain-vae").precision_recall(np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False]))
    # Thresholds 3, 2, 1: precision 1, 2/3, 1/2 at recall 1/2, 1, 1; Dice 2/3, 4/5, 2/3.
    assert area == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert dice == pytest.approx(0.8)


def test_a_lesion_lies_in_the_brain_and_is_all_that_changes():
    module = recipe("brain-vae")
    head = [x[24:72, 24:72, 24:72] for x in module.references()["t2"]]
    for kind in module.KINDS:
        image, truth = module.with_lesion(np.random.default_rng(1), head, kind, (7, 12))
        changed = np.abs(image - head[0]) > 1e-3
        assert truth.any() and not (truth & ~head[1]).any()
        assert changed[truth].mean() > 0.5, kind


def test_the_sampler_finds_what_a_perfect_denoiser_knows():
    """Data that are one image: the velocity is known, and the end must be that image, whatever the noise."""
    module = recipe("brain-sampler")
    truth = torch.linspace(-0.9, 0.9, 96)[:, None].expand(96, 112)[None, None]
    left = module.alphas().double()

    def denoise(image, timestep):
        a = left[timestep.long()][:, None, None, None]
        noise = (image - a.sqrt() * truth) / (1 - a).sqrt()
        return (a.sqrt() * noise - (1 - a).sqrt() * truth).float()

    found = module.ddim(denoise, torch.randn(2, 1, 96, 112, generator=torch.Generator().manual_seed(0)))
    assert (found - truth).abs().max() < 1e-3


def test_steps_and_schedule_are_the_manifests():
    module = recipe("brain-sampler")
    assert module.alphas()[999].item() == pytest.approx(2.43e-9, rel=1e-2)  # INFERENCE: MONAI's cosine
    assert f"steps = {40}" in module.MANIFEST and 'timestep_spacing = "trailing"' in module.MANIFEST
    assert module.visited()[0] == module.T - 1


def test_the_set_is_the_same_at_each_call_and_the_holdout_is_another(monkeypatch):
    module = recipe("brain-sampler")
    monkeypatch.setattr(module, "BRAINS", {"train": 2, "holdout": 2})
    first = module.slices("train")
    monkeypatch.setattr(module, "_kept", {})
    assert (module.slices("train") == first).all()
    assert (module.slices("holdout") - first).abs().mean() > 0.05
    assert first.shape == (8, 1, 96, 112) and first.min() >= -1 and first.max() <= 1


def test_distances_of_a_set_from_itself_are_nothing():
    module = recipe("brain-sampler")
    x = np.random.default_rng(0).standard_normal((200, 5))
    assert module.frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert module.frechet(x + [2, 0, 0, 0, 0], x) == pytest.approx(4, abs=1e-6)
    assert module.area(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert module.area(np.array([1.0]), np.array([1.0])) == 0.5
