"""Heads that nobody has: random contrast, shape, bias field, noise, resolution and lesions, drawn from label maps.

The idea is SynthSeg's (Billot et al., Medical Image Analysis 2023): a network that has seen every contrast, also such as
no scanner makes, does not care which one it is given. The only anatomy is SPM's tissue probability maps. These are
blurred averages, so a draw sharpens them: noise that is smooth over a few millimetres is added to the log probabilities
before the arg-max, which folds the border between tissues as gyri do.

Everything is a torch tensor [x, y, z] in RAS order; `Draw` has its own random numbers and nothing else is random.
"""

import math

import torch
import torch.nn.functional as F

from . import data

GREY, WHITE, FLUID, BONE, SOFT, AIR = range(6)


def resize(volume, size):
    return F.interpolate(volume[None, None], size=tuple(size), mode="trilinear", align_corners=False)[0, 0]


def blur(volume, sigma):
    """Gaussian of `sigma` voxels, one number or one an axis."""
    sigmas = [sigma] * 3 if isinstance(sigma, (int, float)) else sigma
    out = volume[None, None]
    for axis, s in enumerate(sigmas):
        if s < 0.1:
            continue
        r = max(1, math.ceil(3 * s))
        x = torch.arange(-r, r + 1, dtype=torch.float32, device=volume.device)
        kernel = torch.exp(-0.5 * (x / s) ** 2)
        kernel = (kernel / kernel.sum()).view([1, 1] + [-1 if a == axis else 1 for a in range(3)])
        pad = [0, 0, 0, 0, 0, 0]
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = r
        out = F.conv3d(F.pad(out, pad, mode="replicate"), kernel)
    return out[0, 0]


class Draw:
    """A stream of random draws that a seed repeats. Noise is drawn on `device`, where the images then stay."""

    def __init__(self, seed, device="cpu"):
        self.device = torch.device(device)
        self.random = torch.Generator().manual_seed(seed)
        self.noise = self.random if self.device.type == "cpu" else torch.Generator(self.device).manual_seed(seed)

    def uniform(self, low, high):
        return low + (high - low) * torch.rand((), generator=self.random).item()

    def log_uniform(self, low, high):
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, p):
        return self.uniform(0, 1) < p

    def integer(self, low, high):
        """low <= n < high"""
        return int(torch.randint(low, high, (), generator=self.random).item())

    def normal(self, *size):
        return torch.randn(size, generator=self.noise, device=self.device)

    def tensor(self, values):
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def field(self, size, scale):
        """Smooth noise of about unit variance whose features are `scale` voxels wide."""
        small = [max(2, math.ceil(n / scale) + 2) for n in size]
        fine = resize(self.normal(*small), [math.ceil(s * scale) for s in small])
        start = [self.integer(0, max(1, f - n + 1)) for f, n in zip(fine.shape, size)]
        part = fine[tuple(slice(a, a + n) for a, n in zip(start, size))]
        if list(part.shape) != list(size):
            part = resize(part, size)
        return part / (part.std() + 1e-6)


