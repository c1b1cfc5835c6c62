"""One training loop for every model: resumable, bounded by minutes, with a moving average of the weights.

A checkpoint holds the weights, their moving average, the optimiser, the number of steps, the time spent and the losses;
`train NAME --minutes N` picks it up. The learning rate follows the share of the minutes that have passed (short rise,
cosine fall), so every session ends with small steps. On a processor minutes are the processor's, divided by the threads: on
a machine that others use they last longer, and no step is lost. On a graphics processor (`device="cuda"`) they are the
wall's, and draws, network and loss are all there. A terminated run saves before it ends. One thread for the network
and one that draws batches: on two cores that others use a second thread for the network doubled the time of a step.
"""

import copy
import importlib
import json
import math
import multiprocessing
import os
import pathlib
import queue
import signal
import threading
import time
import traceback

import torch

CHECKPOINTS = pathlib.Path(os.environ.get("VERITOME_RECIPES_CHECKPOINTS",
                                          pathlib.Path(__file__).resolve().parents[1] / "checkpoints"))


def decibel_loss(found, truth, least=1e-6, air=0.0):
    """Minus the PSNR inside the head, in units of 4.3 dB and image by image, so that a smooth image without noise, where the
    error is a thousandth, counts as much as a sharp noisy one; the air around counts `air` as much, and adds a little of
    its plain error."""
    axes = (1, 2, 3, 4)
    error = (found - truth) ** 2
    mask = (truth > 0.04).float()
    share = mask.mean(axes)
    mask = mask.clamp_min(air)
    inside = (error * mask).sum(axes) / mask.sum(axes).clamp_min(1)
    weight = (share > 0.05).float()
    return ((inside + least).log() * weight).sum() / weight.sum().clamp_min(1) + 2 * (found - truth).abs().mean()


def checkpoint_path(name):
    return CHECKPOINTS / f"{name}.pt"


class Ahead:
    """Batches drawn by a thread beside the training, in the same order as without it."""

    def __init__(self, batches, depth=4):
        self.batches, self.ready, self.ended = batches, queue.Queue(depth), threading.Event()
        self.thread = threading.Thread(target=self._draw, daemon=True)
        self.thread.start()

    def _draw(self):
        while not self.ended.is_set():
            try:
                item = self.batches.next()
            except Exception as error:  # raised again where the batch is asked for
                item = error
            while not self.ended.is_set():
                try:
                    self.ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    pass

    def next(self):
        item = self.ready.get()
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.ended.set()
        self.thread.join()


class Workers:
    """Batches drawn by `count` processes, each with a seed of its own; which comes first is the machine's affair. What is drawn
    travels with half the bits."""

    def __init__(self, recipe, seed, count, device):
        context = multiprocessing.get_context("spawn")
        self.device, self.ready = device, context.Queue(3 * count)
        self.processes = [context.Process(target=_work, args=(recipe.__name__, seed + 7919 * k, self.ready), daemon=True)
                          for k in range(count)]
        for process in self.processes:
            process.start()

    def next(self):
        item = self.ready.get(timeout=180)
        if isinstance(item, str):
            raise RuntimeError(f"a process that draws batches failed:\n{item}")
        parts = [torch.from_numpy(x).to(self.device) for x in item]
        return [x.float() if x.is_floating_point() else x for x in parts]

    def close(self):
        for process in self.processes:
            process.terminate()


def _work(module, seed, ready):
    torch.set_num_threads(1)
    try:
        batches = importlib.import_module(module).Batches(seed)
        while True:
            _give(ready, [(x.half() if x.is_floating_point() else x).numpy() for x in batches.next()])
    except Exception:  # told where the batch is asked for
        _give(ready, traceback.format_exc())


def _give(ready, item):
    """Puts an item when there is room; a process whose training is gone ends."""
    while True:
        try:
            return ready.put(item, timeout=5)
        except queue.Full:
            if not multiprocessing.parent_process().is_alive():
                ready.cancel_join_thread()
                raise SystemExit from None


def clock(threads, device="cpu"):
    """Seconds of processor time, shared by the threads; on a graphics processor those of the wall."""
    return time.monotonic() if device != "cpu" else time.process_time() / threads


def load(recipe):
    """(network with the averaged weights, checkpoint) of a trained model."""
    state = torch.load(checkpoint_path(recipe.NAME), map_location="cpu", weights_only=True)
    network = recipe.network()
    network.load_state_dict(state["average"])
    return network.eval(), state


