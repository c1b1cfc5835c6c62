"""Networks with a latent, and the denoiser of slices."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .networks import Registration, joint, owned


class Encoder(nn.Module):
    """To the code of a head, voxel by voxel: (mean, logarithm of the variance) [n, 3, x, y, z] of how strange what is there is, of what is
    there, and of what a healthy head would have there. Sizes are multiples of 16, voxels of 2 mm.

    An atlas is laid over the head and bent to it, and the grey values of its tissues and the smooth gain are found in this very image
    (`Registration`), so any contrast will do. That gives for each voxel a distribution of healthy grey values: a mixture by the
    atlas's shares. A voxel is as strange as any grey value of the brain's range is likelier than this one (outliers in unified
    segmentation, Van Leemput et al., IEEE Transactions on Medical Imaging 2001): `log(1 + 1 / density)`, in nats. Its code is the
    root of twice that with a variance of 1, so that its divergence from a standard normal is just this surprise.

    Three numbers are learned: how steeply the atlas's shares are taken, how much wider than the fitted ones the distributions are,
    and how far tissue of the skull is believed.
    """

    SPACING = 2.0
    GAIN = 2.0  # grey values 0..1 to about the unit variance of a code
    KNOWN = -12.0  # logarithm of the variance of what is no guess

    def __init__(self, atlas, affine):
        """`atlas` [6, x, y, z]: probabilities of grey matter, white matter, fluid, bone, soft tissue, air; `affine` from its
        voxels to mm."""
        super().__init__()
        self.atlas = Registration(atlas, affine, self.SPACING)
        self.steep, self.wide, self.skull = (nn.Parameter(torch.tensor(x)) for x in (0.0, 0.0, 0.0))

    def evidence(self, image, way=None):
        """(image without its gain, the gain, the atlas's shares [n, 6, x, y, z], Gaussians [3, n, 8, 1, 1, 1]); none of it is learned.
        Who drew the head knows its `way` into the atlas."""
        _, prior, fit, gain = self.atlas.explained(image, way)
        gain = self.atlas.everywhere(gain)
        return image / gain, gain, prior, fit

    def judge(self, even, gain, prior, fit):
        believed = torch.cat([prior[:, :3], prior[:, 3:] * self.skull.exp()], 1).clamp_min(1e-6)
        believed = (believed.log() * self.steep.exp()).exp()
        believed = believed / believed.sum(1, keepdim=True)
        mean, variance, share = fit[0], fit[1] * self.wide.exp(), fit[2]
        healthy = torch.exp(torch.logsumexp(joint(even, believed, torch.stack([mean, variance, share]), self.atlas.owner), 1, keepdim=True))
        brain = F.conv3d(share * mean, self.atlas.owner.transpose(0, 1))[:, :3]
        span = (brain.amax(1, keepdim=True) - brain.amin(1, keepdim=True)).clamp_min(0.05)
        surprise = torch.log(1 + 1 / (healthy * span / (2 * math.pi) ** 0.5 + 1e-12))
        each = owned(believed, self.atlas.owner) * share
        expected = (each * mean).sum(1, keepdim=True)
        spread = ((each * (variance + mean * mean)).sum(1, keepdim=True) - expected * expected).clamp_min(1e-6)
        code = torch.cat([(2 * surprise).sqrt(), even * gain * self.GAIN, expected * gain * self.GAIN], 1)
        known = torch.full_like(even, self.KNOWN)
        return code, torch.cat([0 * known, known, (spread * (gain * self.GAIN) ** 2).log()], 1)

    def forward(self, image):
        return self.judge(*self.evidence(image))


class Decoder(nn.Module):
    """From the code alone to the image: what is there where it is not doubted, what is healthy where it is. A voxel is doubted by the
    probability that it is strange, where one of so many is; that share is learned."""

    def __init__(self):
        super().__init__()
        self.rare = nn.Parameter(torch.tensor(math.log(0.01)))

    def forward(self, code):
        strange, there, healthy = code.chunk(3, 1)
        odds = self.rare.exp() * (torch.exp((strange * strange / 2).clamp(max=30.0)) - 1)
        return (there + odds / (1 + odds) * (healthy - there)) / Encoder.GAIN


class Autoencoder(nn.Module):
    def __init__(self, atlas, affine):
        super().__init__()
        self.encoder, self.decoder = Encoder(atlas, affine), Decoder()

    def forward(self, *evidence):
        return self.decoder(self.encoder.judge(*evidence)[0])


# --- slices -----------------------------------------------------------------------------------------

class Block(nn.Module):
    """Residual block that is told the timestep: a shift and a factor for each channel."""

    def __init__(self, inside, outside, told, groups=8):
        super().__init__()
        self.norm1, self.first = nn.GroupNorm(groups, inside), nn.Conv2d(inside, outside, 3, 1, 1)
        self.norm2, self.second = nn.GroupNorm(groups, outside), nn.Conv2d(outside, outside, 3, 1, 1)
        self.tell = nn.Linear(told, 2 * outside)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x, told):
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        y = self.first(F.silu(self.norm1(x)))
        y = self.norm2(y) * (1 + scale) + shift
        return self.skip(x) + self.second(F.silu(y))


class SliceDenoiser(nn.Module):
    """U-Net for noisy slices: (image [n, 1, x, y], timestep [n]) to the velocity."""

    def __init__(self, channels=(48, 96, 128, 160), told=128):
        super().__init__()
        a, b, c, d = channels
        self.register_buffer("rates", torch.exp(-math.log(10000.0) * torch.arange(32) / 32), persistent=False)
        self.time = nn.Sequential(nn.Linear(64, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.enter = nn.Conv2d(1, a, 3, 1, 1)
        self.a1, self.down1 = Block(a, a, told), nn.Conv2d(a, b, 3, 2, 1)
        self.b1, self.b2, self.down2 = Block(b, b, told), Block(b, b, told), nn.Conv2d(b, c, 3, 2, 1)
        self.c1, self.c2, self.down3 = Block(c, c, told), Block(c, c, told), nn.Conv2d(c, d, 3, 2, 1)
        self.d1, self.d2 = Block(d, d, told), Block(d, d, told)
        self.up3, self.c3 = nn.ConvTranspose2d(d, c, 2, 2), Block(2 * c, c, told)
        self.up2, self.b3 = nn.ConvTranspose2d(c, b, 2, 2), Block(2 * b, b, told)
        self.up1, self.a2 = nn.ConvTranspose2d(b, a, 2, 2), Block(2 * a, a, told)
        self.norm, self.leave = nn.GroupNorm(8, a), nn.Conv2d(a, 1, 3, 1, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, image, timestep):
        angle = timestep.float()[:, None] * self.rates[None]
        told = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        a = self.a1(self.enter(image), told)
        b = self.b2(self.b1(self.down1(a), told), told)
        c = self.c2(self.c1(self.down2(b), told), told)
        d = self.d2(self.d1(self.down3(c), told), told)
        c = self.c3(torch.cat([self.up3(d), c], 1), told)
        b = self.b3(torch.cat([self.up2(c), b], 1), told)
        a = self.a2(torch.cat([self.up1(b), a], 1), told)
        return self.leave(F.silu(self.norm(a)))


class SliceVae(nn.Module):
    """The plain kind: one vector of 64 numbers for a slice of 96 x 112, convolutions and two linear layers."""

    def __init__(self, size=(96, 112), channels=(32, 64, 96), latent=64):
        super().__init__()
        a, b, c = channels
        self.small, self.channels, self.latent = [n // 8 for n in size], c, latent
        flat = c * self.small[0] * self.small[1]
        self.down = nn.Sequential(nn.Conv2d(1, a, 4, 2, 1), nn.SiLU(), nn.Conv2d(a, b, 4, 2, 1), nn.SiLU(),
                                  nn.Conv2d(b, c, 4, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(flat, 2 * latent))
        self.grow = nn.Linear(latent, flat)
        self.up = nn.Sequential(nn.Conv2d(c, c, 3, 1, 1), nn.SiLU(), nn.ConvTranspose2d(c, b, 4, 2, 1), nn.SiLU(),
                                nn.Conv2d(b, b, 3, 1, 1), nn.SiLU(), nn.ConvTranspose2d(b, a, 4, 2, 1), nn.SiLU(),
                                nn.ConvTranspose2d(a, a, 4, 2, 1), nn.SiLU(), nn.Conv2d(a, 1, 3, 1, 1))

    def encode(self, image):
        mean, logvar = self.down(image).float().chunk(2, 1)
        return mean, logvar.clamp(-12, 6)

    def decode(self, latent):
        return self.up(F.silu(self.grow(latent)).view(-1, self.channels, *self.small))
