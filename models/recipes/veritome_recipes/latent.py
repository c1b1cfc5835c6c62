"""Networks with a latent, and the denoiser of slices. The autoencoder of volumes has no normalisation layers: the grey
value itself has to come back."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .networks import Residual, conv


class Encoder(nn.Module):
    """To a Gaussian on the grid of every fourth voxel; it looks at the whole head (a sixteenth of the grid) to say what
    belongs there."""

    def __init__(self, channels=(24, 48, 76, 96), latent=16):
        super().__init__()
        a, b, c, d = channels
        self.enter, self.fine = nn.Conv3d(1, a, 4, 2, 1), Residual(a)
        self.down1, self.first = nn.Conv3d(a, b, 2, 2), Residual(b)
        self.down2, self.second = nn.Conv3d(b, c, 2, 2), nn.Sequential(Residual(c), Residual(c))
        self.down3, self.deep = nn.Conv3d(c, d, 2, 2), nn.Sequential(Residual(d), Residual(d))
        self.up3, self.third = nn.ConvTranspose3d(d, c, 2, 2), Residual(c)
        self.up2, self.last = nn.ConvTranspose3d(c, b, 2, 2), nn.Sequential(Residual(b), Residual(b))
        self.mean, self.logvar = nn.Conv3d(b, latent, 1), nn.Conv3d(b, latent, 1)
        begin(self)
        nn.init.zeros_(self.logvar.weight)
        nn.init.constant_(self.logvar.bias, -4.0)

    def forward(self, image):
        b = self.first(self.down1(F.relu(self.fine(self.enter(image)))))
        c = self.second(self.down2(F.relu(b)))
        d = self.deep(self.down3(F.relu(c)))
        c = self.third(c + self.up3(F.relu(d)))
        b = F.relu(self.last(b + self.up2(F.relu(c))))
        return self.mean(b), self.logvar(b).clamp(-12, 4)


class Decoder(nn.Module):
    """From the latent alone to the image; nothing else of the input reaches it."""

    def __init__(self, channels=(12, 24, 64), latent=16):
        super().__init__()
        a, b, c = channels
        self.enter, self.deep = conv(latent, c, bias=True), Residual(c)
        self.up1, self.middle = nn.ConvTranspose3d(c, b, 4, 2, 1), Residual(b)
        self.up2, self.leave = nn.ConvTranspose3d(b, a, 4, 2, 1), conv(a, 1, bias=True)
        begin(self)

    def forward(self, latent):
        x = self.deep(self.enter(latent))
        x = self.middle(self.up1(F.relu(x)))
        x = F.relu(self.up2(F.relu(x)))
        with torch.autocast(x.device.type, enabled=False):  # the grey values themselves in full precision
            return self.leave(x.float())


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, image):
        mean, logvar = self.encoder(image)
        mean, logvar = mean.float(), logvar.float()
        return self.decoder(mean + (0.5 * logvar).exp() * torch.randn_like(mean)), mean, logvar


def begin(network):
    """Kaiming's weights; residual branches begin at zero."""
    for module in network.modules():
        if isinstance(module, (nn.Conv3d, nn.Conv2d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Residual):
            nn.init.zeros_(module.second.weight)


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
