"""Trains the sweeps that predictions are judged by, and keeps what was measured in runs/*.jsonl.

    python3 record.py BINARY SOURCES WORK [--list]

BINARY is `allometry`, built in release; SOURCES the folder that sources.py made; WORK gets the sweeps' folders. The same command
resumes. Each file of runs begins with a line about the sweep; each further line is a run. --list prints the tasks alone.
"""

import json
import pathlib
import random
import subprocess
import sys

import sources

HERE = pathlib.Path(__file__).parent
# Held-out runs have the largest sizes: so many different ones.
HELD_OUT_SIZES = 2
# Sizes on an axis lie at least so far apart after rounding, in MACs, samples or FLOPs.
APART = 1.3

# Sources that share a family are split evenly; which ones are reserved is drawn, before anything was trained.
FAMILIES = [
    (list(sources.GLYPHS), 3),
    (list(sources.OMNIGLOT), 1),
    (["optdigits", *sources.CIFAR], 2),
    (list(sources.TEACHERS), 3),
    (["friedman-1", "friedman-2", "friedman-3"], 1),
    (["diabetes", "breast-cancer", "wine"], 2),
]
_random = random.Random("allometry predictions")
RESERVED = sorted(name for family, count in FAMILIES for name in _random.sample(family, count))

SAMPLES = {"mnist": 60000, "optdigits": 3823, "cifar-vehicles": 8000, "cifar-animals": 12000, "omniglot-a": 1120, "omniglot-b": 1550,
           "omniglot-c": 1024, "diabetes": 354, "breast-cancer": 455, "wine": 142}
RESOLUTION = {"optdigits": 8, "mnist": 20, "cifar-vehicles": 20, "cifar-animals": 20}


def samples_of(source):
    return SAMPLES.get(source, 10000 if source in sources.GLYPHS else 16000)


def ladder(largest, count, step):
    """Numbers of samples up to the largest, the smallest first."""
    return [int(largest / step**power) for power in reversed(range(count))]


def image_tasks(source, place):
    """Tasks on an image source; its place among the sources chooses what varies between them."""
    have = samples_of(source)
    some = min(have, 6000)
    resolution = RESOLUTION.get(source, 20)
    pick = lambda options: options[place % len(options)]
    # Of the smallest MLP, for budgets in FLOPs.
    macs = 13e3 * (RESOLUTION.get(source, 28) / 28) ** 2
    yield dict(kind="mlp-width", model="mlp", axis="width", factors=[1/32, 1/16, 1/8, 1/4, 1/2, 1], seeds=3, samples=some,
               epochs=pick([3, 6, 2, 12]), batch=64, learning_rate=pick([2e-3, 1e-3, 4e-3]))
    yield dict(kind="convnet-width", model="convnet", axis="width", factors=[0.25, 0.5, 0.75, 1, 1.25, 1.75], seeds=2, samples=some,
               epochs=pick([2, 3, 1]), batch=32, learning_rate=2e-3, resolution=resolution)
    yield dict(kind="convnet-samples", model="convnet", axis="width", factors=[1], seeds=2, sample_list=ladder(some, 6, 1.8),
               epochs=pick([3, 5, 2]), batch=32, learning_rate=2e-3, resolution=min(resolution, 16), size="samples")
    yield dict(kind="mlp-epochs", model="mlp", axis="width", factors=[pick([1/8, 1/2, 1/4])], seeds=2, samples=min(have, pick([3000, 1000, 6000])),
               epoch_list=[1, 2, 3, 5, 8, 13, 20], batch=64, learning_rate=1e-3, size="epochs")
    if place % 2 == 0:
        yield dict(kind="mobilenet-width", model="mobilenet", axis="width", factors=[0.25, 0.375, 0.5, 0.75, 1, 1.5], seeds=2,
                   samples=some, epochs=3, batch=32, learning_rate=2e-3, resolution=resolution)
        yield dict(kind="mlp-joint", model="mlp", axis="width", factors=[1/32, 1/16, 1/8, 1/4, 1/2], seeds=1,
                   sample_list=ladder(min(have, 8000), 5, 2), epochs=pick([2, 4]), batch=32, learning_rate=2e-3, size="joint")
        yield dict(kind="convnet-compound", model="convnet", axis="compound", factors=[0.06, 0.125, 0.5, 1, 2], seeds=2,
                   samples=min(some, 4000), epochs=2, batch=32, learning_rate=2e-3, resolution=max(resolution, 20))
    else:
        yield dict(kind="mlp-depth", model="mlp", axis="depth", factors=[0.5, 1, 1.5, 2.5, 4, 6], seeds=2, samples=some, epochs=2,
                   batch=64, learning_rate=pick([5e-4, 2e-3]))
        yield dict(kind="mlp-flops", model="mlp", axis="width", factors=[1/32, 1/16, 1/8, 1/4, 1/2], seeds=1,
                   flops=[min(have * 0.95, 8000) * 4 * macs * 6 / 2**power for power in range(4)], epochs=4, batch=16, learning_rate=2e-3, size="joint")
        if resolution > 8:
            yield dict(kind="convnet-resolution", model="convnet", axis="resolution", factors=[0.29, 0.43, 0.6, 0.75, 1], seeds=2,
                       samples=min(some, 4000), epochs=2, batch=32, learning_rate=2e-3)
    odd = pick(["hot", "short", "long", "deep"])
    if odd == "hot":  # Some runs of it diverge.
        yield dict(kind="mlp-hot", model="mlp", axis="width", factors=[1/32, 1/16, 1/8, 1/4, 1/2, 1], seeds=2, samples=some, epochs=2,
                   batch=64, learning_rate=0.05)
    elif odd == "short":  # Stopped long before it has converged.
        yield dict(kind="convnet-short", model="convnet", axis="width", factors=[0.25, 0.5, 0.75, 1, 1.25, 1.75], seeds=2, samples=min(some, 3000),
                   epochs=1, batch=64, learning_rate=3e-4, resolution=resolution)
    elif odd == "long":  # Few samples, seen often.
        yield dict(kind="mlp-long", model="mlp", axis="width", factors=[1/32, 1/16, 1/8, 1/4, 1/2, 1], seeds=2, samples=min(have, 500),
                   epochs=30, batch=32, learning_rate=1e-3)
    else:
        yield dict(kind="convnet-depth", model="convnet", axis="depth", factors=[1, 1.5, 3, 4, 6], seeds=2, samples=min(some, 3000), epochs=3,
                   batch=32, learning_rate=1e-3, resolution=min(resolution, 14))


