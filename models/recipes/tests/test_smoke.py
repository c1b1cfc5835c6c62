"""Each model trains for a few steps, goes on from its checkpoint, is exported, and answers with the right shape."""

import numpy as np
import pytest

from veritome_recipes import card, evaluation, export, ship, training
from veritome_recipes.generator import Draw, kspace_half, rician
from veritome_recipes.models import NAMES, recipe


@pytest.fixture(autouse=True)
def own_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINTS", tmp_path / "checkpoints")
    sampler = recipe("brain-sampler")
    for name, value in (("BRAINS", {"train": 4, "holdout": 4}), ("GROUP", 4), ("STEPS", 2), ("TIMESTEPS", (300,))):
        monkeypatch.setattr(sampler, name, value)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_trains_resumes_and_exports(name, tmp_path):
    module = recipe(name)
    training.train(module, 1, steps=2)
    training.train(module, 1, steps=1)
    network, state = training.load(module)
    assert state["step"] == 3
    file, facts = export.export(module, tmp_path / name)
    assert facts["bytes"] < export.LIMIT and facts["opset"] >= 17
    if name in ("brain-vae", "brain-sampler"):  # see test_latent.py
        return
    out = evaluation.run(evaluation.session(file), np.zeros((16, 24, 32), np.float32))
    scale = 2 if name == "super-resolution-2x" else 1
    assert out.shape[1:] == (16 * scale, 24 * scale, 32 * scale)


def test_the_same_seed_draws_the_same_batch():
    batches = [recipe("brain-tissue").Batches(3, pool=1) for _ in range(2)]
    first, second = [b.next()[0] for b in batches]
    assert (first == second).all()


def test_half_of_kspace_keeps_the_mean_and_the_place():
    import torch
    x = [(torch.arange(32) - c) ** 2 / 50 for c in (15.5, 11.5, 20.5)]
    blob = torch.exp(-(x[0][:, None, None] + x[1][None, :, None] + x[2][None, None, :]))
    half = kspace_half(blob)
    assert half.shape == (16, 16, 16)
    assert half.mean().item() == pytest.approx(blob.mean().item(), rel=1e-3)
    axes = torch.arange(16) * 2 + 0.5
    center = (half.sum((1, 2)) * axes).sum() / half.sum()
    assert center.item() == pytest.approx(15.5, abs=0.05)


def test_rician_noise_has_the_mean_of_the_rice_distribution():
    import torch
    noisy = rician(Draw(1), torch.full((40, 40, 40), 0.1), 0.1)
    assert evaluation.rice_inverse(np.array([noisy.mean().item()]), 0.1)[0] == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_made_from_the_numbers_whatever_they_are(name, tmp_path, monkeypatch):
    module = recipe(name)
    for where in (export, ship, card):
        monkeypatch.setattr(where, "FOLDER", tmp_path / "models", raising=False)
        monkeypatch.setattr(where, "RESULTS", tmp_path / "results", raising=False)
    monkeypatch.setattr(card.data, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    small = {k: (v[40:72, 40:72, 40:72], mm) for k, (v, mm) in evaluation.heads().items()}
    monkeypatch.setattr(evaluation, "heads", lambda: {k: small[k] for k in ("colin27", "mni152c_t1", "colin27_inverted")})
    if name == "brain-tissue":
        everything = module.references()
        cut = (slice(30, 62),) * 3
        monkeypatch.setattr(module, "references", lambda: {
            k: (v[0][cut], v[1], *(x[cut] for x in v[2:])) for k, v in everything.items() if k in ("t1", "t2")})
    if name == "brain-vae":
        heads, cut = module.references(), (slice(24, 72),) * 3
        monkeypatch.setattr(module, "references", lambda: {k: tuple(x[cut] for x in heads[k]) for k in ("colin27", "t2")})
        monkeypatch.setattr(module, "KINDS", {k: module.KINDS[k] for k in ("bright", "ring")})
        monkeypatch.setattr(module, "healthy_threshold", lambda networks: (0.1, 1))
    monkeypatch.setattr(module, "sample", lambda *a: pytest.fail("an untrained network was shipped"))
    training.train(module, 1, steps=1)
    result = ship.evaluate(module)
    assert not result["beats"]
    assert not (tmp_path / "models" / name).exists()
    text = card.card(name)
    assert result["export"]["sha256"] in text and "## Not for" in text
    assert name in (tmp_path / "docs" / "model-results.md").read_text()


def test_an_untrained_doubler_is_cubic_interpolation():
    import torch
    from scipy import ndimage
    volume = np.random.default_rng(0).random((20, 22, 24), np.float32)
    with torch.no_grad():
        found = recipe("super-resolution-2x").network()(torch.from_numpy(volume)[None, None])[0, 0].numpy()
    assert np.abs(found - ndimage.zoom(volume, 2, order=3, mode="nearest", grid_mode=True)).max() < 2e-3


def test_an_untrained_denoiser_takes_most_of_the_noise_from_a_flat_image():
    import torch
    noisy = 0.5 + 0.05 * torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = recipe("denoise").network()(noisy)
    assert (found - 0.5).square().mean().sqrt().item() < 0.015


def test_a_failure_while_drawing_reaches_the_training():
    class Broken:
        def next(self):
            raise ValueError("no images")

    ahead = training.Ahead(Broken())
    with pytest.raises(ValueError, match="no images"):
        ahead.next()
    ahead.close()


def test_the_loss_counts_a_smooth_image_as_much_as_a_rough_one():
    import torch
    truth = torch.full((2, 1, 8, 8, 8), 0.5)
    error = torch.tensor([0.1, 0.01]).view(2, 1, 1, 1, 1)
    whole = training.decibel_loss(truth + error, truth, 0).item()
    halved = [training.decibel_loss(truth + error * torch.tensor(s).view(2, 1, 1, 1, 1), truth, 0).item() - whole
              for s in ([0.5, 1.0], [1.0, 0.5])]
    assert halved[0] == pytest.approx(halved[1], abs=0.06)
