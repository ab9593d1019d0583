"""Trains what plans are judged by, and keeps every training in runs.jsonl.

    python3 record.py BINARY SOURCES WORK [--half development|reserved] [--pair NAME] [--list]
    python3 record.py --score [runs.jsonl]

BINARY is `allometry`, built in release; SOURCES the folder that ../prediction/sources.py made; WORK gets the sweeps' folders. Every
training is a line of runs.jsonl when it ends, and the same command goes on with what is missing. --list prints what would be
trained, with an estimate of FLOPs. Python's standard library is enough.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "prediction"))

# Budgets are these multiples of the FLOPs of the sweep's largest run.
BUDGETS = [1, 3, 10]
# Widths of the oracle, each trained for the whole budget and for half of it.
ORACLE = [0.25, 0.5, 0.75, 1, 1.5, 2]
SHARES = [1, 0.5]
FRESH_SEEDS = [101, 102, 103]
# Name, model, source, training samples of the source, flags. Sources are in the halves of ../prediction/README.md.
DEVELOPMENT = [
    ("mlp-mnist", "mlp", "mnist", 60000, ["--resolution", "14"]),
    ("convnet-glyphs-u", "convnet", "glyphs-u", 10000, ["--resolution", "14"]),
    ("convnet-omniglot-b", "convnet", "omniglot-b", None, ["--resolution", "20"]),
    ("mlp-optdigits", "mlp", "optdigits", 3823, ["--resolution", "8"]),
    ("dense-friedman-1", "keras-dense", "friedman-1", 16000, []),
    ("dense-teacher-6", "keras-dense", "teacher-6", 16000, []),
]
RESERVED = [
    ("convnet-cifar-animals", "convnet", "cifar-animals", 12000, ["--resolution", "16"]),
    ("mlp-cifar-vehicles", "mlp", "cifar-vehicles", 8000, ["--resolution", "16"]),
    ("convnet-glyphs-digits", "convnet", "glyphs-digits", 10000, ["--resolution", "14"]),
    ("mlp-glyphs-a", "mlp", "glyphs-a", 10000, ["--resolution", "14"]),
    ("convnet-omniglot-a", "convnet", "omniglot-a", None, ["--resolution", "20"]),
    ("dense-friedman-2", "keras-dense", "friedman-2", 16000, []),
    ("dense-teacher-12", "keras-dense", "teacher-12", 16000, []),
    ("dense-teacher-48", "keras-dense", "teacher-48", 16000, []),
]
COMMON = ["--device", "cpu", "--batch", "32", "--learning-rate", "2e-3"]


class Pair:
    def __init__(self, row, arguments):
        self.name, self.model, self.source, self.samples, self.flags = row
        self.binary, self.work = arguments.binary, pathlib.Path(arguments.work) / self.name
        place = pathlib.Path(arguments.sources) / self.source
        if place.is_dir():
            kind = "omniglot" if self.source.startswith("omniglot") else "mnist"
            self.data = ["--dataset", kind, "--data", str(place)]
        else:
            self.data = ["--dataset", "csv", "--data", f"{place}.csv"]

    def run(self, *arguments):
        command = [self.binary, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    def call(self, *arguments):
        ended = self.run(*arguments)
        if ended.returncode:
            raise SystemExit(f"{' '.join(map(str, arguments))}: {ended.stderr.strip()}")
        return ended.stdout

    def records(self, folder):
        return [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]

    def sweep(self):
        """The sweep that is planned from."""
        folder = self.work / "sweep"
        self.call("sweep", "--for-plan", "--model", self.model, *self.flags, *self.data, *COMMON, "--out", folder)
        return self.records(folder)

    def train(self, factor, flops, seed, base_macs, all_samples):
        """A width trained for so many FLOPs: on all samples, as often as that takes."""
        epochs = max(1, math.ceil(flops / (6 * base_macs * factor**2 * all_samples)))
        while True:
            folder = self.work / f"train-{factor}-{flops:.4g}-{epochs}-{seed}"
            ended = self.run("sweep", "--model", self.model, *self.flags, *self.data, *COMMON, "--axis", "width", "--factors", factor,
                             "--flops", flops, "--epochs", epochs, "--seeds", seed, "--out", folder)
            # Fewer samples than that are there, or the model is smaller than its width says.
            if "more epochs" not in ended.stderr:
                break
            epochs += 1
        if ended.returncode not in (0, 6):
            raise SystemExit(ended.stderr)
        return self.records(folder)[0]

    def planned(self, flops):
        """The plan and what came of it."""
        file = self.work / f"plan-{flops:.4g}.toml"
        plan = json.loads(self.call("plan", self.work / "sweep", "--budget", f"{flops}flops", "--seconds", 0.5, *self.data[2:],
                                    "--device", "cpu", "--out", file, "--json"))
        outcome = json.loads(self.call("train", file, *self.data[2:], "--device", "cpu", "--json"))
        return plan, outcome


def line_of(record):
    kept = ["macs", "epochs", "train_samples", "training_flops", "validation_loss", "validation_accuracy", "wall_seconds", "status"]
    return {name: record.get(name) for name in kept}


def record(pair, runs, keep):
    known = lambda **key: next((run for run in runs if key.items() <= run.items()), None)
    swept = pair.sweep()
    largest = max(run["training_flops"] for run in swept)
    base_macs = next(run["macs"] for run in swept if run["key"].startswith("base"))
    all_samples = max(run["train_samples"] for run in swept)
    for times in BUDGETS:
        flops = times * largest
        key = dict(pair=pair.name, budget=times)
        if not known(**key, what="plan"):
            plan, outcome = pair.planned(flops)
            best = {name: value for name, value in plan["best"].items() if name != "architecture"}
            keep(dict(key, what="plan", flops=flops, best=best, limits=plan["limits"], unused=plan["unused"],
                      validation_loss=outcome["validation_loss"], wall_seconds=outcome["wall_seconds"],
                      inside=outcome["planned"]["inside"], seconds_inside=outcome["planned"].get("seconds_inside")))
        grid = [("base", 1, 1)] + [("oracle", factor, share) for factor in ORACLE for share in SHARES]
        for what, factor, share in grid:
            one = dict(key, what=what, factor=factor, share=share, seed=0)
            if not known(**one):
                keep(dict(one, **line_of(pair.train(factor, flops * share, 0, base_macs, all_samples))))
        tried = [run for run in runs if key.items() <= run.items() and run["what"] == "oracle" and run["validation_loss"]]
        winner = min(tried, key=lambda run: run["validation_loss"])
        for seed in FRESH_SEEDS:
            one = dict(key, what="winner", factor=winner["factor"], share=winner["share"], seed=seed)
            if not known(**one):
                trained = pair.train(winner["factor"], flops * winner["share"], seed, base_macs, all_samples)
                keep(dict(one, **line_of(trained)))


def listed(pair):
    """What is trained, and about how many FLOPs: a run of twice the width on all samples is the largest."""
    summary = json.loads(pair.call("summary", pair.model, "--json", *pair.flags))
    samples = pair.samples or 1500
    largest = 6 * 4 * summary["macs"] * samples
    trainings = 2 + len(ORACLE) * len(SHARES) + len(FRESH_SEEDS)
    flops = largest * (11.4 / 4 + sum(BUDGETS) * (2 + len(ORACLE) * sum(SHARES) + len(FRESH_SEEDS)))
    print(f"{pair.name}: a sweep, {len(BUDGETS)} plans, {trainings * len(BUDGETS)} trainings, about {flops:.2g} FLOPs")
    return flops


def score(file):
    runs = [json.loads(line) for line in file.read_text().splitlines()]
    print("pair budget plan base oracle regret base-regret inside unused")
    regrets = []
    for plan in (run for run in runs if run["what"] == "plan"):
        key = {"pair": plan["pair"], "budget": plan["budget"]}
        of = lambda what: [run["validation_loss"] for run in runs if key.items() <= run.items() and run["what"] == what]
        fresh, base = of("winner"), of("base")
        if len(fresh) < len(FRESH_SEEDS) or not base:
            continue
        oracle = statistics.mean(fresh)
        regret, of_base = plan["validation_loss"] / oracle - 1, base[0] / oracle - 1
        regrets.append(regret)
        print(f"{plan['pair']} ×{plan['budget']} {plan['validation_loss']:.4g} {base[0]:.4g} {oracle:.4g} {100 * regret:+.1f} % "
              f"{100 * of_base:+.1f} % {'yes' if plan['inside'] else 'no'} {100 * plan['unused']:.0f} %")
    if regrets:
        print(f"regret: median {100 * statistics.median(regrets):+.1f} %, worst {100 * max(regrets):+.1f} %, of {len(regrets)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?")
    parser.add_argument("sources", nargs="?")
    parser.add_argument("work", nargs="?")
    parser.add_argument("--half", choices=["development", "reserved"])
    parser.add_argument("--pair")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--score", action="store_true")
    parser.add_argument("--runs", default=str(HERE / "runs.jsonl"))
    arguments = parser.parse_args()
    file = pathlib.Path(arguments.runs)
    if arguments.score:
        return score(file)
    if not arguments.work:
        parser.error("BINARY, SOURCES and WORK are needed")
    rows = {"development": DEVELOPMENT, "reserved": RESERVED, None: DEVELOPMENT + RESERVED}[arguments.half]
    pairs = [Pair(row, arguments) for row in rows if arguments.pair in (None, row[0])]
    if not pairs:
        parser.error(f"no such pair; there are {', '.join(row[0] for row in rows)}")
    if arguments.list:
        flops = sum(listed(pair) for pair in pairs)
        print(f"in all about {flops:.2g} FLOPs; at 5e10 a second {flops / 5e10 / 3600:.1f} hours")
        return
    runs = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def keep(run):
        runs.append(run)
        with open(file, "a") as out:
            out.write(json.dumps(run) + "\n")
        print(json.dumps({name: run[name] for name in ("pair", "budget", "what", "validation_loss")}), flush=True)

    for pair in pairs:
        record(pair, runs, keep)


if __name__ == "__main__":
    main()