def table_tasks(source, place):
    have = samples_of(source)
    pick = lambda options: options[place % len(options)]
    small = have < 1000
    widths = [0.125, 0.25, 0.5, 1, 1.5, 2, 3]
    yield dict(kind="dense-width", model="keras-dense", axis="width", factors=widths, seeds=4, samples=min(have, 4000),
               epochs=20 if small else pick([4, 8, 16]), batch=16 if small else 64, learning_rate=1e-3)
    yield dict(kind="dense-samples", model="keras-dense", axis="width", factors=[pick([1, 0.5])], seeds=4,
               sample_list=ladder(have, 5 if small else 8, 1.5 if small else 1.8), epochs=20 if small else 6, batch=16 if small else 64,
               learning_rate=1e-3, size="samples")
    yield dict(kind="dense-epochs", model="keras-dense", axis="width", factors=[1], seeds=4, samples=min(have, 2000),
               epoch_list=[1, 2, 4, 7, 12, 20, 34], batch=16 if small else 64, learning_rate=1e-3, size="epochs")
    if small:
        return
    if place % 2 == 0:
        yield dict(kind="dense-joint", model="keras-dense", axis="width", factors=[0.125, 0.25, 0.5, 1, 2], seeds=2,
                   sample_list=ladder(min(have, 8000), 5, 2), epochs=8, batch=64, learning_rate=2e-3, size="joint")
    else:
        yield dict(kind="dense-depth", model="keras-dense", axis="depth", factors=[1, 2, 3, 4, 6], seeds=3, samples=min(have, 4000), epochs=8,
                   batch=64, learning_rate=1e-3)


def tasks():
    """All tasks, so that each source comes early."""
    lists = [list(image_tasks(name, place)) for place, name in enumerate(sources.IMAGES)]
    lists += [list(table_tasks(name, place)) for place, name in enumerate(sources.TABLES)]
    names = sources.IMAGES + sources.TABLES
    for turn in range(max(map(len, lists))):
        for source, of_source in zip(names, lists):
            if turn < len(of_source):
                task = {"size": "model", **of_source[turn], "source": source}
                task["name"] = f"{source}.{task['kind']}"
                yield task


