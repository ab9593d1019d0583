"""Makes the data sets that the recorded sweeps train on. No two share a sample.

    python3 sources.py DATA OUT

DATA holds the folders mnist, omniglot, optdigits and cifar10, each with the files that README.md lists. OUT gets one folder
(images, in MNIST's or Omniglot's files) or one CSV file (tables) for each source. What exists is kept. numpy, scikit-learn and
Pillow are needed, and the example draw_glyphs, built in release.
"""

import csv
import io
import pathlib
import subprocess
import sys
import zipfile

import numpy as np

GLYPHS = {f"glyphs-{name}": first for name, first in [("digits", 0), ("a", 10), ("k", 20), ("u", 30), ("e", 40), ("o", 50)]}
OMNIGLOT = {
    "omniglot-a": ["Balinese", "Early_Aramaic", "Greek"],
    "omniglot-b": ["Korean", "Latin", "Sanskrit"],
    "omniglot-c": ["Japanese_(katakana)", "Tagalog"],
}
CIFAR = {
    "cifar-vehicles": ["airplane", "automobile", "ship", "truck"],
    "cifar-animals": ["bird", "cat", "deer", "dog", "frog", "horse"],
}
# Inputs of each teacher; of each, so many hidden units.
TEACHERS = {"teacher-3": (3, 24), "teacher-6": (6, 48), "teacher-12": (12, 32), "teacher-24": (24, 48), "teacher-48": (48, 32)}
TABLES = [*TEACHERS, "friedman-1", "friedman-2", "friedman-3", "diabetes", "breast-cancer", "wine"]
IMAGES = ["mnist", *GLYPHS, *OMNIGLOT, "optdigits", *CIFAR]
NAMES = IMAGES + TABLES
ROWS = 20_000


def write_idx(path, values):
    header = bytes([0, 0, 8, values.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def write_images(folder, train, test):
    for name, (pixels, labels) in [("train", train), ("t10k", test)]:
        write_idx(folder / f"{name}-images-idx3-ubyte", np.stack(pixels))
        write_idx(folder / f"{name}-labels-idx1-ubyte", np.array(labels))


def write_table(path, inputs, target):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"x{i}" for i in range(inputs.shape[1])] + ["y"])
        writer.writerows([f"{value:.7g}" for value in row] for row in np.column_stack([inputs, target]))


def mnist(data, folder):
    for file in (data / "mnist").glob("*-ubyte.gz"):
        (folder / file.name).write_bytes(file.read_bytes())


def glyphs(name, folder):
    program = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else "target/release/examples/draw_glyphs")
    subprocess.run([program, folder, str(GLYPHS[name]), "10000", "2000"], check=True)


def omniglot(data, name, folder):
    known = set()
    with zipfile.ZipFile(folder / "images_background_small1.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for archive in sorted((data / "omniglot").glob("images_background_small*.zip")):
            with zipfile.ZipFile(archive) as source:
                for entry in source.namelist():
                    parts = entry.split("/")
                    if entry.endswith(".png") and parts[-3] in OMNIGLOT[name] and entry.split("/", 1)[1] not in known:
                        known.add(entry.split("/", 1)[1])
                        out.writestr("images_background/" + entry.split("/", 1)[1], source.read(entry))


def optdigits(data, folder):
    halves = []
    for file in ["optdigits.tra", "optdigits.tes"]:
        rows = np.loadtxt(data / "optdigits" / file, delimiter=",", dtype=int)
        # Pixels are counts from 0 to 16.
        halves.append((np.minimum(rows[:, :64] * 16, 255).reshape(-1, 8, 8), rows[:, 64]))
    write_images(folder, *halves)


def cifar(data, name, folder):
    from PIL import Image

    archive = zipfile.ZipFile(data / "cifar10" / "cifar10-images-small.zip")
    halves = []
    for half in ["train", "test"]:
        pixels, labels = [], []
        for entry in sorted(archive.namelist()):
            parts = entry.split("/")
            if entry.endswith(".jpg") and parts[0] == half and parts[1] in CIFAR[name]:
                pixels.append(np.asarray(Image.open(io.BytesIO(archive.read(entry))).convert("L")))
                labels.append(CIFAR[name].index(parts[1]))
        halves.append((pixels, labels))
    write_images(folder, *halves)


def table(name, path):
    from sklearn import datasets

    seed = NAMES.index(name)
    if name in TEACHERS:
        inputs, hidden = TEACHERS[name]
        random = np.random.default_rng(seed)
        x = random.standard_normal((ROWS, inputs))
        first = random.standard_normal((inputs, hidden)) * 1.5 / np.sqrt(inputs)
        second = random.standard_normal((hidden, hidden)) * 1.5 / np.sqrt(hidden)
        y = np.tanh(np.tanh(x @ first + random.standard_normal(hidden)) @ second) @ random.standard_normal(hidden)
        write_table(path, x, y / y.std())
        return
    # Standardised targets, so that one learning rate suits all; noise as usual with these functions.
    if name == "friedman-1":
        x, y = datasets.make_friedman1(ROWS, noise=1.0, random_state=seed)
    elif name == "friedman-2":
        x, y = datasets.make_friedman2(ROWS, noise=20.0, random_state=seed)
    elif name == "friedman-3":
        x, y = datasets.make_friedman3(ROWS, noise=0.02, random_state=seed)
    elif name == "diabetes":
        x, y = datasets.load_diabetes(return_X_y=True)
    elif name == "breast-cancer":
        # The mean smoothness from the other columns.
        x = datasets.load_breast_cancer().data
        x, y = np.delete(x, 4, axis=1), x[:, 4]
    else:
        x = datasets.load_wine().data
        x, y = x[:, 1:], x[:, 0]
    write_table(path, x, (y - y.mean()) / y.std())


def main():
    data, out = map(pathlib.Path, sys.argv[1:3])
    for name in NAMES:
        place = out / (name if name in IMAGES else f"{name}.csv")
        if place.exists():
            continue
        partial = out / f"partial-{place.name}"
        if name in TABLES:
            out.mkdir(parents=True, exist_ok=True)
            table(name, partial)
        else:
            partial.mkdir(parents=True, exist_ok=True)
            if name in GLYPHS:
                glyphs(name, partial)
            elif name in OMNIGLOT:
                omniglot(data, name, partial)
            elif name in CIFAR:
                cifar(data, name, partial)
            else:
                {"mnist": mnist, "optdigits": optdigits}[name](data, partial)
        partial.rename(place)
        print(name)


if __name__ == "__main__":
    main()
