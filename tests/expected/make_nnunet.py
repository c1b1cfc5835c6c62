"""tests/data/import/nnunet_2d, nnunet_3d: what nnU-Net's own planner, trainer class and predictor make of a tiny data set.

Run from the repository root:  python tests/expected/make_nnunet.py
Needs nnunetv2 (2.6 or later) and onnx. Everything that nnU-Net writes lands in a temporary folder; kept are its plans.json
and dataset.json, the graph that the command of docs/models.md exports from the checkpoint, one image, and nnU-Net's own
segmentation of it, with mirroring. The networks are made small in the plans, as nnU-Net's manual has it, and trained for a
minute by a plain loop, so that their classes are not ties.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BASE = pathlib.Path(os.environ.get("NNUNET_SCRATCH") or tempfile.mkdtemp())
for name in ("raw", "preprocessed", "results"):
    (BASE / name).mkdir(parents=True, exist_ok=True)
    os.environ[f"nnUNet_{name}"] = str(BASE / name)

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: E402
from nnunetv2.run.run_training import get_trainer_from_args  # noqa: E402
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class  # noqa: E402

torch.manual_seed(0)
torch.set_num_threads(1)
OUT = pathlib.Path(__file__).resolve().parents[1] / "data/import"
BIN = pathlib.Path(sys.executable).parent
raw = BASE / "raw/Dataset501_Blocks"
rng = np.random.default_rng(1)


def write(path, array):
    volume = sitk.GetImageFromArray(array)
    volume.SetSpacing((1.0, 1.0, 2.5))
    volume.SetOrigin((17.0, 12.0, 30.0))
    # Right, anterior, superior, which is what an import has to assume.
    volume.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(volume, str(path))


for n in range(5):
    size = (24, 40, 36)
    grid = np.indices(size)
    image, label = rng.normal(-200, 40, size), np.zeros(size, np.uint8)
    for value, bright in ((1, 150), (2, 400)):
        c = np.array([rng.integers(8, s - 8) for s in size])
        distance = ((grid - c[:, None, None, None]) ** 2 * np.array([4, 1, 1])[:, None, None, None]).sum(0)
        ball = distance < rng.integers(64, 100)
        image[ball] = rng.normal(bright, 30, ball.sum())
        label[ball] = value
    write(raw / f"imagesTr/case_{n}_0000.nii.gz", np.round(image).astype(np.int16))
    write(raw / f"labelsTr/case_{n}.nii.gz", label)
dataset = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "low": 1, "high": 2}, "numTraining": 5,
           "file_ending": ".nii.gz", "name": "Blocks", "description": "Balls of two kinds"}
(raw / "dataset.json").write_text(json.dumps(dataset))
subprocess.run([BIN / "nnUNetv2_plan_and_preprocess", "-d", "501", "-np", "1", "-npfp", "1"], check=True)
plans_file = BASE / "preprocessed/Dataset501_Blocks/nnUNetPlans.json"
plans = json.loads(plans_file.read_text())
for name, configuration in plans["configurations"].items():
    if "architecture" in configuration:
        arguments = configuration["architecture"]["arch_kwargs"]
        arguments["features_per_stage"] = [6 if "2d" in name else 4, 8, 8, 8][: arguments["n_stages"]]
plans["configurations"]["2d"]["patch_size"] = [32, 24]
plans["configurations"]["3d_fullres"]["patch_size"] = [16, 32, 24]
plans_file.write_text(json.dumps(plans, indent=2))

for configuration, kept in (("2d", "nnunet_2d"), ("3d_fullres", "nnunet_3d")):
    trainer = get_trainer_from_args("501", configuration, 0, device=torch.device("cpu"))
    trainer.initialize()
    network = trainer.network.train()
    folder = trainer.preprocessed_dataset_folder
    cases = infer_dataset_class(folder)(folder)
    data = []
    for name in ("case_0", "case_1", "case_2", "case_3"):
        image, label = cases.load_case(name)[:2]
        data.append((torch.from_numpy(np.array(image[:])).float(), torch.from_numpy(np.array(label[:])).long()))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    patch = plans["configurations"][configuration]["patch_size"]
    for step in range(150 if configuration == "2d" else 250):
        image, label = data[step % len(data)]
        if configuration == "2d":
            chosen = torch.randint(0, image.shape[1], (8,))
            x, y = image[:, chosen].transpose(0, 1), label[:, chosen].transpose(0, 1)
        else:
            x, y = image[None], label[None]
        corner = [int(torch.randint(0, max(n - p, 0) + 1, ())) for n, p in zip(x.shape[2:], patch)]
        for axis, (start, length) in enumerate(zip(corner, patch)):
            x, y = (torch.narrow(t, axis + 2, start, min(length, t.shape[axis + 2] - start)) for t in (x, y))
        short = [p - n for n, p in zip(x.shape[2:], patch)]
        pad = [v for s in reversed(short) for v in (0, max(s, 0))]
        answer = network(F.pad(x, pad))
        loss = F.cross_entropy(answer[0] if isinstance(answer, list | tuple) else answer, F.pad(y, pad)[:, 0].clamp(min=0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(configuration, "loss", float(loss))
    trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    os.makedirs(trainer.output_folder, exist_ok=True)
    trainer.save_checkpoint(os.path.join(trainer.output_folder, "checkpoint_final.pth"))
    trained = pathlib.Path(trainer.output_folder_base)
    for name in ("plans.json", "dataset.json"):
        source = plans_file if name == "plans.json" else raw / name
        shutil.copy(source, trained / name)
    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(trained), (0,), "checkpoint_final.pth")
    target = OUT / kept
    target.mkdir(parents=True, exist_ok=True)
    source = raw / "imagesTr/case_4_0000.nii.gz"
    predictor.predict_from_files_sequential([[str(source)]], [str(target / "expected.nii.gz")], save_probabilities=False)
    shutil.copy(source, target / "image.nii.gz")
    for name in ("plans.json", "dataset.json"):
        shutil.copy(trained / name, target / name)
    # docs/models.md, as `models import` prints it.
    shape = ", ".join(map(str, [1, 1, *patch]))
    command = (
        "import json, torch; from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor as P; "
        "p = P(device=torch.device('cpu')); p.initialize_from_trained_model_folder('.', ('0',)); "
        "n = p.network; n.load_state_dict(p.list_of_parameters[0]); n.decoder.deep_supervision = False; "
        f"torch.onnx.export(n.eval(), torch.zeros({shape}), 'model.onnx', input_names=['input'], "
        "output_names=['output'], opset_version=17, dynamo=False); "
        "json.dump({'inference_allowed_mirroring_axes': p.allowed_mirroring_axes}, open('checkpoint.json', 'w'))"
    )
    subprocess.run([sys.executable, "-c", command], cwd=trained, check=True)
    for name in ("model.onnx", "checkpoint.json"):
        shutil.copy(trained / name, target / name)
    (target / "predict_from_raw_data_args.json").unlink(missing_ok=True)