def commands(task, binary, data):
    """The sweeps of a task, each with the folder that it goes to."""
    source = task["source"]
    where = data / (source if source in sources.IMAGES else f"{source}.csv")
    dataset = "csv" if source in sources.TABLES else "omniglot" if source in sources.OMNIGLOT else "mnist"
    for epochs in task.get("epoch_list", [task.get("epochs")]):
        arguments = [binary, "sweep", "--device", "cpu", "--model", task["model"], "--dataset", dataset, "--data", where,
                     "--axis", task["axis"], "--factors", ",".join(f"{factor:g}" for factor in task["factors"]), "--epochs", epochs,
                     "--batch", task["batch"], "--learning-rate", task["learning_rate"],
                     "--seeds", ",".join(map(str, range(task["seeds"])))]
        if "resolution" in task or task["model"] == "mlp" and source in RESOLUTION:
            arguments += ["--resolution", task.get("resolution", RESOLUTION.get(source))]
        if "flops" in task:
            arguments += ["--flops", ",".join(f"{flops:.0f}" for flops in task["flops"])]
        else:
            arguments += ["--samples", ",".join(map(str, task.get("sample_list", [task.get("samples")])))]
        if source in sources.IMAGES:
            arguments += ["--validation-samples", 2000]
        yield f"{task['name']}.{epochs}", [str(argument) for argument in arguments]


def sizes(task, run):
    """What the law of a task is in: one number or two."""
    if task["size"] == "joint":
        return [run["macs"], run["train_samples"]]
    if task["size"] == "samples":
        return [run["train_samples"]]
    if task["size"] == "epochs":
        return [run["samples_seen"]]
    return [run["macs"] if task["axis"] == "resolution" else run["parameters"]]


def sort_of(task, run):
    """What runs are held out by: MACs, samples, or FLOPs."""
    return {"joint": run["macs"] * run["train_samples"], "samples": run["train_samples"], "epochs": run["samples_seen"]}.get(
        task["size"], run["macs"])


def write(task, records, path):
    steps, last = [], 0
    for order in sorted({sort_of(task, run) for run in records}):
        # In a joint design the product of both sizes takes nearly equal values, which are one.
        if order >= APART * last:
            last = order
            steps.append(order)
    held_out = steps[-HELD_OUT_SIZES]
    if task["size"] != "joint" and len(steps) != len({sort_of(task, run) for run in records}):
        print(f"{task['name']}: sizes closer than {APART}: {sorted({sort_of(task, run) for run in records})}")
    head = {key: task[key] for key in ["name", "source", "kind", "model", "axis", "size", "epochs", "batch", "learning_rate"] if key in task}
    head["half"] = "reserved" if task["source"] in RESERVED else "development"
    lines = [head]
    for run in records:
        line = {"sizes": sizes(task, run), "held_out": sort_of(task, run) >= held_out, "seed": run["seed"], "status": run["status"]}
        for key in ["parameters", "macs", "train_samples", "samples_seen", "epochs", "train_loss", "validation_loss", "validation_accuracy"]:
            line[key] = run.get(key)
        line["seconds"] = run["curve"][-1]["seconds"] if run["curve"] else None
        line["peak_bytes"] = sum(run["peak_bytes"].values()) if run.get("peak_bytes") else None
        line["curve"] = [[point["samples_seen"], point["validation_loss"]] for point in run["curve"]]
        lines.append(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def main():
    listed = "--list" in sys.argv
    binary, data, work = (pathlib.Path(argument) for argument in sys.argv[1:4])
    (HERE / "runs").mkdir(exist_ok=True)
    for task in tasks():
        path = HERE / "runs" / f"{task['name']}.jsonl"
        if listed:
            print(task["name"], "reserved" if task["source"] in RESERVED else "development")
        if listed or path.exists():
            continue
        records = []
        for folder, arguments in commands(task, binary, data):
            done = subprocess.run([*arguments, "--out", work / folder], capture_output=True, text=True)
            if not (work / folder / "runs.jsonl").exists():
                print(f"{task['name']}: {done.stderr.strip().splitlines()[-1:]}")
                break
            records += [json.loads(line) for line in open(work / folder / "runs.jsonl")]
        else:
            write(task, records, path)


if __name__ == "__main__":
    main()