class Anatomy:
    """Label maps drawn from the tissue probability maps."""

    def __init__(self, device="cpu"):
        tpm, self.spacing, self.affine = data.image("tpm")
        self.log_p = torch.from_numpy(tpm).to(device).permute(3, 0, 1, 2).clamp(1e-4, 1).log().contiguous()
        self.extent = torch.tensor([n * s for n, s in zip(self.log_p.shape[1:], self.spacing)], device=device)
        self.corner = torch.tensor([x - s / 2 for x, s in zip(self.affine[:3, 3], self.spacing)], dtype=torch.float32, device=device)
        self.way = None  # of the last grid: [3, 4], from (mm / 100 from the middle, 1) to mm / 100 of the maps, without its bends

    def labels(self, draw, size, spacing, center=None, strength=1.0, folds=1.0):
        """Labels int64 [size] of a piece of a deformed head, voxels of `spacing` mm, around `center` (0..1 of the head)."""
        return self._log(draw, size, spacing, center, strength, folds).argmax(0)

    def tissues(self, draw, size, spacing, center=None, strength=1.0, folds=1.0, sharp=4.0):
        """As `labels`, as shares [6, *size] that add up to 1: the higher `sharp`, the narrower the borders."""
        return torch.softmax(sharp * self._log(draw, size, spacing, center, strength, folds), 0)

    def _log(self, draw, size, spacing, center, strength, folds):
        center = center if center is not None else [draw.uniform(0.25, 0.75) for _ in range(3)]
        grid = self.grid(draw, size, spacing, center, strength)
        p = F.grid_sample(self.log_p[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]
        return self._fold(draw, p, spacing, folds)

    def _fold(self, draw, p, spacing, folds):
        size = p.shape[1:]
        mm = sum(spacing) / 3
        if folds > 0:
            coarse = draw.field(size, draw.uniform(5, 9) / mm) * draw.uniform(0.5, 2.0)
            fine = draw.field(size, draw.uniform(2.5, 4.5) / mm) * draw.uniform(0.3, 1.2)
            shift = folds * (coarse + fine)
            # Along one ordering of the brain's tissues: white, grey, fluid. Where one swells the next gives way.
            p = p.clone()
            p[WHITE] += shift
            p[FLUID] -= shift
            p[BONE] += 0.3 * folds * fine
        return p

    def grid(self, draw, size, spacing, center, strength):
        """Sampling positions [x, y, z, 3] in grid_sample's order and range, for the maps and for any image of their extent."""
        center = draw.tensor(center)
        angles = [draw.uniform(-0.35, 0.35) * strength for _ in range(3)]
        rotation = torch.eye(3)
        for axis, a in enumerate(angles):
            i, j = [k for k in range(3) if k != axis]
            turn = torch.eye(3)
            turn[i, i] = turn[j, j] = math.cos(a)
            turn[i, j], turn[j, i] = -math.sin(a), math.sin(a)
            rotation = turn @ rotation
        scale = torch.tensor([draw.uniform(1 - 0.15 * strength, 1 + 0.15 * strength) for _ in range(3)])
        shear = torch.eye(3) + 0.08 * strength * (torch.rand(3, 3, generator=draw.random) - 0.5)
        matrix = (rotation @ shear @ torch.diag(scale)).to(draw.device)
        axes = [(torch.arange(n, device=draw.device) - (n - 1) / 2) * s for n, s in zip(size, spacing)]
        mm = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        mm = mm @ matrix.T
        for width, amount in ((40, 5.0), (15, 1.5)):
            for axis in range(3):
                step = width / (sum(spacing) / 3)
                mm[..., axis] += draw.field(size, step) * amount * strength * draw.uniform(0, 1)
        self.way = torch.cat([matrix, ((center * self.extent + self.corner) / 100)[:, None]], 1)
        unit = mm / self.extent * 2 + (center * 2 - 1)
        return unit.flip(-1)


def paint(draw, labels, air=0.8, faint=0.0):
    """A random contrast: each label its own grey value and texture; 0..about 1. Air is black in `air` of the draws, and in
    `faint` of these nearly so, as in averages of many heads."""
    values = [draw.uniform(0.05, 1.0) for _ in range(6)]
    if draw.chance(air):
        values[AIR] = draw.uniform(0.0, 0.1) if faint and draw.chance(faint) else 0.0
        if draw.chance(0.6):
            values[BONE] = draw.uniform(0.0, 0.25)
    # Texture near the noise's own scale and strength would teach a denoiser to keep noise: little of it, and not always.
    most = draw.uniform(0.0, 0.04) if draw.chance(0.7) else 0.0
    spread = [0.0 if v == 0 else draw.uniform(0.0, most) for v in values]
    image = draw.tensor(values)[labels]
    amount = draw.tensor(spread)[labels]
    image = image + amount * draw.field(labels.shape, draw.uniform(2, 5))
    image = image + 2 * amount * draw.field(labels.shape, draw.uniform(8, 24))
    return image.clamp_min(0)


def paint_shares(draw, shares, values, most=0.05):
    """Grey values [*size] of tissue shares [6, *size]: each tissue its value and some texture of its own amount, fine and
    coarse; the textures come back too, to paint the same head in another contrast: (image, texture in units of contrast)."""
    size = shares.shape[1:]
    amount = draw.tensor([0.0 if v == 0 else draw.uniform(0.0, most) for v in values])
    texture = draw.field(size, draw.uniform(1.2, 4)) + draw.field(size, draw.uniform(8, 24))
    texture = (amount.view(6, 1, 1, 1) * shares).sum(0) * texture
    return (draw.tensor(values).view(6, 1, 1, 1) * shares).sum(0) + texture, texture


def shapes(draw, size):
    """Nested blobs, sheets and threads that are no anatomy: edges of all curvatures at all contrasts."""
    image = torch.full(tuple(size), draw.uniform(0, 0.8) if draw.chance(0.6) else 0.0, device=draw.device)
    for _ in range(draw.integer(2, 6)):
        field = draw.field(size, draw.log_uniform(6, 32))
        if draw.chance(0.5):
            part = field > draw.uniform(-0.5, 1.5)
        else:  # a sheet between two level sets
            at = draw.uniform(-1, 1)
            part = (field - at).abs() < draw.log_uniform(0.1, 0.5)
        image = torch.where(part, draw.tensor(draw.uniform(0, 1)), image)
    return image + 0.03 * draw.uniform(0, 1) * draw.field(size, draw.uniform(4, 16)) * (image > 0)


def lesion(draw, image, region):
    """(image with a lesion inside the region, its mask): a blob with a ragged border, brighter or darker."""
    inside = region.nonzero()
    if len(inside) == 0:
        return image, torch.zeros_like(region)
    center = inside[draw.integer(0, len(inside))].float()
    axes = [torch.arange(n, dtype=torch.float32, device=draw.device) - c for n, c in zip(image.shape, center)]
    radius = draw.uniform(2, 9)
    stretch = [draw.uniform(0.7, 1.4) for _ in range(3)]
    distance = sum((a * s).view([-1 if i == k else 1 for i in range(3)]) ** 2
                   for k, (a, s) in enumerate(zip(axes, stretch))).sqrt()
    mask = (distance + draw.field(image.shape, 4) * radius * 0.25 < radius) & region
    change = draw.uniform(0.15, 0.6) * (1 if draw.chance(0.5) else -1)
    soft = blur(mask.float(), draw.uniform(0.5, 1.2))
    return (image + change * soft).clamp_min(0), mask


def bias(draw, size, amount=0.4):
    """A multiplicative field around 1."""
    field = draw.field(size, max(size) / draw.uniform(1.5, 3))
    return torch.exp(draw.uniform(0, amount) * (field - field.mean()) / 2)


def curve(draw, image, knots=6):
    """Another monotone or folded look of the same image: a random piecewise linear map of 0..1 that keeps 0."""
    values = torch.rand(knots, generator=draw.random).to(draw.device)
    values = values.cumsum(0) / values.sum() if draw.chance(0.6) else values
    if draw.chance(0.8):
        values[0] = 0.0
    at = image.clamp(0, 1) * (knots - 1)
    low = at.floor().long().clamp(0, knots - 2)
    share = at - low
    return values[low] * (1 - share) + values[low + 1] * share


def rician(draw, image, sigma):
    """Magnitude of the image with complex Gaussian noise; sigma a number or a field."""
    size = image.shape
    return ((image + sigma * draw.normal(*size)) ** 2 + (sigma * draw.normal(*size)) ** 2).sqrt()


def kspace_half(image):
    """Half the resolution as a scanner would have it: the middle of k-space, voxel (2i, 2i+1) becoming voxel i."""
    size = image.shape
    if any(n % 2 for n in size):
        raise ValueError(f"even sizes are needed, not {tuple(size)}")
    spectrum = torch.fft.fftn(image)
    for axis, n in enumerate(size):
        half = n // 2
        keep = torch.cat([torch.arange(0, (half + 1) // 2), torch.arange(n - half // 2, n)]).to(image.device)
        spectrum = spectrum.index_select(axis, keep)
        k = torch.fft.fftfreq(half, device=image.device) * half
        phase = torch.exp(1j * math.pi * k / n)  # half a fine voxel, so that outer faces stay where they are
        if half % 2 == 0:
            phase[half // 2] = 0  # the lone Nyquist term has no partner
        spectrum = spectrum * phase.view([-1 if a == axis else 1 for a in range(3)])
    return torch.fft.ifftn(spectrum).real / 8


def whole_head(draw):
    """(a clean generated head of any contrast [x, y, z], voxel size mm), for calibration."""
    spacing = draw.uniform(1.0, 2.0)
    size = [int(n / spacing) // 2 * 2 for n in (176, 210, 176)]
    labels = Anatomy(draw.device).labels(draw, size, [spacing] * 3, [0.5] * 3, strength=0.6, folds=draw.uniform(0.3, 1.0))
    image = blur(paint(draw, labels), draw.log_uniform(0.3, 1.5)) * bias(draw, size)
    return (image / torch.quantile(image.flatten()[::7], 0.995).clamp_min(0.05)).clamp(0, 2), spacing


class Scenes:
    """A pool of clean images for enhancement: it grows and is then renewed, one image at a time; patches are cut out of it.

    `prepare` says what is kept of each image (a tuple), so that what is dear is done once an image and not once a patch.
    """

    def __init__(self, seed, size=96, first=4, pool=24, renew=30, prepare=lambda image: (image,), faint=0.0, device="cpu"):
        self.faint = faint
        self.draw, self.size, self.most, self.renew, self.step = Draw(seed, device), size, pool, renew, 0
        self.prepare = prepare
        self.anatomy = Anatomy(device)
        flair, _, _ = data.image("flair")
        self.real = [torch.from_numpy(flair / flair.max()).to(device)]
        self.pool = [prepare(self.scene()) for _ in range(first)]

    def pick(self):
        """What is kept of an image of the pool."""
        self.step += 1
        if self.step % self.renew == 0:
            fresh = self.prepare(self.scene())
            if len(self.pool) < self.most:
                self.pool.append(fresh)
            else:
                self.pool[self.draw.integer(0, len(self.pool))] = fresh
        return self.pool[self.draw.integer(0, len(self.pool))]

    def scene(self):
        d, size = self.draw, [self.size] * 3
        kind = d.uniform(0, 1)
        if kind < 0.7:
            spacing = [d.log_uniform(0.9, 1.8)] * 3
            if d.chance(0.3):
                spacing[d.integer(0, 3)] *= d.uniform(1, 2.5)
            labels = self.anatomy.labels(d, size, spacing, folds=d.uniform(0.3, 1.0))
            image = paint(d, labels, faint=self.faint)
            if d.chance(0.3):
                image, _ = lesion(d, image, labels <= WHITE)
        elif kind < 0.8:
            image = shapes(d, size)
        else:
            whole = self.real[d.integer(0, len(self.real))]
            start = [d.integer(0, n - self.size + 1) for n in whole.shape]
            image = curve(d, whole[tuple(slice(a, a + self.size) for a in start)])
            image = image + 0.02 * d.uniform(0, 1) * d.field(size, d.uniform(2, 5)) * (image > 0.02)
        # From sharper than a scan to smoother than an average of many heads at 1 mm: a network that saw sharp ones alone
        # sharpens what is smooth.
        image = blur(image.clamp_min(0), d.log_uniform(0.3, 2.5)) * bias(d, size)
        top = torch.quantile(image.flatten()[::7], 0.995).clamp_min(0.05)
        return (image / top).clamp(0, 2)

    def patch(self, size):
        d = self.draw
        whole = self.pick()[0]
        start = [d.integer(0, self.size - size + 1) for _ in range(3)]
        part = whole[tuple(slice(a, a + size) for a in start)]
        order = torch.randperm(3, generator=d.random).tolist()
        part = part.permute(order)
        for axis in range(3):
            if d.chance(0.5):
                part = part.flip(axis)
        return part * d.uniform(0.6, 1.3)
