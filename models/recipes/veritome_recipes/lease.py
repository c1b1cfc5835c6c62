"""Several models trained at once on one lent graphics processor, each in a process of its own, and packed to be taken home.

A lease is short and ends without warning: each model stops by itself at a common time, writes `OUT/NAME.tar` (the averaged
weights, what `on_device` made, the log), and one that fails takes no other with it.
"""

import io
import os
import pathlib
import subprocess
import sys
import tarfile
import time
import traceback

import torch

from . import training
from .export import RESULTS
from .models import recipe

MARGIN_S = 15  # after the training: on_device, packing


def lease(names, seconds, out):
    """Trains `names` for `seconds` of the wall in all, start and packing included. `NAME:0.5` ends after half of the time and
    leaves the processor to the others, `NAME@6` has six processes that draw its batches."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    until = time.time() + seconds
    running = {}
    for name in names:
        name, _, workers = name.partition("@")
        name, _, share = name.partition(":")
        end = until - MARGIN_S - (1 - float(share or 1)) * seconds
        log = open(out / f"{name}.log", "w")
        command = [sys.executable, "-m", "veritome_recipes", "lease-one", name, "--until", str(end), "--out", str(out),
                   "--workers", workers or "0"]
        running[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT,
                                         env=os.environ | {"OMP_NUM_THREADS": "2", "PYTHONUNBUFFERED": "1"})
    for name, process in running.items():
        try:
            process.wait(max(1, until - time.time()))
        except subprocess.TimeoutExpired:
            process.kill()
        text = (out / f"{name}.log").read_text().strip().splitlines()
        print(f"== {name}: exit {process.poll()}")
        print("\n".join(text[-6:]), flush=True)


def one(name, until, out, workers=0):
    """One model: until the common time, then packed."""
    module = recipe(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    minutes = (until - time.time()) / 60
    training.train(module, minutes, device=device, save_every_s=45, workers=workers)
    network, state = training.load(module)
    weights = {k: v.half() if v.is_floating_point() and large(network) else v for k, v in network.state_dict().items()}
    network.load_state_dict(weights)  # what is measured here is what travels
    folder = RESULTS / "device" / module.NAME
    if hasattr(module, "on_device"):
        try:
            with torch.no_grad():
                module.on_device(network.to(device).eval(), folder, torch.device(device))
        except Exception:
            traceback.print_exc()
    kept = {k: state[k] for k in ("step", "seconds", "losses", "seed", "device")}
    buffer = io.BytesIO()
    torch.save({"average": weights, "network": weights} | kept, buffer)
    part = pathlib.Path(out) / f"{name}.part"
    with tarfile.open(part, "w") as tar:
        info = tarfile.TarInfo(f"checkpoints/{name}.pt")
        info.size = buffer.tell()
        buffer.seek(0)
        tar.addfile(info, buffer)
        for file in folder.glob("*") if folder.exists() else []:
            tar.add(file, f"results/device/{name}/{file.name}")
    part.rename(part.with_suffix(".tar"))
    print(f"{name}: packed {part.with_suffix('.tar').stat().st_size} bytes", flush=True)


def large(network):
    """Weights of more than a megabyte travel with 16 bits each."""
    return sum(p.numel() for p in network.parameters()) > 250_000
