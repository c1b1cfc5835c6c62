"""Each model trains for a few steps, goes on from its checkpoint, is exported, and answers with the right shape."""

import numpy as np
import pytest

from veritome_recipes import card, evaluation, export, heads, ship, training
from veritome_recipes.generator import Draw, kspace_half, rician
from veritome_recipes.models import NAMES, mr_to_ct, recipe, t1_to_t2, t1_to_t2_diffusion


@pytest.fixture(autouse=True)
def own_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(heads, "SIZE", (32, 48, 32))
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
    network = evaluation.session(file)
    if name == "t1-to-t2-diffusion":
        given = {"pair": np.zeros((2, 2, 16, 32, 48), np.float32), "t": np.array([999, 3])}
        assert network.run(None, given)[0].shape == (2, 1, 16, 32, 48)
        return
    size = (32, 64, 32) if name == "brain-tissue" else (16, 48, 32)
    out = evaluation.run(network, np.zeros(size, np.float32))
    scale = 2 if name == "super-resolution-2x" else 1
    assert out.shape[1:] == tuple(n * scale for n in size) and np.isfinite(out).all()


def test_a_turned_head_is_laid_over_the_atlas():
    import torch

    from veritome_recipes.models import brain_tissue
    from veritome_recipes.networks import positions
    batches = brain_tissue.Batches(5)
    d, mm = batches.draw, brain_tissue.SPACING
    turned = 0.3  # radians about the left-right axis
    at = positions(torch.zeros(1, 1, 96, 128, 96), mm)[0].permute(1, 2, 3, 0) * 100
    matrix = torch.tensor([[1, 0, 0], [0, np.cos(turned), -np.sin(turned)], [0, np.sin(turned), np.cos(turned)]]).float()
    unit = (at @ matrix.T + torch.tensor([4.0, -6.0, 8.0])) / batches.anatomy.extent * 2
    maps = batches.anatomy.log_p[None]
    log_p = torch.nn.functional.grid_sample(maps, unit.flip(-1)[None], padding_mode="border", align_corners=False)[0]
    shares = torch.softmax(log_p, 0)
    image = torch.tensordot(torch.tensor([0.6, 0.9, 0.2, 0.1, 0.7, 0.0]), shares, 1)
    image = rician(d, image, 0.03)[None, None]
    way = batches.network.atlas(image)
    found = (way @ batches.network.atlas.flat(image, mm))[0].reshape(3, 96, 128, 96) * 100
    middle = torch.from_numpy(batches.anatomy.affine[:3, 3]).float() + batches.anatomy.extent / 2 - batches.anatomy.spacing[0] / 2
    true = (unit / 2 * batches.anatomy.extent + middle).permute(3, 0, 1, 2)
    far = (found - true).norm(dim=0)[shares[:2].sum(0) > 0.5]
    assert far.mean() < 4, f"{far.mean():.1f} mm"


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


def small_heads(monkeypatch):
    """A piece of each test head, few draws and steps: what the synthesis recipes evaluate with."""
    pair, truth, no_truth = t1_to_t2.pair, mr_to_ct.truth, t1_to_t2.no_truth
    cut = (slice(24, 72), slice(30, 94), slice(20, 68))
    monkeypatch.setattr(t1_to_t2, "pair", lambda: {k: v if k == "affine" else v[cut] for k, v in pair().items()})
    monkeypatch.setattr(mr_to_ct, "truth", lambda: [x[cut] for x in truth()])
    for module in (t1_to_t2, mr_to_ct):
        monkeypatch.setattr(module, "no_truth", lambda: {k: v[cut] for k, v in no_truth().items()})
    monkeypatch.setattr(t1_to_t2, "trained_look_up", lambda: np.array([[0, 0.5, 1], [0, 0.8, 0.3]]))
    monkeypatch.setattr(mr_to_ct, "trained_bulk", lambda: np.array([0.03, 0.2, -700, 500, 40]))
    monkeypatch.setattr(t1_to_t2_diffusion, "STEPS", 2)
    monkeypatch.setattr(t1_to_t2_diffusion, "clock", lambda file: "not measured")


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
    if name == "harmonize":
        cases, cut = module.cases, (slice(60, 108),) * 3
        monkeypatch.setattr(module, "CASES", 1)
        monkeypatch.setattr(module, "cases", lambda: (
            (kind, head, *(x if x is None else x[cut] for x in images)) for kind, head, *images in cases()
            if head != "SPM's older maps, 2 mm"))
    small_heads(monkeypatch)
    if name == "brain-vae":
        heads, cut = module.references(), (slice(24, 72),) * 3
        monkeypatch.setattr(module, "references", lambda: {k: tuple(x[cut] for x in heads[k]) for k in ("colin27", "t2")})
        monkeypatch.setattr(module, "KINDS", {k: module.KINDS[k] for k in ("bright", "ring")})
        monkeypatch.setattr(module, "healthy_threshold", lambda networks: (0.1, 1))
    monkeypatch.setattr(module, "sample", lambda *a: pytest.fail("an untrained network was shipped"))
    if name == "denoise":  # its estimates need no training: on pieces this small they may well win
        monkeypatch.setattr(evaluation, "LEAST", {m: 1e9 for m in evaluation.LEAST})
    if name == "t1-to-t2-diffusion":  # is compared with the GAN
        training.train(t1_to_t2, 1, steps=1)
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


