"""Trains the runs of the benchmark of plans, and appends every training to runs.jsonl.

    python3 record.py BINARY SOURCES WORK [--half development|reserved] [--pair NAME]
    python3 record.py --score [runs.jsonl]

BINARY is `allometry`, built in release; SOURCES is the folder that ../prediction/sources.py made; WORK is the folder for the
sweeps. Each training is appended to runs.jsonl when it ends; run the same command again to resume. Only Python's standard library
is needed.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "prediction"))

# Budgets are these multiples of the FLOPs of the sweep's largest run.
BUDGETS = [1, 3, 10]
# Widths of the oracle, each trained for the whole budget and for half of it.
ORACLE = [0.125, 0.25, 0.5, 1, 1.5, 2]
SHARES = [1, 0.5]
FRESH_SEEDS = [101, 102, 103]
# Name, model, source, flags of the model, flags of the sweep. Sources are in the halves of ../prediction/README.md. The sweeps'
# largest runs are worth about 3e10 FLOPs, a second or two of training on a core, so that budgets are worth 1 to 30 seconds.
DEVELOPMENT = [
    ("mlp-mnist", "mlp", "mnist", ["--resolution", "14"], ["--samples", "12000"]),
    ("convnet-glyphs-u", "convnet", "glyphs-u", ["--resolution", "14"], ["--samples", "5000", "--epochs", "2"]),
    ("convnet-omniglot-b", "convnet", "omniglot-b", ["--resolution", "20"], ["--epochs", "8"]),
    ("mlp-optdigits", "mlp", "optdigits", ["--resolution", "8"], ["--epochs", "4"]),
    ("dense-friedman-1", "keras-dense", "friedman-1", [], ["--epochs", "16"]),
    ("dense-teacher-6", "keras-dense", "teacher-6", [], ["--epochs", "16"]),
]
RESERVED = [
    ("convnet-cifar-animals", "convnet", "cifar-animals", ["--resolution", "16"], ["--samples", "4000", "--epochs", "2"]),
    ("mlp-cifar-vehicles", "mlp", "cifar-vehicles", ["--resolution", "16"], ["--samples", "4000", "--epochs", "2"]),
    ("convnet-glyphs-digits", "convnet", "glyphs-digits", ["--resolution", "14"], ["--samples", "5000", "--epochs", "2"]),
    ("mlp-glyphs-a", "mlp", "glyphs-a", ["--resolution", "14"], ["--epochs", "2"]),
    ("convnet-omniglot-a", "convnet", "omniglot-a", ["--resolution", "20"], ["--epochs", "8"]),
    ("dense-friedman-2", "keras-dense", "friedman-2", [], ["--epochs", "16"]),
    ("dense-teacher-12", "keras-dense", "teacher-12", [], ["--epochs", "16"]),
    ("dense-teacher-48", "keras-dense", "teacher-48", [], ["--epochs", "16"]),
]
COMMON = ["--device", "cpu", "--batch", "32", "--learning-rate", "2e-3"]


class Pair:
    def __init__(self, row, arguments):
        self.name, self.model, self.source, self.flags, self.swept = row
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
        self.call("sweep", "--for-plan", "--model", self.model, *self.flags, *self.swept, *self.data, *COMMON, "--out", folder)
        return self.records(folder)

    def train(self, factor, flops, seed):
        """A width trained for so many FLOPs: on all samples, as often as they pay for."""
        folder = self.work / f"train-{factor}-{flops:.4g}-{seed}"
        ended = self.run("sweep", "--model", self.model, *self.flags, *self.data, *COMMON, "--axis", "width", "--factors", factor,
                         "--flops", flops, "--whole-set", "--seeds", seed, "--out", folder)
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
                keep(dict(one, **line_of(pair.train(factor, flops * share, 0))))
        tried = [run for run in runs if key.items() <= run.items() and run["what"] == "oracle" and run["validation_loss"]]
        winner = min(tried, key=lambda run: run["validation_loss"])
        for seed in FRESH_SEEDS:
            one = dict(key, what="winner", factor=winner["factor"], share=winner["share"], seed=seed)
            if not known(**one):
                trained = pair.train(winner["factor"], flops * winner["share"], seed)
                keep(dict(one, **line_of(trained)))


def score(file):
    runs = [json.loads(line) for line in file.read_text().splitlines()]
    print("pair budget plan base oracle regret base-regret loss-inside time-inside unused")
    for half, rows in (("development", DEVELOPMENT), ("reserved", RESERVED)):
        names = {row[0] for row in rows}
        regrets, of_bases, behind, inside, timely = [], [], 0, 0, 0
        for plan in (run for run in runs if run["what"] == "plan" and run["pair"] in names):
            key = {"pair": plan["pair"], "budget": plan["budget"]}
            of = lambda what: [run["validation_loss"] for run in runs if key.items() <= run.items() and run["what"] == what]
            fresh, base = of("winner"), of("base")
            if len(fresh) < len(FRESH_SEEDS) or not base:
                continue
            oracle = statistics.mean(fresh)
            loss = plan["validation_loss"]
            regrets.append(loss / oracle - 1)
            of_bases.append(base[0] / oracle - 1)
            # By more than the seeds of the winner scatter.
            behind += loss > base[0] * (1 + (max(fresh) - min(fresh)) / oracle)
            inside += plan["inside"]
            timely += bool(plan["seconds_inside"])
            print(f"{plan['pair']} ×{plan['budget']} {loss:.4g} {base[0]:.4g} {oracle:.4g} {100 * regrets[-1]:+.1f} % "
                  f"{100 * of_bases[-1]:+.1f} % {'yes' if plan['inside'] else 'no'} {'yes' if plan['seconds_inside'] else 'no'} "
                  f"{100 * plan['unused']:.0f} %")
        if regrets:
            print(f"{half}: {len(regrets)} plans; regret median {100 * statistics.median(regrets):+.1f} %, worst "
                  f"{100 * max(regrets):+.1f} %; base model's {100 * statistics.median(of_bases):+.1f} %, "
                  f"{100 * max(of_bases):+.1f} %; behind the base model {behind}; loss inside {inside}, time inside {timely}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?")
    parser.add_argument("sources", nargs="?")
    parser.add_argument("work", nargs="?")
    parser.add_argument("--half", choices=["development", "reserved"])
    parser.add_argument("--pair")
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
