"""The autoencoder and the sampler do what their manifests say."""

import numpy as np
import pytest
import torch

from veritome_recipes.models import recipe


def test_an_autoencoder_gives_back_what_it_does_not_doubt():
    module = recipe("brain-vae")
    network, batches = module.network().eval(), module.Batches(2)
    with torch.no_grad():
        spoilt, *_ = batches.case()
        mean, logvar = network.encoder(spoilt[None, None])
        made = network.decoder(mean)
        trusted = network.decoder(mean * torch.tensor([0.0, 1.0, 1.0]).view(1, 3, 1, 1, 1))
    assert mean.shape == logvar.shape == (1, 3, *module.SIZE)
    surprise = mean[0, 0] ** 2 / 2
    assert (logvar[:, 0] == 0).all() and surprise.median() < 2
    assert ((made - spoilt)[0, 0].abs()[surprise < 1] < 0.03).all()
    assert (trusted - spoilt).abs().max() < 1e-5


def test_a_batch_says_where_it_was_spoilt():
    batches = recipe("brain-vae").Batches(5, size=(64, 80, 64))
    drawn = [batches.next() for _ in range(4)]
    even, gain, prior, fit, healthy, brain, where, span = max(drawn, key=lambda batch: batch[6].sum())
    size = (1, 1, 64, 80, 64)
    assert even.shape == gain.shape == healthy.shape == brain.shape == where.shape == size
    assert prior.shape == (1, 6, *size[2:]) and fit.shape == (3, 1, 8, 1, 1, 1) and span > 0
    apart = (even * gain - healthy).abs()
    assert (where > 0.9).any() and apart[where > 0.9].mean() > 0.02
    assert apart[where == 0].max() < 1e-4  # the noise is the same in both


def test_a_drawn_head_knows_its_way_into_the_atlas():
    module = recipe("brain-vae")
    batches = module.Batches(4)
    grid = batches.anatomy.grid(batches.draw, module.SIZE, [module.SPACING] * 3, [0.5, 0.45, 0.52], 0.6)
    atlas = batches.encoder.atlas
    flat = atlas.flat(torch.zeros(1, 1, *module.SIZE), module.SPACING)
    found = (batches.anatomy.way @ flat).T.reshape(*module.SIZE, 3) @ atlas.turn + atlas.shift
    # The same range of grid_sample on two grids of one extent, give or take half a voxel of 2 mm; bends are a few millimetres.
    apart = (found - grid).abs() * torch.tensor([n * s / 2 for n, s in zip(reversed(batches.anatomy.log_p.shape[1:]),
                                                                           reversed(batches.anatomy.spacing))])
    assert apart.mean() < 3


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