def test_samples_of_a_network_that_knows_the_answer_are_the_answer():
    import torch
    answer = torch.linspace(-0.9, 0.9, 4096).view(1, 1, 16, 16, 16)
    noise = torch.randn(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    found = t1_to_t2_diffusion.ddim(lambda x, t: answer.expand(len(x), -1, -1, -1, -1), answer, noise)
    assert (found - answer).abs().max() < 1e-5


def test_timesteps_begin_and_end_as_the_manifest_says():
    steps = t1_to_t2_diffusion.timesteps()
    assert (steps[0], steps[1], steps[-1], len(steps)) == (999, 959, 39, 25)


def test_sparsification_of_a_perfect_uncertainty_leaves_nothing():
    error = np.random.default_rng(0).random(1000)
    found, _, _ = t1_to_t2_diffusion.worth(error, 3 * error)
    assert found["Spearman"] == pytest.approx(1) and found["AUSE"] == pytest.approx(0)
    assert t1_to_t2_diffusion.worth(error, np.ones(1000))[0]["Spearman"] == 0


def test_the_stretched_scale_of_the_ct_template_is_undone():
    hu = np.array([-1000.0, -100.0, 0.0, 40.0, 99.0, 700.0])
    t = hu + 1000
    assert np.allclose(mr_to_ct.hounsfield(t + 10 * np.clip(t - 900, 0, 200)), hu)


def test_drawn_heads_have_their_unit_and_repeat():
    pairs = [heads.Heads(5).t1_t2(0) for _ in range(2)]
    assert all((a == b).all() for a, b in zip(*pairs))
    t1, t2, brain = pairs[0]
    assert t1.shape == t2.shape == (32, 48, 32) and t1.isfinite().all() and t2.isfinite().all()
    _, ct = heads.Heads(6).t1_ct()
    assert ct.shape == t1.shape and ct.isfinite().all() and ct.min() >= -1024


def test_a_mask_of_the_head_leaves_the_air_out():
    for name, (volume, _) in evaluation.heads().items():
        mask = evaluation.head_mask(volume, evaluation.air(volume))
        for corner in (mask[:6, :6, :6], mask[-6:, -6:, :6], mask[:6, -6:, -6:]):
            assert not corner.any(), name
        middle = tuple(slice(n // 2 - 5, n // 2 + 5) for n in mask.shape)
        assert mask[middle].mean() > 0.95, name


def test_an_image_without_noise_comes_back():
    """Smooth, flat, or black around a box: there is nothing to take away."""
    import torch
    network = recipe("denoise").network().eval()
    ramp = torch.linspace(0, 1, 32)[None, :, None].expand(32, 32, 32)
    box = torch.zeros(32, 32, 32)
    box[8:24, 8:24, 8:24] = 1
    for image in (ramp, torch.ones(32, 32, 32), box):
        with torch.no_grad():
            found = network(image[None, None])[0, 0]
        assert (found - image).abs().mean() < 0.01
