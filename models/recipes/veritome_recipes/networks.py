"""The networks. Only operators that ONNX Runtime does fast on a processor: convolutions, ReLU, transposed convolutions."""

import math

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


def rice(signal):
    """(mean, standard deviation) of the Rice distribution of this signal under noise of 1 (numpy)."""
    import numpy as np
    from scipy.special import ive
    t = signal**2 / 4
    mean = np.sqrt(np.pi / 2) * ((1 + 2 * t) * ive(0, t) + 2 * t * ive(1, t))
    return mean, np.sqrt(np.maximum(2 + signal**2 - mean**2, 0))


def total(channels, count):
    """Their sum [n, 1, x, y, z]; as a convolution, which is faster than a sum here."""
    return F.conv3d(channels, torch.ones(1, count, 1, 1, 1, device=channels.device))


@torch.jit.script_if_tracing
def non_local(square, look, shifts):
    """Means of squares [n, 1, x, y, z] over the neighbourhood that looks alike [n, 2, x, y, z], and the sums of their weights (rotationally invariant
    non-local means, Manjon et al., Medical Image Analysis 2012): two voxels are alike by exp(-d^2), d the distance of what they
    look like [n, 2, x, y, z]. The second mean is twice as strict. `shifts` [k, 3] are the neighbours' places, 0 to twice
    the reach; a voxel's own weight is 1."""
    x, y, z, reach = look.size(2), look.size(3), look.size(4), int(shifts.max()) // 2
    room = [reach, reach, reach, reach, reach, reach]
    square, wide = F.pad(square, room, mode="replicate"), F.pad(look, room, mode="replicate")
    mean, weight, both = torch.zeros_like(look), torch.zeros_like(look), torch.ones(1, 2, 1, 1, 1, device=look.device)
    for k in range(shifts.size(0)):
        i, j, l = int(shifts[k, 0]), int(shifts[k, 1]), int(shifts[k, 2])
        far = look - wide[:, :, i:i + x, j:j + y, l:l + z]
        one = torch.exp(-F.conv3d(far * far, both))
        alike = torch.cat([one, one * one], 1)
        mean = mean + alike * square[:, :, i:i + x, j:j + y, l:l + z]
        weight = weight + alike
    return mean / weight, weight


