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
    nn.init.zeros_(network.leave.bias)


def cosines(n=4):
    """The n^3 orthonormal products of cosines on cubes of n voxels as filters [n^3, 1, n, n, n], and the sum of the three
    frequencies of each."""
    k = torch.arange(n)
    rows = torch.cos(torch.pi * k[:, None] * (k + 0.5) / n) * (2 / n) ** 0.5
    rows[0] /= 2**0.5
    bank = torch.einsum("ax,by,cz->abcxyz", rows, rows, rows).reshape(n**3, 1, n, n, n)
    return bank, (k[:, None, None] + k[None, :, None] + k[None, None, :]).flatten()


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))


class Denoiser(nn.Module):
    """Shrinkage of overlapping cosine blocks, steered and completed by a small network.

    The image is taken apart into cubes of 4 voxels, one at every second voxel, and each into its 64 cosines (Manjon et al.,
    Medical Image Analysis 2012). The noise nearby is told by the highest frequencies. A U-shaped network, whose grid is that
    of the cubes, sees the coefficients in units of the noise, so that weak and strong noise are one task; it says how much
    of each coefficient stays, what is added to it, and how much the cube counts. Untrained it is the classical method:
    what does not stand out of the noise by 2.7 standard deviations is taken away.
    """

    def __init__(self, channels=56, blocks=2):
        super().__init__()
        c = channels
        bank, order = cosines()
        high = (order >= 7).float().view(1, -1, 1, 1, 1)
        line = torch.tensor([1, 3, 3, 1]) / 4
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("high", high / high.sum(), persistent=False)
        self.register_buffer("tent", torch.einsum("x,y,z->xyz", line, line, line)[None, None], persistent=False)
        self.register_buffer("room", torch.where(order == 0, 4.0, 1.0).view(1, -1, 1, 1, 1), persistent=False)
        self.register_buffer("ones", torch.ones(1, 1, 4, 4, 4), persistent=False)
        self.enter = nn.Conv3d(67, c, 1)
        self.first = Residual(c)
        self.down = conv(c, 2 * c, 2, 2, bias=True)
        self.deep = nn.Sequential(*[Residual(2 * c) for _ in range(blocks + 1)])
        self.up = nn.ConvTranspose3d(2 * c, c, 2, 2)
        self.last = nn.Sequential(*[Residual(c) for _ in range(blocks)])
        self.leave = nn.Conv3d(c, 129, 1)
        begin(self)

    def noise(self, coefficients):
        """Standard deviation around each cube; the square root's mean is little moved by edges. Where nothing was measured
        (padding, a skull taken away) there is no noise to see: such cubes do not count."""
        root = F.avg_pool3d((coefficients.abs().sqrt() * self.high).sum(1, keepdim=True), 2)
        seen = (root > 0.025).float()
        sums = [F.avg_pool3d(F.pad(x, [3] * 6, mode="replicate"), 5, 1) for x in (root * seen, seen)]
        root, seen = [F.conv_transpose3d(x, self.tent, stride=2, padding=3) for x in sums]
        return ((root / (seen + 1e-4)) / 0.822) ** 2 + 1e-5

    def forward(self, image):
        c = F.conv3d(F.pad(image, [3] * 6, mode="reflect"), self.bank, stride=2)
        sigma = self.noise(c)
        u = c / sigma
        mean = u[:, :1]
        seen = torch.cat([u] + [mean - F.avg_pool3d(mean, n, 1, n // 2, count_include_pad=False) for n in (3, 5)], 1)
        x = self.first(self.enter(torch.cat([seen / (1 + 0.1 * seen.abs()), 0.5 * sigma.log()], 1)))
        x = x + self.up(F.relu(self.deep(self.down(F.relu(x)))))
        keep, more, weight = self.leave(F.relu(self.last(x))).split([64, 64, 1], 1)
        ratio = (u * u / 7.3) ** 2 * keep.clamp(-8, 8).exp()
        gate = ratio / (1 + ratio)
        weight = weight.clamp(-4, 4).exp() / (1 + gate.sum(1, keepdim=True))
        found = F.conv_transpose3d((gate * u + self.room * more) * sigma * weight, self.bank, stride=2, padding=3)
        return found / F.conv_transpose3d(weight, self.ones, stride=2, padding=3)


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
    """Where the tissues are, by a U-Net; which grey values they have, by the image itself.

    The U-Net (its trunk on half the grid) gives a prior: background and three tissues. Six rounds of expectation
    maximisation follow in the graph: mean and variance of the grey value of each tissue in this window, then each brain voxel's
    shares given both (the unified segmentation of Ashburner and Friston, NeuroImage 2005, with a network for its maps). So a
    contrast that was never seen is no riddle, and the border is as sharp as the image's. How far grey values are believed is
    the network's to say, voxel by voxel: in an average of many heads, or where grey matter and fluid look alike (proton
    density), place tells more. A last small layer mends what one Gaussian a tissue cannot say.
    """

    rounds = 6
    trust = 50.0  # voxels that the mean of the whole brain counts as, for tissues that are hardly in the window

    def __init__(self, classes=4, channels=(32, 64, 128, 160)):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))
        self.mend = nn.Sequential(conv(classes + 1, 12, bias=True), nn.LeakyReLU(0.01), conv(12, classes, bias=True))
        nn.init.zeros_(self.mend[2].weight)
        nn.init.zeros_(self.mend[2].bias)
        a, b, c, d = channels
        self.enter = nn.Sequential(normed(1, a, 4, 2), normed(a, a))
        self.down1 = nn.Sequential(normed(a, b, 2, 2), normed(b, b))
        self.down2 = nn.Sequential(normed(b, c, 2, 2), normed(c, c), normed(c, c))
        self.down3 = nn.Sequential(normed(c, d, 2, 2), normed(d, d), normed(d, d))
        self.up0, self.join0 = nn.ConvTranspose3d(d, c, 2, 2), normed(2 * c, c)
        self.up1, self.join1 = nn.ConvTranspose3d(c, b, 2, 2), normed(2 * b, b)
        self.up2, self.join2 = nn.ConvTranspose3d(b, a, 2, 2), normed(2 * a, a)
        self.fine, self.up3 = conv(1, 16, bias=True), nn.ConvTranspose3d(a, 16, 4, 2, 1)
        self.leave = nn.Sequential(conv(16, 16, bias=True), nn.LeakyReLU(0.01), nn.Conv3d(16, classes, 1))
        self.heed = nn.Conv3d(16, 1, 1)
        nn.init.zeros_(self.heed.weight)
        nn.init.zeros_(self.heed.bias)

    def forward(self, image):
        a = self.enter(image)
        b = self.down1(a)
        c = self.down2(b)
        c = self.join0(torch.cat([self.up0(self.down3(c)), c], 1))
        b = self.join1(torch.cat([self.up1(c), b], 1))
        a = self.join2(torch.cat([self.up2(b), a], 1))
        x = self.leave[:2](F.leaky_relu(self.up3(a) + self.fine(image), 0.01))
        with torch.autocast(image.device.type, enabled=False):
            gain = self.gain * self.heed(x).float().clamp(-4, 2).exp()
            return self.refine(image.float(), self.leave[2](x).float(), gain)

    def refine(self, image, prior, gain):
        """Logits after the rounds: background keeps its share, the tissues divide theirs by place and grey value."""
        prior = torch.log_softmax(prior, 1)
        brain = torch.logsumexp(prior[:, 1:], 1, keepdim=True)
        inside, place, axes = brain.exp(), prior[:, 1:] - brain, (2, 3, 4)
        share = place.exp() * inside
        middle = ((inside * image).sum(axes, keepdim=True) + 1e-3) / (inside.sum(axes, keepdim=True) + 1e-3)
        for _ in range(self.rounds):
            count = share.sum(axes, keepdim=True) + self.trust
            mean = ((share * image).sum(axes, keepdim=True) + self.trust * middle) / count
            variance = ((share * (image - mean) ** 2).sum(axes, keepdim=True) + self.trust * 0.01) / count + 2e-4
            likely = -0.5 * ((image - mean) ** 2 / variance + variance.log())
            tissues = torch.log_softmax(place + gain * likely.clamp_min(-30), 1)
            share = tissues.exp() * inside
        logits = torch.cat([prior[:, :1], tissues + brain], 1)
        return logits + self.mend(torch.cat([image, 1 - inside, share], 1))


class ToneNet(nn.Module):
    """Another look of the same image: at each place a curve from grey value to grey value, and the curves change slowly.

    A network on an eighth of the grid gives for each place the values of a curve at `knots` grey values (the bilateral grid,
    Gharbi et al., ACM Transactions on Graphics 2017); what stands at a voxel is read off its curve. So two neighbours of one
    grey value stay equal, and nothing can appear that was not there. Untrained it is the identity.
    """

    def __init__(self, knots=12, top=1.5, channels=(24, 48, 96, 128)):
        super().__init__()
        a, b, c, d = channels
        self.enter = nn.Sequential(normed(1, a, 4, 2), normed(a, a))
        self.down1 = nn.Sequential(normed(a, b, 2, 2), normed(b, b))
        self.down2 = nn.Sequential(normed(b, c, 2, 2), normed(c, c))
        self.down3 = nn.Sequential(normed(c, d, 2, 2), normed(d, d), normed(d, d))
        self.up, self.join = nn.ConvTranspose3d(d, c, 2, 2), normed(2 * c, c)
        self.leave = nn.Conv3d(c, knots, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.register_buffer("at", torch.linspace(0, top, knots).view(1, -1, 1, 1, 1), persistent=False)
        self.step = top / (knots - 1)

    def forward(self, image):
        c = self.down2(self.down1(self.enter(image)))
        curves = self.leave(self.join(torch.cat([self.up(self.down3(c)), c], 1))) + self.at
        curves = F.interpolate(curves, scale_factor=8, mode="trilinear", align_corners=False)
        near = F.relu(1 - (image.clamp(0, self.at.max().item()) - self.at).abs() / self.step)
        return (near * curves).sum(1, keepdim=True)


class Critic(nn.Module):
    """Judges patches of a pair of images: one number for each piece of about 22 voxels."""

    def __init__(self, inputs=2, channels=(24, 48, 96)):
        super().__init__()
        layers, last = [], inputs
        for n in channels:
            layers += [conv(last, n, 4, 2, bias=True), nn.LeakyReLU(0.2)]
            last = n
        self.judge = nn.Sequential(*layers, conv(last, 1, 3, bias=True))

    def forward(self, *images):
        return self.judge(torch.cat(images, 1))


class Steered(nn.Module):
    """Convolution, normalisation, and (for a denoiser) a gain and a shift for each channel that the noise level decides."""

    def __init__(self, inside, outside, kernel=3, stride=1, told=0):
        super().__init__()
        self.conv, self.norm = conv(inside, outside, kernel, stride), nn.InstanceNorm3d(outside, affine=True)
        self.steer = nn.Linear(told, 2 * outside) if told else None
        if told:
            nn.init.zeros_(self.steer.weight)
            nn.init.zeros_(self.steer.bias)

    def forward(self, x, level=None):
        x = self.norm(self.conv(x))
        if self.steer is not None:
            gain, shift = self.steer(level)[:, :, None, None, None].chunk(2, 1)
            x = x * (1 + gain) + shift
        return F.leaky_relu(x, 0.01)


class HeadNet(nn.Module):
    """A U-Net for whole heads: the trunk works on half the grid and sees the head as a whole on a sixteenth of it; two cheap
    layers draw at full resolution. Sizes are multiples of 16."""

    def __init__(self, inputs=1, outputs=1, channels=(32, 64, 128, 128), fine=16, told=0):
        super().__init__()
        a, b, c, d = channels

        def block(inside, outside, kernel=3, stride=1):
            return Steered(inside, outside, kernel, stride, told)

        self.enter1, self.enter2 = block(inputs, a, 4, 2), block(a, a)
        self.down1, self.same1 = block(a, b, 2, 2), block(b, b)
        self.down2, self.same2 = block(b, c, 2, 2), block(c, c)
        self.down3, self.same3 = block(c, d, 2, 2), block(d, d)
        self.up3, self.join3 = nn.ConvTranspose3d(d, c, 2, 2), block(2 * c, c)
        self.up2, self.join2 = nn.ConvTranspose3d(c, b, 2, 2), block(2 * b, b)
        self.up1, self.join1 = nn.ConvTranspose3d(b, a, 2, 2), block(2 * a, a)
        self.near, self.up0 = conv(inputs, fine, bias=True), nn.ConvTranspose3d(a, fine, 2, 2)
        self.draw, self.leave = conv(fine, fine, bias=True), nn.Conv3d(fine, outputs, 1)

    def forward(self, image, level=None):
        a = self.enter2(self.enter1(image, level), level)
        b = self.same1(self.down1(a, level), level)
        c = self.same2(self.down2(b, level), level)
        d = self.same3(self.down3(c, level), level)
        c = self.join3(torch.cat([self.up3(d), c], 1), level)
        b = self.join2(torch.cat([self.up2(c), b], 1), level)
        a = self.join1(torch.cat([self.up1(b), a], 1), level)
        x = F.leaky_relu(self.up0(a) + self.near(image), 0.01)
        return self.leave(F.leaky_relu(x + self.draw(x), 0.01))


def alphas(first=0.0015, last=0.0195, steps=1000):
    """What is left of the signal at each timestep (`scaled_linear`), as the engine has it."""
    betas = torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


class HeadDenoiser(nn.Module):
    """The clean image out of a noisy one and its condition, at a timestep.

    The network's own answer is scaled so that at every noise level it is of about unit variance (Karras et al., NeurIPS
    2022, in the notation of variance-preserving noise): the clean image is `keep x + scale f`.
    """

    SPREAD = 0.25  # standard deviation of what the condition does not tell, a guess

    def __init__(self, channels=(24, 48, 96, 128), fine=12):
        super().__init__()
        left = alphas()
        a, b = left.sqrt(), (1 - left).sqrt()
        variance = (a * self.SPREAD) ** 2 + b**2
        table = torch.stack([a * self.SPREAD**2 / variance, b * self.SPREAD / variance.sqrt(), variance.rsqrt()], 1)
        self.register_buffer("table", table.float(), persistent=False)
        level = (a / b).log() / 3
        waves = torch.cat([f(level[:, None] * torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64)[None])
                           for f in (torch.sin, torch.cos)], 1)
        self.register_buffer("waves", torch.cat([level[:, None], waves], 1).float(), persistent=False)
        self.tell = nn.Sequential(nn.Linear(9, 64), nn.LeakyReLU(0.01), nn.Linear(64, 64), nn.LeakyReLU(0.01))
        self.body = HeadNet(2, 1, channels, fine, told=64)

    def forward(self, pair, t):
        noisy, condition = pair[:, :1], pair[:, 1:]
        keep, scale, shrink = self.table[t].view(-1, 3, 1, 1, 1, 1).unbind(1)
        found = self.body(torch.cat([noisy * shrink, condition], 1), self.tell(self.waves[t]))
        return keep * noisy + scale * found
