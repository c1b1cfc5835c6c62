"""Whole heads at 2 mm as mixtures of materials, in T1, T2 and Hounsfield units at once: what synthesis is trained with.

The anatomy is that of `generator`, but soft: sharpened tissue probabilities are shares of a voxel, from those of one head to
those of an average of many. Bone is parted into its tables and marrow, soft tissue into fat and muscle. The grid is `SIZE`
voxels; the values of a T1 image are those of the manifests' `percentile_scale` 0..99.5, times a number around 1.

T2 has no unit: here, and wherever it is measured, it is scaled so that the median over the brain (more than half grey and
white matter) is `BRAIN`.
"""

import torch
import torch.nn.functional as F

from .generator import AIR, BONE, FLUID, GREY, SOFT, WHITE, Anatomy, Draw, bias, blur, rician

SIZE = (96, 112, 96)
SPACING = 2.0
BRAIN = 0.4
MULTIPLE = 16
GREY_, WHITE_, FLUID_, TABLE_, MARROW_, FAT_, MUSCLE_, AIR_, LESION_ = range(9)


def blob(draw, region, radius, ragged=0.25):
    """A lesion inside the region as a share of each voxel, 0..1: a ragged ball of `radius` voxels around a voxel of it."""
    inside = region.nonzero()
    if len(inside) == 0:
        return torch.zeros(region.shape, device=region.device)
    center = inside[draw.integer(0, len(inside))].float()
    axes = [(torch.arange(n, device=region.device) - c) * draw.uniform(0.75, 1.35) for n, c in zip(region.shape, center)]
    far = (axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2).sqrt()
    if ragged:
        far = far + draw.field(region.shape, 4) * radius * ragged
    return torch.sigmoid((radius - far) * 3) * region


