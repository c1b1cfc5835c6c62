"""The networks. Only operators that ONNX Runtime does fast on a processor: convolutions, ReLU, transposed convolutions."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(inside, outside, kernel=3, stride=1, bias=False):
    return nn.Conv3d(inside, outside, kernel, stride, (kernel - stride + 1) // 2, bias=bias)


def begin(network):
    """Kaiming's weights for what a ReLU follows; residual branches and the last layer begin at zero, so that training
    starts from the fixed filters."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    for module in network.modules():
        if isinstance(module, Residual):
            nn.init.zeros_(module.second.weight)
    nn.init.zeros_(network.leave.weight)


def gaussian(sigma, reach=4):
    x = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2) if sigma > 0 else (x == 0).float()
    kernel = kernel / kernel.sum()
    return kernel[:, None, None] * kernel[None, :, None] * kernel[None, None, :]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))


class Denoiser(nn.Module):
    """At each voxel a mixture of the image and three of its Gaussian blurs, plus a residual.

    What the mixture is at a voxel a small U-shaped network says, whose trunk works on half the grid (FFDNet's way, Zhang
    et al. 2018). Starting from sound filters it needs hours less than a network that has to find smoothing by itself.
    """

    SIGMAS = (0.0, 0.6, 1.0, 1.6)

    def __init__(self, channels=32):
        super().__init__()
        c, n = channels, len(self.SIGMAS)
        self.register_buffer("bank", torch.stack([gaussian(s) for s in self.SIGMAS])[:, None], persistent=False)
        self.enter = conv(n, c, 4, 2, bias=True)
        self.first = Residual(c)
        self.down = conv(c, 2 * c, 2, 2, bias=True)
        self.deep = Residual(2 * c)
        self.up = nn.ConvTranspose3d(2 * c, c, 2, 2)
        self.last = Residual(c)
        self.leave = nn.ConvTranspose3d(c, n + 1, 4, 2, 1)
        begin(self)

    def forward(self, image):
        smooth = F.conv3d(F.pad(image, [4] * 6, mode="replicate"), self.bank)
        x = self.first(self.enter(smooth))
        x = x + self.up(F.relu(self.deep(self.down(F.relu(x)))))
        x = self.leave(F.relu(self.last(x)))
        n = len(self.SIGMAS)
        return (torch.softmax(4 * x[:, :n], 1) * smooth).sum(1, keepdim=True) + 0.2 * x[:, n:]


def cardinal(reach=6):
    """Kernel of the transposed convolution that is cubic spline interpolation to twice the grid, outer faces kept: 4 *
    reach taps (the cardinal spline decays by 0.27 a voxel)."""
    at = (torch.arange(4 * reach) - (2 * reach - 1)) / 2 - 0.25
    k = torch.arange(-2 * reach, 2 * reach + 1)
    far = (at[:, None] - k).abs()
    spline = torch.where(far < 1, 2 / 3 - far**2 + far**3 / 2, (2 - far).clamp_min(0) ** 3 / 6)
    kernel = (spline * 3**0.5 * (3**0.5 - 2.0) ** k.abs()).sum(1)
    for phase in (0, 1):
        kernel[phase::2] /= kernel[phase::2].sum()
    return kernel


class Doubler(nn.Module):
    """An image of twice the resolution: cubic spline interpolation plus what a residual network adds."""

    def __init__(self, channels=32, blocks=3):
        super().__init__()
        self.register_buffer("kernel", cardinal(), persistent=False)
        self.enter = conv(1, channels, bias=True)
        self.body = nn.Sequential(*[Residual(channels) for _ in range(blocks)])
        self.leave = nn.ConvTranspose3d(channels, 1, 4, 2, 1)
        begin(self)

    def forward(self, image):
        reach = len(self.kernel) // 4
        smooth = F.pad(image, [reach] * 6, mode="replicate")
        for axis in range(3):
            shape, stride, pad = [1] * 3, [1] * 3, [0] * 3
            shape[axis], stride[axis], pad[axis] = -1, 2, 4 * reach - 1
            smooth = F.conv_transpose3d(smooth, self.kernel.view(1, 1, *shape), stride=stride, padding=pad)
        return smooth + 0.2 * self.leave(F.relu(self.body(self.enter(image))))


def normed(inside, outside, kernel=3, stride=1):
    return nn.Sequential(conv(inside, outside, kernel, stride), nn.InstanceNorm3d(outside, affine=True), nn.LeakyReLU(0.01))


class TissueNet(nn.Module):
    """A U-Net whose trunk works on half the grid; the border is drawn at full resolution by one cheap layer."""

    def __init__(self, classes=4, channels=(24, 48, 96)):
        super().__init__()
        a, b, c = channels
        self.enter = nn.Sequential(normed(1, a, 4, 2), normed(a, a))
        self.down1 = nn.Sequential(normed(a, b, 2, 2), normed(b, b))
        self.down2 = nn.Sequential(normed(b, c, 2, 2), normed(c, c), normed(c, c))
        self.up1, self.join1 = nn.ConvTranspose3d(c, b, 2, 2), normed(2 * b, b)
        self.up2, self.join2 = nn.ConvTranspose3d(b, a, 2, 2), normed(2 * a, a)
        self.fine, self.up3 = conv(1, 16, bias=True), nn.ConvTranspose3d(a, 16, 4, 2, 1)
        self.leave = nn.Conv3d(16, classes, 1)

    def forward(self, image):
        a = self.enter(image)
        b = self.down1(a)
        c = self.down2(b)
        b = self.join1(torch.cat([self.up1(c), b], 1))
        a = self.join2(torch.cat([self.up2(b), a], 1))
        return self.leave(F.leaky_relu(self.up3(a) + self.fine(image), 0.01))
