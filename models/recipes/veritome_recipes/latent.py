"""Networks with a latent, and the denoiser of slices."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .networks import Registration, Residual, conv, joint


class Encoder(nn.Module):
    """To the code of a healthy head, voxel by voxel: which tissue belongs here, and what each tissue looks like here.

    An atlas is laid over the head, and the grey values of its tissues and the smooth gain are found in this very image
    (`Registration`; nothing of that is learned, and any contrast will do). A small U-Net reads this evidence and says which
    tissue a healthy brain would have at each voxel. Sizes are multiples of 16, voxels of 2 mm.

    The code has 7 channels with a learned spread (six tissues' logits in units of `Decoder.STEEP`, and a texture), and 6 without: the
    local grey value of each tissue, which is measured.
    """

    SPACING = 2.0
    EVIDENCE = 23
    FEW = 0.02  # share of a tissue nearby at which its local grey value counts as much as the one of the whole head

    def __init__(self, atlas, affine, channels=(12, 32, 48, 64)):
        """`atlas` [6, x, y, z]: probabilities of grey matter, white matter, fluid, bone, soft tissue, air; `affine` from its
        voxels to mm."""
        super().__init__()
        self.atlas = Registration(atlas, affine, self.SPACING)
        a, b, c, d = channels
        self.enter = conv(self.EVIDENCE, a, bias=True)
        self.down1, self.first = conv(a, b, 2, 2, bias=True), Residual(b)
        self.down2, self.second = conv(b, c, 2, 2, bias=True), Residual(c)
        self.down3, self.deep = conv(c, d, 2, 2, bias=True), nn.Sequential(Residual(d), Residual(d))
        self.up3, self.third = nn.ConvTranspose3d(d, c, 2, 2), Residual(c)
        self.up2, self.fourth = nn.ConvTranspose3d(c, b, 2, 2), Residual(b)
        self.up1, self.last = nn.ConvTranspose3d(b, a, 2, 2), conv(a, a, bias=True)
        self.leave = nn.Conv3d(a, 14, 1)
        begin(self)
        nn.init.zeros_(self.leave.weight)
        with torch.no_grad():
            self.leave.bias[7:] = -4.0

    def evidence(self, image, way=None):
        """(what the U-Net reads [n, 23, x, y, z], local grey value of each tissue [n, 6, x, y, z]). Who drew the head knows its
        `way` into the atlas."""
        owner = self.atlas.owner
        _, prior, fit, gain = self.atlas.explained(image, 10, way)
        gain = self.atlas.everywhere(gain)
        even = image / gain
        share = F.conv3d(torch.softmax(joint(even, prior, fit, owner), 1), owner.transpose(0, 1))
        values = F.conv3d(fit[2] * fit[0], owner.transpose(0, 1))
        brain = values[:, :3]
        middle = brain.mean(1, keepdim=True)
        span = (brain.amax(1, keepdim=True) - brain.amin(1, keepdim=True)).clamp_min(0.05)
        local = self.nearby(even, share, values)
        tone = (even - middle) / span
        seen = [share.clamp_min(1e-4).log() * 0.4, prior.clamp_min(1e-4).log() * 0.4,
                ((even - fit[0][:, :3]) / fit[1][:, :3].sqrt()).clamp(-5, 5) * 0.4, tone.clamp(-3, 3),
                (tone - F.avg_pool3d(tone, 5, 1, 2, count_include_pad=False)).clamp(-3, 3),
                (brain - middle) / span + 0 * share[:, :3], ((even - local[:, :3]) / span).clamp(-3, 3)]
        # What is purest of a tissue lies beyond its mean, away from the other two: a ventricle is brighter than the fluid of all sulci.
        away = ((brain - (3 * middle - brain) / 2) / (0.2 * span)).clamp(-1, 1)
        deviation = F.conv3d(fit[2] * fit[1], owner.transpose(0, 1)).sqrt()
        values = torch.cat([local[:, :3] + away * deviation[:, :3], local[:, 3:]], 1)
        return torch.cat(seen, 1), values * gain

    def nearby(self, even, share, values):
        """The mean grey value of each tissue within some 3 cm [n, 6, x, y, z]: fluid of the ventricles is not that of the sulci, the
        cortex not the thalamus. Where there is little of a tissue, that of the whole head."""
        few = torch.cat([share * even, share], 1)[:, :, ::2, ::2, ::2]
        for _ in range(2):
            few = F.avg_pool3d(few, 7, 1, 3, count_include_pad=False)
        found = (few[:, :6] + self.FEW * values) / (few[:, 6:] + self.FEW)
        return F.interpolate(found, scale_factor=2, mode="trilinear", align_corners=False)

    def judge(self, evidence, values):
        """(mean, logarithm of the variance) of the code [n, 13, x, y, z]"""
        a = self.enter(evidence)
        b = self.first(self.down1(F.relu(a)))
        c = self.second(self.down2(F.relu(b)))
        c = self.third(c + self.up3(F.relu(self.deep(self.down3(F.relu(c))))))
        b = self.fourth(b + self.up2(F.relu(c)))
        a = F.relu(a + self.up1(F.relu(b)))
        said = self.leave(F.relu(a + self.last(a)))
        tissue = said[:, :6] + evidence[:, :6] * (1.25 / Decoder.STEEP)
        return (torch.cat([tissue, said[:, 6:7], values], 1),
                torch.cat([said[:, 7:].clamp(-12, 4), torch.full_like(values, -12.0)], 1))

    def forward(self, image):
        return self.judge(*self.evidence(image))


class Decoder(nn.Module):
    """From the code alone to the image, and nothing in it is learned: each voxel is a mixture of what the head's six tissues look
    like there, and up to a little texture. A lesion that looks like none of them cannot be drawn."""

    STEEP = 4.0
    TEXTURE = 0.05  # of the span of the brain's grey values

    def forward(self, code):
        share, values = torch.softmax(self.STEEP * code[:, :6], 1), code[:, 7:]
        brain = values[:, :3]
        span = brain.amax(1, keepdim=True) - brain.amin(1, keepdim=True)
        return (share * values).sum(1, keepdim=True) + self.TEXTURE * span * code[:, 6:7].clamp(-3, 3)


class Autoencoder(nn.Module):
    def __init__(self, atlas, affine):
        super().__init__()
        self.encoder, self.decoder = Encoder(atlas, affine), Decoder()

    def forward(self, evidence, values):
        """(image of a drawn code, its mean, logarithm of its variance) of the seven channels that are drawn"""
        mean, logvar = self.encoder.judge(evidence, values)
        drawn = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        return self.decoder(drawn), mean[:, :7], logvar[:, :7]


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
