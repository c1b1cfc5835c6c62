"""Train, export and evaluate the models that Veritome ships."""

import argparse
import pathlib

from . import card, data, lease, ship, training
from .export import export
from .models import NAMES, recipe


def main():
    parser = argparse.ArgumentParser(prog="veritome_recipes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in (("train", "train, or go on from the checkpoint"),
                          ("export", "write results/onnx/NAME/model.onnx"),
                          ("evaluate", "measure beside the baselines; make or withdraw models/NAME; write the table")):
        one = commands.add_parser(command, help=text)
        one.add_argument("name", help=", ".join(NAMES))
        if command == "train":
            one.add_argument("--minutes", type=float, default=60)
            one.add_argument("--seed", type=int, default=1)
            one.add_argument("--threads", type=int, default=1)
            one.add_argument("--device", default="cpu", help="cpu or cuda")
            one.add_argument("--workers", type=int, default=0, help="processes that draw batches; 0: a thread beside the network")
            one.add_argument("--rate", type=float, help="highest learning rate, where it is not to be the recipe's")
    one = commands.add_parser("trial", help="a minute's look at a checkpoint under way, kept in results/trials.json")
    one.add_argument("name", help="denoise")
    one.add_argument("--note", default="")
    one = commands.add_parser("pack", help="images as they travel to a machine without a network ($VERITOME_RECIPES_PACKED)")
    one.add_argument("folder")
    one.add_argument("names", nargs="+", help=", ".join(data.SOURCES))
    one = commands.add_parser("lease", help="train several at once on a graphics processor that is lent for some minutes")
    one.add_argument("names", nargs="+", help="NAME, NAME:SHARE of the time, NAME@WORKERS, NAME:SHARE@WORKERS")
    one.add_argument("--seconds", type=float, required=True)
    one.add_argument("--out", required=True)
    one = commands.add_parser("lease-one", help="what `lease` starts for each model")
    one.add_argument("name")
    one.add_argument("--until", type=float, required=True)
    one.add_argument("--workers", type=int, default=0)
    one.add_argument("--out", required=True)
    one = commands.add_parser("calibrate", help="temperature, interval and guard of models/NAME, by the program; the card anew")
    one.add_argument("name", help=", ".join(NAMES))
    one = commands.add_parser("cases", help="labelled cases for `veritome calibrate`, drawn with seeds of their own")
    one.add_argument("name", help=", ".join(NAMES))
    one.add_argument("folder")
    one.add_argument("--count", type=int, default=14)
    one = commands.add_parser("again", help="measure models/NAME anew by its own graph, where the checkpoint is gone")
    one.add_argument("name", help=", ".join(NAMES))
    one = commands.add_parser("sample", help="write the check's input and expected answer of models/NAME anew; says what its manifest may allow")
    one.add_argument("name", help=", ".join(NAMES))
    commands.add_parser("table", help="write docs/model-results.md and the cards from the results")
    args = parser.parse_args()
    if args.command == "train":
        print(training.train(recipe(args.name), args.minutes, args.seed, args.threads, device=args.device, rate=args.rate,
                             workers=args.workers))
    elif args.command == "export":
        print(*export(recipe(args.name)), sep="\n")
    elif args.command == "evaluate":
        print(ship.evaluate(recipe(args.name))["verdict"])
    elif args.command == "trial":
        print(training.trial(recipe(args.name), args.note))
    elif args.command == "lease":
        lease.lease(args.names, args.seconds, args.out)
    elif args.command == "lease-one":
        lease.one(args.name, args.until, args.out, args.workers)
    elif args.command == "calibrate":
        print(ship.calibrate(recipe(args.name)))
    elif args.command == "again":
        print(ship.again(recipe(args.name))["verdict"])
    elif args.command == "sample":
        print(ship.shipped_sample(recipe(args.name)))
    elif args.command == "cases":
        recipe(args.name).cases(pathlib.Path(args.folder), args.count)
    elif args.command == "pack":
        data.pack(args.names, args.folder)
    else:
        card.table()
        for name in NAMES:
            card.rewrite(name)


if __name__ == "__main__":
    main()
