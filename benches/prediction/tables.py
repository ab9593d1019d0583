"""Makes tasks of published tables of training runs, for `allometry score-predictions OUT`.

    python3 tables.py DATA OUT

DATA holds the folders published and openlm-scaling, with the files that README.md lists. The tables are not part of this
repository. Held-out runs are those of the tables' own split, else the largest by parameters × tokens.
"""

import csv
import json
import pathlib
import sys

HELD_OUT = 0.25


def rows_of(path):
    return list(csv.DictReader(open(path)))


def write(out, name, runs):
    """Runs are (parameters, tokens, loss, held out)."""
    head = {"name": name, "source": name.split(".")[0], "half": "development", "size": "joint"}
    lines = [head]
    for parameters, tokens, loss, held_out in runs:
        lines.append({"sizes": [parameters, tokens], "held_out": held_out, "status": "completed", "macs": parameters,
                      "train_samples": tokens, "samples_seen": tokens, "validation_loss": loss, "validation_accuracy": None, "seconds": None, "peak_bytes": None})
    (out / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def by_product(runs):
    """The largest quarter of the runs is held out."""
    order = sorted(runs, key=lambda run: run[0] * run[1])
    kept = round(len(order) * (1 - HELD_OUT))
    return [(*run, place >= kept) for place, run in enumerate(order)]


def main():
    data, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    openlm = rows_of(data / "openlm-scaling" / "openlm_104_models.csv")
    losses = [name for name in openlm[0] if name.startswith("loss:")]
    for dataset in sorted({row["dataset"] for row in openlm}):
        for loss in losses:
            runs = [(float(row["params"]), float(row["tokens"]), float(row[loss])) for row in openlm if row["dataset"] == dataset and row[loss]]
            label = loss.split(":")[1].split("/")[-2 if "paloma" in loss else 0]
            write(out, f"openlm.{dataset}.{label}", by_product(runs))
    once = []
    for half in ["train", "test"]:
        # Repeated data is another law: what has seen its tokens once.
        once += [(float(row["params"]), float(row["tokens"]), float(row["loss"]), half == "test")
                 for row in rows_of(data / "published" / f"data_constrained_scaling_law-{half}.csv")
                 if float(row["tokens"]) <= 1.01 * float(row["unique_tokens"])]
    write(out, "data-constrained.once", once if any(run[3] for run in once) else by_product([run[:3] for run in once]))
    best = {}
    for half in ["train", "test"]:
        for row in rows_of(data / "published" / f"lr_bsz_scaling_law-{half}.csv"):
            # The best learning rate and batch for each size.
            key = (float(row["non_embedding_param_size"]), float(row["data_size"]), half == "test")
            best[key] = min(best.get(key, float("inf")), float(row["lm_loss"]))
    write(out, "step-law.best", [(n, d, loss, held_out) for (n, d, held_out), loss in best.items()])


if __name__ == "__main__":
    main()