class Denoiser(nn.Module):
    """Classical estimates of one image without its noise, and a small network that says voxel by voxel whom to believe.

    Nothing of the estimates is learned: overlapping cubes of 4 voxels whose weak cosines are taken away, means over what looks
    alike nearby (both of Manjon et al., Medical Image Analysis 2012), and means over all that is nearby, in ten strengths
    altogether, each without the bias that Rician noise adds. The strength of the noise is found in the image, place by place.

    What the network sees of an estimate is not the image but how much of it is to be believed: Stein's unbiased risk (Annals of
    Statistics 1981), which is told without the truth, from what the estimate took away and from how freely it follows the
    noise. The answer is a weighted mean of the estimates; untrained, the likeliest to be near weighs most.
    """

    THRESHOLDS = (2.2, 2.7, 3.4)  # the middle one is the guide to what looks alike
    REACH = 2
    UNBIASED = 1.5942
    AROUND = (5, 9, 15)
    BOXES = (3, 5, 9)  # over which risks are averaged
    OWN, GUIDE, FAR = (1.05, 1.0), (0.43, 0.61), (1 / 27, 0.05, 1 / 27, 0.08)

    def __init__(self, channels=24):
        super().__init__()
        import numpy as np
        bank, order = cosines()

        def keep(name, value):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32), persistent=False)

        keep("bank", bank)
        high = (order >= 7).float().view(1, -1, 1, 1, 1)
        keep("high", high / high.sum())
        near = torch.arange(2 * self.REACH + 1) - self.REACH
        shifts = torch.cartesian_prod(near, near, near)
        near = (shifts**2).sum(1)
        self.register_buffer("shifts", shifts[near <= 6] + self.REACH, persistent=False)
        keep("ones", torch.ones(2, 1, 4, 4, 4))
        keep("low", (order == 0).float().view(1, -1, 1, 1, 1))
        # By mean / sigma in steps of a twentieth up to 10: the signal. By signal / sigma: the mean and the standard deviation.
        signal = np.linspace(0, 12, 2401)
        mean, deviation = rice(signal)
        at = np.arange(201) / 20
        keep("signal", np.where(at < mean[0], 0, np.interp(at, mean, signal)))
        keep("mean", np.interp(at, signal, mean) - at)
        keep("deviation", np.interp(at, signal, deviation))
        seen = 10 * (len(self.BOXES) + 2) + 2
        self.weigh = nn.Sequential(nn.Conv3d(seen, channels, 1), nn.ReLU(), nn.Conv3d(channels, channels, 1), nn.ReLU(),
                                   nn.Conv3d(channels, 11, 1))
        nn.init.zeros_(self.weigh[4].weight)
        nn.init.zeros_(self.weigh[4].bias)

    def read(self, table, ratio):
        """A table's value at mean / sigma, and its last value beyond."""
        at = (ratio * 20).clamp(0, 199.99)
        low = at.floor()
        below, above = table[low.long()], table[low.long() + 1]
        return below + (at - low) * (above - below)

    def noise(self, image):
        """Standard deviation of the Gaussian noise beneath, at every voxel: from the highest frequencies of cubes of 4 voxels. A mean of
        negative power keeps edges out of it. Bright places tell it; where there are none, dark ones do. Where nothing was
        measured (padding, a skull taken away) there is no noise to see: such cubes do not count. In the dark a Rician image varies
        less than the noise beneath, which is put right by its mean."""
        c = F.conv3d(F.pad(image, [2, 2] * 3, mode="reflect"), self.bank, stride=2)
        root, mean = (c.abs().sqrt() * self.high).sum(1, keepdim=True), c[:, :1] / 8
        seen = (root > 0.025).float()

        def pooled(count, deviation):
            parts = torch.cat([(root / deviation + 1e-3) ** -4 * count, count], 1)
            near = F.avg_pool3d(parts, 9, 1, 4)
            wide = F.avg_pool3d(F.avg_pool3d(parts, 15, 1, 7), 15, 1, 7)
            parts = near + 0.02 * wide + 2e-4 * parts.mean((2, 3, 4), keepdim=True)
            # Where no cube has any noise at all (a smoothed image) there is next to none: 0.0016.
            return self.UNBIASED * ((parts[:, :1] + 1e-6) / (parts[:, 1:] + 1e-12)) ** -0.5 + 1e-4

        sigma = pooled(seen, torch.ones_like(seen))
        for _ in range(3):
            ratio = mean / sigma
            deviation = self.read(self.deviation, self.read(self.signal, ratio))
            sigma = pooled(seen * (torch.sigmoid(4 * (ratio - 4)) + 1e-5), deviation)
        return F.interpolate(sigma, size=image.shape[2:], mode="trilinear", align_corners=False)

    def without(self, image, sigma):
        """For each threshold (what stands out of the noise in overlapping cubes of 4 voxels: one at every second voxel, and one in
        the middle of each eight of them; how freely it follows the noise, 0 to 1)."""
        parts = []
        for first, last in ((4, 4), (3, 5)):
            room = [first, last] * 3
            c = F.conv3d(F.pad(image, room, mode="replicate"), self.bank, stride=2)
            level = F.avg_pool3d(F.pad(sigma, room, mode="replicate"), 4, 2)
            square = c / level
            square = square * square
            cut = (slice(None), slice(None), *[slice(first, -last)] * 3)
            for threshold in self.THRESHOLDS:
                ratio = (square * (1 / threshold**2)).clamp(max=100)
                ratio = ratio * ratio
                ratio = ratio * ratio
                kept = torch.maximum(ratio / (1 + ratio), self.low)
                weight = 1 / total(kept, 64)
                slope = total(kept * (9 - 8 * kept), 64)  # of what is kept of each cosine, by that cosine
                sums = torch.cat([weight, weight * slope], 1)
                parts.append((F.conv_transpose3d(c * (kept * weight), self.bank, stride=2)[cut],
                              F.conv_transpose3d(sums, self.ones, stride=2, groups=2)[cut]))
        found = []
        for k in range(len(self.THRESHOLDS)):
            above, sums = (a + b for a, b in zip(parts[k], parts[k + len(self.THRESHOLDS)]))
            found.append((above / sums[:, :1], sums[:, 1:] / sums[:, :1] / 64))
        return found

    def estimates(self, image):
        """(estimates of the image's square [n, 10, x, y, z], below 0 where noise had it so; how freely each follows the noise; sigma
        [n, 1, x, y, z])"""
        sigma = self.noise(image)
        cubes = self.without(image, sigma)
        guide, follows = cubes[1]
        mean = F.avg_pool3d(guide, 3, 1, 1, count_include_pad=False)
        squares, weight = non_local(image * image, torch.cat([guide, mean * 3**0.5], 1) * (0.5**0.5 / sigma), self.shifts)
        # The same on means over 3 voxels, twice as far: in dark and even places one voxel tells next to nothing.
        wider = F.avg_pool3d(mean, 3, 1, 1, count_include_pad=False)
        soft = F.avg_pool3d(image * image, 3, 1, 1, count_include_pad=False)
        far, far_weight = non_local(soft, torch.cat([mean, wider * 3**0.5], 1) / sigma, 2 * self.shifts)
        around = [F.avg_pool3d(image * image, n, 1, n // 2, count_include_pad=False) for n in self.AROUND]
        alike = torch.cat([squares, far, *around], 1) - 2 * sigma**2
        # Likeness is told by the guide, which follows the noise too; these shares are regressions on drawn images.
        own = 1 / weight
        free = [*(1.1 * f for _, f in cubes), self.OWN[0] * own[:, :1] + self.GUIDE[0] * follows,
                self.OWN[1] * own[:, 1:] + self.GUIDE[1] * follows, self.FAR[0] / far_weight[:, :1] + self.FAR[1] * follows,
                self.FAR[2] / far_weight[:, 1:] + self.FAR[3] * follows, *(torch.zeros_like(sigma) + 1 / n**3 for n in self.AROUND)]
        cubes = [(self.read(self.signal, x / sigma) * sigma + F.relu(x - 9.9 * sigma)) ** 2 for x, _ in cubes]
        return torch.cat([*cubes, alike], 1), torch.cat(free, 1), sigma

    def risks(self, image, found, free, sigma):
        """Stein's risk of each estimate in units of the noise's variance, mean over the voxels nearby [n, 10, x, y, z], for cubes of
        `BOXES` voxels. A Rician image is compared with the mean that the estimate says it has."""
        ratio = found.clamp_min(0).sqrt() / sigma
        away = (image / sigma - ratio - self.read(self.mean, ratio)) / self.read(self.deviation, ratio)
        risk = (away * away).clamp(max=25.0) - 1 + 2 * free
        return [F.avg_pool3d(risk, n, 1, n // 2, count_include_pad=False) for n in self.BOXES]

    def judge(self, image, found, free, sigma):
        risks = self.risks(image, found, free, sigma)
        square = sigma * sigma
        middle = found[:, 1:5].mean(1, keepdim=True)
        bright = (1 + middle.clamp_min(0).sqrt() / sigma).log()
        likely = risks[1] + risks[2]
        common = [r.mean(1, keepdim=True) for r in risks]
        # In units of the noise: of the square where it is dark, of the value where it is bright.
        apart = F.avg_pool3d((found - middle) ** 2 / (square * square + 4 * square * middle.clamp_min(0)), 5, 1, 2, count_include_pad=False)
        seen = [4 * (r - c) for r, c in zip(risks, common)] + [
            free.log() * 0.3, (0.02 + apart).log() + 2, 4 * common[2], bright]
        said = torch.cat([-5 * likely, -10 - 0 * common[0]], 1) + self.weigh(torch.cat(seen, 1).clamp(-6, 6))
        trust = torch.softmax(said, 1)
        # The mean of squares, so that noise below 0 in the dark is weighed against noise above it.
        return total(trust * torch.cat([found, image * image - 2 * square], 1), 11).clamp_min(1e-8).sqrt()

    def forward(self, image):
        return self.judge(image, *self.estimates(image))


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


def positions(like, spacing):
    """Distance from the middle along each axis in units of 100 mm [n, 3, x, y, z], for voxels of `spacing` mm."""
    ones = torch.ones_like(like)
    counts = [ones.cumsum(axis) for axis in (2, 3, 4)]
    return torch.cat([c - c.mean((2, 3, 4), keepdim=True) for c in counts], 1) * (spacing / 100)


# --- unified segmentation: plain functions, so that their loops stay loops in the graph ------------------------------------

OWNER = (0, 1, 2, 3, 3, 4, 4, 5)  # tissue of each Gaussian: grey, white, fluid, bone twice, soft tissue twice, air
APART = (0.0, 0.0, 0.0, -0.7, 0.7, -0.7, 0.7, 0.0)  # where pairs begin, in standard deviations around their mean


def owned(tissues, owner):
    """For each Gaussian what is its tissue's; `owner` [8, 6, 1, 1, 1] of ones and zeros."""
    return F.conv3d(tissues, owner)


def joint(image, prior, fit, owner):
    """Logarithm of prior times density of each Gaussian [n, 8, x, y, z]; `fit` [3, n, 8, 1, 1, 1]: mean, variance, share among the
    Gaussians of a tissue."""
    density = fit[2].log() - 0.5 * fit[1].log() - 0.5 * (image - fit[0]) ** 2 / fit[1]
    return owned(prior, owner).log() + density.clamp(min=-40.0)


def refitted(image, share, owner, least: float):
    """The Gaussians [3, n, 8, 1, 1, 1] of voxels with these shares."""
    count = share.sum((2, 3, 4), keepdim=True) + 1.0
    mean = (share * image).sum((2, 3, 4), keepdim=True) / count
    variance = ((share * (image - mean) ** 2).sum((2, 3, 4), keepdim=True) + 0.01) / count + least
    mix = count / owned(F.conv3d(count, owner.transpose(0, 1)), owner)
    return torch.stack([mean, variance, mix])


def first_fit(image, prior, owner, apart, least: float):
    fit = refitted(image, owned(prior, owner), owner, least)
    return torch.stack([fit[0] + apart * fit[1].sqrt(), fit[1], fit[2]])


def sampled(maps, place, turn, shift):
    """Tissue probabilities [n, 6, x, y, z] at places [n, 3, x, y, z]."""
    grid = torch.matmul(place.permute(0, 2, 3, 4, 1), turn) + shift
    found = F.grid_sample(maps.repeat(place.size(0), 1, 1, 1, 1), grid, mode="bilinear", padding_mode="border",
                          align_corners=False).clamp(min=1e-3)
    return found / found.sum(1, keepdim=True)


def solved(matrix, right):
    """x of matrix x = right for symmetric positive matrices [n, k, k] and [n, k], by conjugate gradients on the matrix scaled to
    a diagonal of ones: as many rounds as unknowns, and only products, which every runtime has."""
    scale = torch.diagonal(matrix, dim1=1, dim2=2).rsqrt()
    matrix, rest = matrix * scale[:, :, None] * scale[:, None, :], right * scale
    x, way = torch.zeros_like(rest), rest
    power = (rest * rest).sum(1, keepdim=True)
    for _ in range(12):
        push = torch.matmul(matrix, way[:, :, None])[:, :, 0]
        gain = power / ((way * push).sum(1, keepdim=True) + 1e-20)
        x, rest = x + gain * way, rest - gain * push
        after = (rest * rest).sum(1, keepdim=True)
        way, power = rest + way * (after / (power + 1e-20)), after
    return x * scale


@torch.jit.script_if_tracing
def climb(image, flat, maps, turn, shift, way, fit, owner, firm, bound, moves, rounds: int):
    """(map [n, 3, 4], Gaussians) after damped and bounded Gauss-Newton steps on the likelihood of an image [1, 1, x, y, z].

    `flat` [4, voxels] is what a map is multiplied with, `moves` [7, 3, 1, 1, 1] the shifts by which slopes are measured: none,
    and both ways along each axis."""
    count, step, weight, least = way.size(0), float(moves[1, 0, 0, 0, 0]), 0.05, 5e-4
    x, y, z = image.size(2), image.size(3), image.size(4)
    even = torch.eye(4, dtype=flat.dtype, device=flat.device)[:3]
    diagonal = torch.eye(12, dtype=flat.dtype, device=flat.device)
    for _ in range(rounds):
        place = torch.matmul(way, flat).reshape(count, 1, 3, x, y, z)
        near = sampled(maps, (place + moves).reshape(count * 7, 3, x, y, z), turn, shift).reshape(count, 7, 6, x, y, z)
        prior = near[:, 0]
        for _ in range(2):
            fit = refitted(image, torch.softmax(joint(image, prior, fit, owner), 1), owner, least)
        share = torch.softmax(joint(image, prior, fit, owner), 1)
        pull = F.conv3d(share, owner.transpose(0, 1)) / prior
        rise = (near[:, 1::2] - near[:, 2::2]) * pull[:, None]
        rise = rise.sum(2).reshape(count, 3, 1, -1) / (2 * step)
        slopes = (rise * flat).reshape(count, 12, -1)
        away = torch.cat([(way - even)[:, :, :3], torch.zeros_like(way[:, :, 3:])], 2).reshape(count, 12)
        gradient = weight * slopes.sum(2) - firm * away
        curve = weight * torch.matmul(slopes, slopes.transpose(1, 2)) + diagonal * firm
        change = solved(curve + 0.1 * curve * diagonal, gradient).reshape(count, 3, 4)
        way = way + change / (change.abs() / bound).reshape(count, 12).amax(1).clamp(min=1.0)[:, None, None]
    return way, fit


def spread(field, reach: int, times: int):
    """Means over 2 reach + 1 voxels along each axis, again and again: nearly a Gaussian."""
    for _ in range(times):
        field = F.avg_pool3d(field, 2 * reach + 1, 1, reach, count_include_pad=False)
    return field


def gained(image, share, fit, pool: int):
    """The smooth gain, on a grid `pool` times coarser, that makes the brain's tissues uniform; near 1 where there is no brain."""
    pull = share[:, :3] / fit[1][:, :3] * fit[0][:, :3]
    parts = torch.cat([(pull * image).sum(1, keepdim=True), (pull * fit[0][:, :3]).sum(1, keepdim=True)], 1)
    parts = F.avg_pool3d(parts, pool)
    return ((parts[:, :1] + 1.0) / (parts[:, 1:] + 1.0)).clamp(0.4, 2.5)


@torch.jit.script_if_tracing
def with_gain(image, prior, fit, owner, rounds: int):
    """(Gaussians, gain on an eighth of the grid): the smooth gain that explains the brain best and the grey values without it."""
    gain = torch.ones_like(F.avg_pool3d(image, 8))
    for turn in range(rounds):
        even = image / F.interpolate(gain, scale_factor=8.0, mode="trilinear", align_corners=False)
        share = torch.softmax(joint(even, prior, fit, owner), 1)
        fit = refitted(even, share, owner, 2e-4)
        if turn > 0:
            gain = gained(image, share, fit, 8)
    return fit, gain


@torch.jit.script_if_tracing
def bend(image, place, bends, maps, turn, shift, fit, gain, owner, moves, pool: int, rounds: int):
    """(bends [1, 3, x, y, z] in mm / 100, Gaussians, gain): what is added to the `place` of each voxel so that the atlas explains the
    image better, with its grey values and its gain.

    Each round is the least-squares step of a neighbourhood that moves together (Lucas and Kanade 1981), on the likelihood's slope instead
    of a difference of grey values; then the whole is made smooth, as demons are (Vercauteren et al., NeuroImage 2009). Where the
    slopes say little `firm` holds the step back."""
    x, y, z = image.size(2), image.size(3), image.size(4)
    step, firm, furthest = float(moves[1, 0, 0, 0, 0]), 1500.0, 0.04
    for _ in range(rounds):
        near = sampled(maps, (place + bends + moves).reshape(7, 3, x, y, z), turn, shift)
        prior = near[:1]
        even = image / F.interpolate(gain, scale_factor=float(pool), mode="trilinear", align_corners=False)
        for _ in range(2):
            fit = refitted(even, torch.softmax(joint(even, prior, fit, owner), 1), owner, 2e-4)
        share = torch.softmax(joint(even, prior, fit, owner), 1)
        gain = gained(image, share, fit, pool)
        pull = F.conv3d(share, owner.transpose(0, 1)) / prior
        rise = ((near[1::2] - near[2::2]) * pull).sum(1)[None] / (2 * step)
        change = spread(rise, 2, 3) / (spread((rise * rise).sum(1, keepdim=True), 2, 3) + firm)
        length = (change * change).sum(1, keepdim=True).sqrt()
        bends = spread(bends + change / (length / furthest).clamp(min=1.0), 1, 2)
    return bends, fit, gain


class Registration(nn.Module):
    """The affine map from an image to an atlas, found in the graph: nothing here is learned, and any contrast will do.

    What is made likely is the image, given the atlas's tissue probabilities at the mapped places and grey values of its
    tissues that are fitted along the way (Ashburner and Friston, NeuroImage 2005): from several poses at 12 mm; the likeliest
    goes on at 6 mm, at last on the sharp atlas. Scales and shears far from one cost a little.

    Places are mm / 100. A map [n, 3, 4] takes (distance from the image's middle, 1) to the place in the atlas.
    """

    LEVELS = ((2, 8, 12), (1, 4, 8), (0, 4, 6))  # halvings of the atlas, of the image, rounds
    BENDS = ((4, 1, 16), (2, 0, 10))  # halvings of the image, of the atlas, rounds
    LOOSE = (0.12, 0.12, 0.12, 0.5)  # how far scales, shears and shifts may be from what they were set out with
    BOUND = (0.08, 0.08, 0.08, 0.10)  # of one step

    def __init__(self, atlas, affine, spacing):
        super().__init__()
        self.spacing = spacing

        def keep(name, value):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32).contiguous(), persistent=False)

        for level, maps in enumerate([atlas[None], F.avg_pool3d(atlas[None], 3), F.avg_pool3d(atlas[None], 6)]):
            keep(f"atlas{level}", (maps * 255).round() / 255)
        # From mm / 100 to grid_sample's range, -1 and 1 at the outer faces, and to its order z, y, x.
        size = torch.tensor(atlas.shape[1:], dtype=torch.float64)
        back = torch.linalg.inv(torch.as_tensor(affine, dtype=torch.float64))
        turn, shift = back[:3, :3] * 100 * (2 / size)[:, None], (2 * back[:3, 3] + 1) / size - 1
        keep("turn", turn.flip(0).T)
        keep("shift", shift.flip(0))
        keep("firm", 1 / torch.tensor(self.LOOSE * 3) ** 2)
        keep("bound", self.BOUND)
        keep("owner", torch.eye(6)[list(OWNER)].view(8, 6, 1, 1, 1))
        keep("apart", torch.tensor(APART).view(1, 8, 1, 1, 1))
        moves = torch.tensor([[0.0, 0, 0]] + [[way if a == k else 0.0 for a in range(3)] for k in range(3) for way in (1, -1)])
        keep("moves", moves.view(7, 3, 1, 1, 1))
        # Where the middle of what is bright is taken to lie: heads are more or less cut at the neck.
        tilts = [(0, t, drop) for t in (-0.35, 0.0, 0.35) for drop in (-0.35, 0.0, 0.35)]
        tilts += [(axis, t, 0.0) for axis in (1, 2) for t in (-0.3, 0.3)]
        turns = torch.eye(3).repeat(len(tilts), 1, 1)
        for n, (axis, t, _) in enumerate(tilts):
            i, j = [k for k in range(3) if k != axis]
            turns[n, i, i] = turns[n, j, j] = math.cos(t)
            turns[n, i, j], turns[n, j, i] = -math.sin(t), math.sin(t)
        keep("turns", turns)
        keep("middles", torch.tensor([[0.0, -0.18, 0.05 + drop] for _, _, drop in tilts])[..., None])

    def flat(self, like, spacing):
        at = positions(like, spacing)
        return torch.cat([at, torch.ones_like(at[:, :1])], 1).flatten(2)[0]

    def prior(self, way, like, spacing, level=0):
        """Tissue probabilities [n, 6, x, y, z] on the grid of an image, by a map."""
        place = torch.matmul(way, self.flat(like, spacing)).reshape(way.size(0), 3, *like.shape[2:])
        return sampled(getattr(self, f"atlas{level}"), place, self.turn, self.shift)

    def forward(self, image):
        """The map [1, 3, 4] of one image [1, 1, x, y, z] of grey values 0..1; sizes are multiples of 16."""
        way, fit = None, None
        for level, halved, rounds in self.LEVELS:
            small, spacing = F.avg_pool3d(image, halved), self.spacing * halved
            if level == 2:
                at, weight = positions(small, spacing), small.clamp(0, 0.15)
                middle = ((at * weight).sum((2, 3, 4)) / (weight.sum((2, 3, 4)) + 1e-3))[0][None, :, None]
                way = torch.cat([self.turns, self.middles - self.turns @ middle], 2)
            if level > 0:
                fit = first_fit(small, self.prior(way, small, spacing, level), self.owner, self.apart, 5e-4)
            way, fit = climb(small, self.flat(small, spacing), getattr(self, f"atlas{level}"), self.turn, self.shift, way, fit,
                             self.owner, self.firm, self.bound, self.moves * (0.08 if level == 2 else 0.04), rounds)
            if level == 2:
                likely = torch.logsumexp(joint(small, self.prior(way, small, spacing, level), fit, self.owner), 1)
                way = way.index_select(0, likely.mean((1, 2, 3)).argmax(0, keepdim=True))
        return way

    def explained(self, image, way=None):
        """(bends [1, 3, x, y, z] in mm / 100, tissue probabilities on the image's grid, Gaussians [3, 1, 8, 1, 1, 1], gain on a sixteenth
        of the grid) of an image [1, 1, x, y, z]; grey values and gain are found on every second voxel at last. Who drew the head knows
        its `way`."""
        way = self(image) if way is None else way
        bends, fit, gain = None, None, None
        for halved, level, rounds in self.BENDS:
            small, spacing = F.avg_pool3d(image, halved), self.spacing * halved
            place = torch.matmul(way, self.flat(small, spacing)).reshape(1, 3, *small.shape[2:])
            if bends is None:
                prior = self.prior(way, small, spacing, level)
                fit, gain = first_fit(small, prior, self.owner, self.apart, 5e-4), torch.ones_like(F.avg_pool3d(image, 16))
                bends = torch.zeros_like(place)
            else:
                bends = F.interpolate(bends, scale_factor=2.0, mode="trilinear", align_corners=False)
            bends, fit, gain = bend(small, place, bends, getattr(self, f"atlas{level}"), self.turn, self.shift, fit, gain, self.owner,
                                    self.moves * (spacing / 200), 16 // halved, rounds)
        bends = F.interpolate(bends, scale_factor=2.0, mode="trilinear", align_corners=False)
        place = torch.matmul(way, self.flat(image, self.spacing)).reshape(1, 3, *image.shape[2:])
        prior = sampled(self.atlas0, place + bends, self.turn, self.shift)
        few, place = image[:, :, ::2, ::2, ::2], prior[:, :, ::2, ::2, ::2]
        return bends, prior, *with_gain(few, place, first_fit(few, place, self.owner, self.apart, 2e-4), self.owner, 5)

    @staticmethod
    def everywhere(gain):
        """A gain on the image's grid."""
        return F.interpolate(gain, scale_factor=16, mode="trilinear", align_corners=False)


class TissueNet(nn.Module):
    """Unified segmentation (Ashburner and Friston, NeuroImage 2005) as one graph, and a network that judges its evidence.

    A `Registration` lays the tissue probabilities of an atlas over this head, and bends them to it. Expectation maximisation finds each tissue's
    grey values in this very image, and the smooth gain of the coil with them: a contrast that was never seen is no riddle, and
    the border is as sharp as the image's. The network then weighs place against grey value voxel by voxel: in an average
    of many heads, or where grey matter and fluid look alike (proton density), place tells more.

    Answers are logits of background, grey matter, white matter, fluid. Sizes are multiples of 32, voxels of 1.5 mm; grey
    values and gain are found on every second.
    """

    MOST = 3.0  # by how much the network moves a logit
    OUTSIDE = 4.0  # what background gains where the atlas's brain falls below a tenth, per factor of e

    def __init__(self, atlas, affine, spacing=1.5, channels=16):
        """`atlas` [6, x, y, z]: probabilities of grey matter, white matter, fluid, bone, soft tissue, air; `affine` from its
        voxels to mm."""
        super().__init__()
        self.atlas = Registration(atlas, affine, spacing)
        c = channels
        self.enter = nn.Sequential(conv(11, c, bias=True), nn.LeakyReLU(0.01))
        self.down = nn.Sequential(normed(c, 2 * c, 2, 2), normed(2 * c, 2 * c), normed(2 * c, 2 * c))
        self.up = nn.ConvTranspose3d(2 * c, c, 2, 2)
        self.leave = nn.Sequential(nn.LeakyReLU(0.01), conv(c, c, bias=True), nn.LeakyReLU(0.01), nn.Conv3d(c, 4, 1))
        nn.init.zeros_(self.leave[3].weight)
        nn.init.zeros_(self.leave[3].bias)

    def evidence(self, image):
        """What the network judges [1, 11, x, y, z]: logarithms of the shares by place and grey value, those by place alone
        (background, grey, white, fluid), and how far the voxel is from the grey values of each tissue."""
        owner = self.atlas.owner
        _, prior, fit, gain = self.atlas.explained(image)
        even = image / self.atlas.everywhere(gain)
        share = F.conv3d(torch.softmax(joint(even, prior, fit, owner), 1), owner.transpose(0, 1))
        logs = [torch.cat([1 - x[:, :3].sum(1, keepdim=True), x[:, :3]], 1).clamp_min(1e-4).log() for x in (share, prior)]
        return torch.cat([*logs, ((even - fit[0][:, :3]) / fit[1][:, :3].sqrt()).clamp(-5, 5)], 1)

    def judge(self, evidence):
        x = self.enter(evidence * 0.4)
        change = self.leave(x + self.up(self.down(x)))
        # Unbounded, it learned to overrule the atlas by e^20 where a drawn head's map had failed, and drew fluid onto scalps.
        logits = 0.5 * (evidence[:, :4] + evidence[:, 4:8]) + self.MOST * torch.tanh(change / self.MOST)
        # Where the atlas has no brain there is none, however alike the grey values are: muscle, fat, the eyes.
        brain = torch.logsumexp(evidence[:, 5:8], 1, keepdim=True)
        outside = self.OUTSIDE * F.relu(math.log(0.1) - brain)
        return torch.cat([logits[:, :1] + outside, logits[:, 1:]], 1)

    def forward(self, image):
        """(logits, logarithms of the shares by place alone: what the atlas would say without the grey values)"""
        evidence = self.evidence(image)
        return self.judge(evidence), evidence[:, 4:8]


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