class Heads:
    """A stream of heads; shapes are kept in a pool and painted anew."""

    def __init__(self, seed, device="cpu", pool=12, renew=None, thick=False):
        self.thick = thick  # scalps as thick as a CT shows them; the tissue maps have thin ones
        self.draw, self.size, self.step = Draw(seed, device), SIZE, 0
        self.anatomy = Anatomy(device)
        self.most, self.renew = pool, renew or (6 if str(device) == "cpu" else 2)
        self.pool = []

    def pick(self):
        self.step += 1
        if not self.pool or self.step % self.renew == 0:
            shape = self.shape()
            if len(self.pool) < self.most:
                self.pool.append(shape)
            else:
                self.pool[self.draw.integer(0, len(self.pool))] = shape
        return self.pool[self.draw.integer(0, len(self.pool))]

    def shape(self):
        """(shares of six tissues [6, x, y, z], how much of an average it is, 0..1)"""
        d = self.draw
        average = d.uniform(0, 1) if d.chance(0.6) else 0.0
        center = [0.5 + d.uniform(-0.03, 0.03) for _ in range(3)]
        spacing = [SPACING * d.uniform(0.93, 1.1)] * 3
        grid = self.anatomy.grid(d, self.size, spacing, center, d.uniform(0.15, 0.7))
        p = F.grid_sample(self.anatomy.log_p[None], grid[None], mode="bilinear", padding_mode="border",
                          align_corners=False)[0]
        p = self.anatomy._fold(d, p, spacing, d.uniform(0.1, 0.6) * (1 - average) ** 0.5)
        # Skulls and scalps are thicker and thinner.
        p[BONE] += d.uniform(-0.8, 1.2)
        p[SOFT] += d.uniform(-0.8, 0.8)
        p[AIR] += d.uniform(-3.0, 0.0) if self.thick else d.uniform(-0.5, 0.5)
        sharp = 1 + (1 - average) * d.uniform(0.5, 4)
        return torch.softmax(p * sharp, 0), average

    def materials(self, lesions=0.4):
        """(shares [9, x, y, z], average)"""
        d = self.draw
        p, average = self.pick()
        bone, soft = p[BONE], p[SOFT]
        inside = torch.sigmoid((blur(bone, d.uniform(0.7, 1.3)) - d.uniform(0.55, 0.9)) * 12)
        marrow = inside * d.uniform(0, 1)
        fat = torch.sigmoid(d.field(self.size, d.uniform(3, 10)) * d.uniform(0.5, 3) + d.uniform(-1.5, 1.0)
                            + d.uniform(0, 6) * (blur(p[AIR], 2.0) - 0.1))
        shares = torch.stack([p[GREY], p[WHITE], p[FLUID], bone * (1 - marrow), bone * marrow, soft * fat, soft * (1 - fat),
                              p[AIR], torch.zeros_like(bone)])
        if d.chance(lesions):
            region = (p[GREY] + p[WHITE]) > 0.5
            for _ in range(d.integer(1, 4)):
                ill = blob(d, region, d.log_uniform(1.2, 8))
                shares = shares * (1 - ill)
                shares[LESION_] += ill
        return shares, average

    def mixed(self, values, shares):
        return torch.tensordot(self.draw.tensor(values), shares, 1)

    def scanned(self, clean, fov):
        """A T1 image as a scanner and the manifest's normalisation leave it."""
        d = self.draw
        image = clean * bias(d, self.size, 0.5) if d.chance(0.7) else clean
        top = torch.quantile(image.flatten()[::7], 0.995).clamp_min(0.05)
        image = image / top
        if d.chance(0.7):
            image = rician(d, image, d.log_uniform(0.003, 0.06))
        image = image.clamp_min(0) * fov
        low = image.flatten()[::7].min()
        top = torch.quantile(image.flatten()[::7], 0.995).clamp_min(0.05)
        return (image - low) / (top - low) * d.uniform(0.9, 1.1)

    def field_of_view(self):
        """1 where the image was taken, 0 where it is padded."""
        d = self.draw
        inside = torch.ones(self.size, device=d.device)
        for axis, n in enumerate(self.size):
            low, high = d.integer(0, 5), n - d.integer(0, 5)
            if axis == 2 and d.chance(0.3):
                low = d.integer(0, 24)
            index = torch.arange(n, device=d.device)
            keep = ((index >= low) & (index < high)).float()
            inside = inside * keep.view([-1 if a == axis else 1 for a in range(3)])
        return inside

    def t1_values(self):
        d = self.draw
        white = 1.0
        grey = d.uniform(0.5, 0.88)
        values = [grey, white, d.uniform(0.08, 0.6 * grey), d.uniform(0.03, 0.3), d.uniform(0.3, 1.1), d.uniform(0.7, 1.5),
                  d.uniform(0.3, 0.8), d.uniform(0, 0.05) if d.chance(0.7) else 0.0, d.uniform(0.25, 0.95 * grey)]
        if d.chance(0.15):  # blood, melanin, fat: bright
            values[LESION_] = d.uniform(1.0, 1.4)
        return values

    def t1_t2(self, lesions=0.4):
        """(T1 image, T2 image, share of brain and fluid) [x, y, z]"""
        d = self.draw
        shares, average = self.materials(lesions)
        if d.chance(0.12):  # without skull
            shares = shares.clone()
            shares[TABLE_:AIR_] = 0
        one = self.t1_values()
        white = 0.3
        two = [white * d.uniform(1.2, 1.6), white, white * d.uniform(2.4, 3.7), white * d.uniform(0.05, 0.45),
               white * d.uniform(0.3, 1.3), white * d.uniform(0.6, 1.8), white * d.uniform(0.2, 0.9),
               white * d.uniform(0, 0.1), white * d.uniform(1.5, 3.4)]
        t1, t2 = self.mixed(one, shares), self.mixed(two, shares)
        brain = shares[GREY_] + shares[WHITE_]
        # Tissue is not the same everywhere: mostly what is brighter in one is darker in the other (water), some is not.
        common = d.field(self.size, d.uniform(4, 20)) * brain
        grainy = d.field(self.size, d.uniform(1.5, 4)) * (1 - shares[AIR_])
        amount = d.uniform(0, 0.06)
        t1 = t1 + amount * common + d.uniform(0, 0.04) * grainy
        t2 = t2 - white * amount * d.uniform(0, 2.5) * common - white * d.uniform(0, 0.05) * grainy
        t2 = t2 + white * d.uniform(0, 0.1) * d.field(self.size, d.uniform(3, 20)) * brain
        sigma = d.uniform(0.2, 0.7) + average * d.uniform(0, 0.9)
        t1, t2 = (blur(x.clamp_min(0), sigma) for x in (t1, t2))
        inside = brain > 0.5
        middle = t2[inside].median() if bool(inside.any()) else torch.tensor(white * 1.2, device=d.device)
        t2 = t2 * (BRAIN / middle.clamp_min(0.05))
        fov = self.field_of_view()
        return self.scanned(t1.clamp_min(0) ** d.uniform(0.8, 1.25), fov), t2.clamp(0, 1.5) * fov, (brain + shares[FLUID_]) * fov

    def skin(self, shares):
        """The same with a sharper border between soft tissue and air: a head is dark at its rim because scalps are, mostly, and not
        because it is half air."""
        d = self.draw
        soft = shares[FAT_] + shares[MUSCLE_]
        rim = soft + shares[AIR_]
        sharp = torch.sigmoid((soft / rim.clamp_min(1e-4) - d.uniform(0.25, 0.5)) * d.log_uniform(5, 25))
        shares = shares.clone()
        shares[FAT_:AIR_] *= (sharp * rim / soft.clamp_min(1e-4)).clamp(0, 50)
        shares[AIR_] = rim * (1 - sharp)
        return shares / shares.sum(0).clamp_min(1e-4)

    def dermis(self, air):
        """Share of each voxel that is skin, outside of what the tissue maps call soft tissue (1 to 3 mm), and mucosa where air
        touches the inside: CT shows both, T1 hardly does."""
        d = self.draw
        near = blur(1 - air, 1.2)
        return (torch.sigmoid((near - d.uniform(0.08, 0.4)) * d.uniform(10, 30)) - (1 - air)).clamp_min(0).minimum(air)

    def t1_ct(self):
        """(T1 image, Hounsfield units)"""
        d = self.draw
        shares, average = self.materials(0.2)
        shares = self.skin(shares)
        dermis = self.dermis(shares[AIR_]) if d.chance(0.85) else torch.zeros_like(shares[AIR_])
        white = d.uniform(25, 46)
        # Voxels of 2 mm hold tables and marrow at once, and averages of heads more so: less than the 1,500 HU of dense bone.
        hu = [white + d.uniform(3, 12), white, d.uniform(0, 22), d.uniform(350, 1100), d.uniform(60, 450), d.uniform(-110, -20),
              d.uniform(25, 75), -1000.0, white + (d.uniform(-20, 5) if d.chance(0.7) else d.uniform(15, 45))]
        one = self.t1_values()
        one[FAT_], one[MUSCLE_] = d.uniform(0.35, 1.5), d.uniform(0.2, 0.8)
        one[MARROW_] = d.uniform(0.1, 0.7)
        t1, ct = self.mixed(one, shares), self.mixed(hu, shares)
        t1 = t1 + dermis * (d.uniform(0.05, 0.45) - one[AIR_])
        ct = ct + dermis * (d.uniform(-60, 50) + 1000)
        body = 1 - shares[AIR_] + dermis
        t1 = t1 + d.uniform(0, 0.06) * d.field(self.size, d.uniform(4, 20)) * body
        t1 = t1 + d.uniform(0, 0.05) * d.field(self.size, d.uniform(1.5, 4)) * body
        bone = shares[TABLE_] + shares[MARROW_]
        ct = ct + bone * d.uniform(0, 150) * d.field(self.size, d.uniform(3, 15))
        sigma = d.uniform(0.2, 0.7) + average * d.uniform(0, 0.9)
        t1 = blur(t1.clamp_min(0), sigma)
        ct = blur(ct, max(0.2, sigma + d.uniform(-0.2, 0.5)))
        fov = self.field_of_view()
        ct = (ct + 1000) * fov - 1000
        return self.scanned(t1 ** d.uniform(0.8, 1.25), fov), ct.clamp(-1024, 2000)