def train(recipe, minutes, seed=1, threads=1, save_every_s=60, steps=None, device="cpu", rate=None, workers=0):
    """Trains for `minutes` (or `steps`, for tests) and returns the checkpoint's path. `rate` is the highest learning rate, where
    it is not to be the recipe's: a session that mends what an earlier one learned wants less. With `workers` so many processes draw
    the batches, on the processor: more than one thread beside the network can.

    A recipe with a `critic()` (a network that judges) trains it in turn, by `critic_loss(critic, network, batch)`, and its
    `loss` is given the critic as a third argument.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = device != "cpu"  # sizes do not change
    state = {"network": recipe.network().to(device)}
    network, average = state["network"], copy.deepcopy(state["network"])
    optimizer = state["optimizer"] = torch.optim.AdamW(network.parameters(), lr=recipe.RATE, weight_decay=1e-5)
    state["average"] = average
    critic = None
    if hasattr(recipe, "critic"):
        critic = state["critic"] = recipe.critic().to(device)
        state["critic_optimizer"] = torch.optim.AdamW(critic.parameters(), lr=recipe.RATE, betas=(0.5, 0.99))
    step, spent, losses, devices = 0, 0.0, [], device
    file = checkpoint_path(recipe.NAME)
    if file.exists():
        kept = torch.load(file, map_location=device, weights_only=True)
        for name, part in state.items():
            if kept.get(name):
                part.load_state_dict(kept[name])
        step, spent, losses, devices = kept["step"], kept["seconds"], kept["losses"], kept.get("device", "cpu")
        if not devices.endswith(device):
            devices += f" {device}"
        print(f"{recipe.NAME}: goes on at step {step}", flush=True)
    seeded = seed + 1000 * step
    batches = Workers(recipe, seeded, workers, device) if workers else Ahead(recipe.Batches(seeded, device=device))
    start = saved = clock(threads, device)
    first, recent, highest = step, [], rate or recipe.RATE
    network.train()
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))

    def update(part, loss, rate):
        for group in state[part].param_groups:
            group["lr"] = rate
        state[part].zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in state[part].param_groups for p in g["params"]], 1.0)
        state[part].step()

    def passed():
        return clock(threads, device) - start

    def save():
        facts = {"step": step, "seconds": spent + passed(), "losses": losses, "seed": seed, "device": devices}
        _save(file, state, facts)

    while not ended:
        share = passed() / (60 * minutes) if steps is None else (step - first) / steps
        if share >= 1:
            break
        rate = highest * min(1, (step - first + 1) / 30) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        batch = batches.next()
        if critic is not None:
            update("critic_optimizer", recipe.critic_loss(critic, network, batch), rate)
        loss = recipe.loss(network, batch, critic) if critic is not None else recipe.loss(network, batch)
        update("optimizer", loss, rate)
        step += 1
        with torch.no_grad():
            keep = min(recipe.KEEP if hasattr(recipe, "KEEP") else 0.995, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
            for a, b in zip(average.buffers(), network.buffers()):
                a.copy_(b)
        recent.append(loss.detach())
        if len(recent) == 100:
            losses.append([step, torch.stack(recent).mean().item()])
            print(f"{recipe.NAME}: step {step}, {passed():.0f} s, rate {rate:.1e}, loss {losses[-1][1]:.5f}", flush=True)
            recent = []
        if clock(threads, device) - saved > save_every_s:
            save()
            saved = clock(threads, device)
    batches.close()
    save()
    return file


def _save(file, state, facts):
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    torch.save({name: x.state_dict() for name, x in state.items()} | facts, part)
    part.replace(file)


def trial(recipe, note):
    """Adds what the checkpoint is worth now to results/trials.json, where losses are kept."""
    network, state = load(recipe)
    file = CHECKPOINTS.parent / "results" / "trials.json"
    trials = json.loads(file.read_text()) if file.exists() else []
    trials.append({"name": recipe.NAME, "note": note, "training": facts(state), **recipe.trial(network)})
    write_json(file, trials)
    return trials[-1]


def facts(state):
    """What the card tells about the training."""
    return {"steps": state["step"], "minutes": round(state["seconds"] / 60, 1), "seed": state["seed"],
            "device": state.get("device", "cpu")}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
