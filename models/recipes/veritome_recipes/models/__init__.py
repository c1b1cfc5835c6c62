"""The models, one short file each. A recipe is a module with NAME, RATE, network(), Batches, loss(), and for export,
evaluation and card: MANIFEST, example(), evaluate()."""

import importlib

NAMES = ["denoise", "super-resolution-2x", "brain-tissue", "t1-to-t2", "t1-to-t2-diffusion", "mr-to-ct"]


def recipe(name):
    name = name.replace("_", "-")
    if name not in NAMES:
        raise SystemExit(f"there is no recipe `{name}`; there are {', '.join(NAMES)}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