def flipped(draw, images, chances):
    axes = [a for a, c in enumerate(chances) if draw.chance(c)]
    return [x.flip(axes) if axes else x for x in images]


# --- as the manifests say it ----------------------------------------------------------------------


def on_grid(volume, affine, spacing=SPACING):
    """(volume at `spacing`, its affine): linear, first centres aligned."""
    import numpy as np
    from scipy import ndimage
    own = np.abs(np.diag(affine)[:3])
    shape = [int(round((n - 1) * s / spacing + 1)) for n, s in zip(volume.shape, own)]
    grid = affine.copy()
    grid[:3, :3] = np.diag([spacing] * 3)
    if np.allclose(own, spacing):
        return volume.astype(np.float32), affine
    m = np.linalg.inv(affine) @ grid
    return ndimage.affine_transform(volume, m[:3, :3], m[:3, 3], shape, order=1).astype(np.float32), grid


def padded(volume, multiple=MULTIPLE):
    """(volume padded around with zeros to the multiple, where it lies in it)"""
    import numpy as np
    more = [-n % multiple for n in volume.shape]
    pad = [(m // 2, m - m // 2) for m in more]
    return np.pad(volume, pad), tuple(slice(b, b + n) for (b, _), n in zip(pad, volume.shape))


def whole(network, volume):
    """The graph's answer [x, y, z] for a normalised volume."""
    from . import evaluation as e
    image, inside = padded(volume)
    return e.run(network, image)[0][inside]


def with_flips(network, volume, axes=(0, 1, 2)):
    """(mean, standard deviation) over the volume as it is and flipped along each axis: the manifest's `tta`."""
    import numpy as np
    found = [whole(network, volume)] + [np.flip(whole(network, np.flip(volume, a)), a) for a in axes]
    return np.mean(found, 0), np.std(found, 0, ddof=1)
