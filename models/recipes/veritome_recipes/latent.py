"""Networks with a latent, and the denoiser of slices."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .networks import UNet


def haar():
    """The eight orthogonal patterns of a cube of 2 voxels [8, 1, 2, 2, 2], 1 and -1; the first is the mean's."""
    one = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    return torch.einsum("ax,by,cz->abcxyz", one, one, one).reshape(8, 1, 2, 2, 2)


class Encoder(nn.Module):
    """To the code of the healthy head on half the grid: (mean, logarithm of the variance) [n, 8, x/2, y/2, z/2].

    The code is what the eight Haar patterns of each cube of 2 voxels would be in a healthy brain, in units of 1 / `GAIN`. It begins as
    those of the image; a U-Net that sees the head as a whole says what is to be changed, in units of the contrast around, and where
    that is not certain. Sizes are multiples of 16, voxels of 2 mm.
    """

    SPACING = 2.0
    CODE = 8
    GAIN = 2.0  # grey values 0..1 to about the unit variance that the code is held to
    USUAL = 0.15  # contrast within a head
    FINE = 4.0  # what the seven differences are multiplied by for the U-Net: they are that much smaller than the mean

    def __init__(self, channels=(20, 40, 64, 96)):
        super().__init__()
        self.register_buffer("patterns", haar() / 8, persistent=False)
        self.register_buffer("seen", torch.tensor([1.0] + [self.FINE] * 7).view(1, 8, 1, 1, 1), persistent=False)
        self.body = UNet(self.CODE + 1, 2 * self.CODE, channels)
        nn.init.zeros_(self.body.leave.weight)
        nn.init.zeros_(self.body.leave.bias)
        with torch.no_grad():
            self.body.leave.bias[self.CODE:] = -4.0

    def cubes(self, image):
        """Weight of each pattern in each cube of 2 voxels."""
        return F.conv3d(image, self.patterns, stride=2)

    def judge(self, cubes):
        middle, contrast = self.around(cubes[:, :1])
        seen = torch.cat([cubes * self.seen, (cubes[:, :1] - middle) / contrast], 1)
        mean, logvar = self.body(seen).float().chunk(2, 1)
        return self.GAIN * cubes + mean * (contrast / self.USUAL), logvar.clamp(-12, 4)

    def around(self, level):
        """(mean, standard deviation) of the grey values within some 2.5 cm [n, 1, x, y, z]."""
        few = F.avg_pool3d(torch.cat([level, level * level], 1), 4)
        mean, square = F.avg_pool3d(few, 3, 1, 1, count_include_pad=False).chunk(2, 1)
        both = torch.cat([mean, (square - mean * mean).clamp_min(0).sqrt() + 0.02], 1)
        return F.interpolate(both, scale_factor=4, mode="trilinear", align_corners=False).chunk(2, 1)

    def forward(self, image):
        return self.judge(self.cubes(image))


class Decoder(nn.Module):
    """From the code alone to the image: each cube of 2 voxels out of its patterns. Nothing in it is learned."""

    def __init__(self):
        super().__init__()
        self.register_buffer("patterns", haar() / Encoder.GAIN, persistent=False)

    def forward(self, code):
        return F.conv_transpose3d(code, self.patterns, stride=2)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, cubes):
        """(a drawn code, its mean, the logarithm of its variance) of a head that is given as its cubes' patterns"""
        mean, logvar = self.encoder.judge(cubes)
        return mean + (0.5 * logvar).exp() * torch.randn_like(mean), mean, logvar


def divergence(mean, logvar):
    """KL from N(0, 1), mean over all numbers of the latent."""
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()


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
