"""Writes schedulers.json: MONAI's noise schedules, timesteps and single steps, in double precision.

MONAI keeps its tables in single precision, where 1 - alpha loses four digits at the first timesteps; so that the
formulas are compared and not their rounding, `torch.linspace` gives doubles here. Nothing else of MONAI is touched.

Run from anywhere; needs requirements-monai.txt.
"""

import json
import pathlib
from unittest import mock

import torch
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler, RFlowScheduler

linspace = torch.linspace
X = [-1.25, 0.125, 2.0]
OUTPUT = [0.5, 1.5, -1.0]
NOISE = [0.25, -1.5, 0.625]
SCHEDULES = [
    ("linear", "linear_beta", [1e-4, 2e-2]),
    ("scaled_linear", "scaled_linear_beta", [0.0015, 0.0195]),
    ("sigmoid", "sigmoid_beta", [1e-4, 2e-2]),
    ("cosine", "cosine", [1e-4, 2e-2]),
]
PREDICTIONS = [("epsilon", "epsilon"), ("v", "v_prediction"), ("sample", "sample")]


def tensor(values):
    # Five axes: MONAI's RFlow takes nothing else.
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, 1, -1)


def numbers(values):
    return [float(f"{v:.9g}") for v in values.flatten().tolist()]


def make(kind, schedule, beta, **more):
    arguments = {} if schedule == "cosine" else {"beta_start": beta[0], "beta_end": beta[1]}
    with mock.patch("torch.linspace", lambda a, b, n, **_: linspace(a, b, n, dtype=torch.float64)):
        return kind(num_train_timesteps=1000, schedule=schedule, **arguments, **more)


x, output, noise = tensor(X), tensor(OUTPUT), tensor(NOISE)
schedules, timesteps, steps = [], [], []

for name, monai, beta in [*SCHEDULES, ("scaled_linear", "scaled_linear_beta", [1e-4, 2e-2])]:
    s = make(DDPMScheduler, monai, beta)
    rows = [[t, float(s.betas[t]), float(s.alphas_cumprod[t])] for t in (0, 1, 10, 249, 500, 900, 999)]
    schedules.append({"schedule": name, "beta": beta, "at": rows})

for n in (1, 10, 25, 30, 50, 1000):
    s = DDIMScheduler(num_train_timesteps=1000)
    s.set_timesteps(n)
    if n < 1000:
        timesteps.append({"scheduler": "ddim", "list": s.timesteps.tolist()})
for n in (4, 10, 25):
    s = RFlowScheduler(num_train_timesteps=1000)
    s.set_timesteps(n)
    timesteps.append({"scheduler": "rflow", "list": [float(t) for t in s.timesteps]})

with mock.patch("torch.randn", lambda *_, **__: noise):
    for name, monai, beta in SCHEDULES:
        for prediction, word in PREDICTIONS:
            for clip in (False, True):
                case = {"schedule": name, "beta": beta, "prediction": prediction, "clip_sample": clip}
                s = make(DDPMScheduler, monai, beta, prediction_type=word, clip_sample=clip)
                for t in (0, 1, 400, 999):
                    previous, clean = s.step(output, t, x)
                    noised = s.add_noise(x, noise, torch.tensor([t]))
                    steps.append({"scheduler": "ddpm", "steps": 1000, "t": t, "eta": 0.0, **case,
                                  "previous": numbers(previous), "clean": numbers(clean), "noised": numbers(noised)})
                s = make(DDIMScheduler, monai, beta, prediction_type=word, clip_sample=clip)
                s.set_timesteps(50)
                for eta in (0.0, 0.5):
                    # Multiples of 20: there the next timestep of the leading list is the one that MONAI steps to.
                    for t in (0, 20, 500, 980):
                        previous, clean = s.step(output, t, x, eta=eta)
                        noised = s.add_noise(x, noise, torch.tensor([t]))
                        steps.append({"scheduler": "ddim", "steps": 50, "t": t, "eta": eta, **case,
                                      "previous": numbers(previous), "clean": numbers(clean),
                                      "noised": numbers(noised)})
    s = RFlowScheduler(num_train_timesteps=1000)
    s.set_timesteps(10)
    following = [*s.timesteps.tolist()[1:], 0]
    for t, after in zip(s.timesteps.tolist(), following):
        previous, clean = s.step(output, t, x, after)
        noised = s.add_noise(x, noise, torch.tensor([t], dtype=torch.float64))
        steps.append({"scheduler": "rflow", "steps": 10, "t": t, "eta": 0.0, "schedule": "linear", "beta": [1e-4, 2e-2],
                      "prediction": "v", "clip_sample": False, "previous": numbers(previous), "clean": numbers(clean),
                      "noised": numbers(noised)})

# Chains on data that are normal with MEAN and SPREAD, with the best possible denoiser: every step is affine in x, so mean
# and variance of the samples follow exactly, from the steps' values at x = 0 and 1.
MEAN, SPREAD = 0.4, 0.25


def best(signal, noise, value):
    """Mean of the clean image and of the noise, given signal * clean + noise * z = value."""
    excess = (value - signal * MEAN) / (signal**2 * SPREAD**2 + noise**2)
    return MEAN + signal * SPREAD**2 * excess, noise * excess


def chain(pieces):
    mean, variance = 0.0, 1.0
    for at_0, at_1, with_noise in pieces:
        factor = at_1 - at_0
        mean, variance = at_0 + factor * mean, factor**2 * variance + (with_noise - at_0) ** 2
    return {"mean": mean, "std": variance**0.5}


def pieces(scheduler, list_, **more):
    for t in list_:
        signal = float(scheduler.alphas_cumprod[t]) ** 0.5
        noise = (1 - signal**2) ** 0.5
        row = []
        for value, drawn in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):
            epsilon = torch.full((1, 1), best(signal, noise, value)[1], dtype=torch.float64)
            with mock.patch("torch.randn", lambda *_, **__: torch.full((1, 1), drawn, dtype=torch.float64)):
                row.append(float(scheduler.step(epsilon, t, torch.full((1, 1), value, dtype=torch.float64), **more)[0]))
        yield row


def respaced(scheduler, list_):
    """The posterior of the earlier image by Bayes' rule: precisions add up; no noise at the end."""
    for t, earlier in zip(list_, [*list_[1:], None]):
        left = float(scheduler.alphas_cumprod[t])
        if earlier is None:
            yield [*(best(left**0.5, (1 - left) ** 0.5, v)[0] for v in (0.0, 1.0)), best(left**0.5, (1 - left) ** 0.5, 0.0)[0]]
            continue
        before = float(scheduler.alphas_cumprod[earlier])
        alpha = left / before
        precision = 1 / (1 - before) + alpha / (1 - alpha)
        row = []
        for value in (0.0, 1.0):
            clean, _ = best(left**0.5, (1 - left) ** 0.5, value)
            row.append((before**0.5 * clean / (1 - before) + alpha**0.5 * value / (1 - alpha)) / precision)
        yield [*row, row[0] + precision**-0.5]


def flowing(scheduler, list_):
    for t, after in zip(list_, [*list_[1:], 0]):
        row = []
        for value in (0.0, 1.0):
            clean, z = best(1 - t / 1000, t / 1000, value)
            row.append(float(scheduler.step(torch.tensor(clean - z), t, torch.tensor(value, dtype=torch.float64), after)[0]))
        yield [*row, row[0]]


ddpm = make(DDPMScheduler, *SCHEDULES[0][1:], clip_sample=False)
ddim = make(DDIMScheduler, *SCHEDULES[0][1:], clip_sample=False)
ddim.set_timesteps(50)
s.set_timesteps(20)
chains = [
    {"scheduler": "ddpm", "steps": 1000, "spacing": "leading", "eta": 0, **chain(pieces(ddpm, range(999, -1, -1)))},
    {"scheduler": "ddpm", "steps": 100, "spacing": "trailing", "eta": 0, **chain(respaced(ddpm, list(range(999, 0, -10))))},
    {"scheduler": "ddim", "steps": 50, "spacing": "leading", "eta": 0, **chain(pieces(ddim, range(980, -1, -20)))},
    {"scheduler": "ddim", "steps": 50, "spacing": "leading", "eta": 0.5,
     **chain(pieces(ddim, range(980, -1, -20), eta=0.5))},
    {"scheduler": "rflow", "steps": 20, "spacing": "leading", "eta": 0, **chain(flowing(s, s.timesteps.tolist()))},
]
found = {"x": X, "output": OUTPUT, "noise": NOISE, "schedules": schedules, "timesteps": timesteps, "data": [MEAN, SPREAD],
         "chains": chains, "steps": steps}
lines = []
for key, value in found.items():
    if value and isinstance(value[0], dict):
        rows = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in value)
        lines.append(f'"{key}": [\n{rows}\n]')
    else:
        lines.append(f'"{key}": {json.dumps(value)}')
pathlib.Path(__file__).with_name("schedulers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
