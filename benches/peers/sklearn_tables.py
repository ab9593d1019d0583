"""Writes the tables of docs/data.md, and prints what scikit-learn reaches on the same rows.

    pip install scikit-learn pandas
    python benches/peers/sklearn_tables.py OUT OPTDIGITS

OUT gets a training and a test file of wine, breast-cancer and diabetes. OPTDIGITS is the folder with optdigits.tra and
optdigits.tes. Figures in docs/data.md are of scikit-learn 1.9.1.
"""

import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HIDDEN = (64, 128, 64)


def write(out):
    tables = {"diabetes": datasets.load_diabetes(as_frame=True, scaled=False).frame}
    tables["diabetes"]["sex"] = tables["diabetes"]["sex"].map({1: "f", 2: "m"})
    for name, load in [("wine", datasets.load_wine), ("breast-cancer", datasets.load_breast_cancer)]:
        loaded = load(as_frame=True)
        tables[name] = loaded.frame.assign(target=[str(loaded.target_names[label]) for label in loaded.target])
    for name, frame in tables.items():
        labels = None if name == "diabetes" else frame["target"]
        for half, rows in zip(["train", "test"], train_test_split(frame, test_size=0.2, random_state=0, stratify=labels)):
            rows.to_csv(out / f"{name}-{half}.csv", index=False)


def load(train, test, target="target", header=0):
    halves = [pd.read_csv(path, header=header) for path in (train, test)]
    return [part for half in halves for part in (half.drop(columns=[target]), half[target])]


def prepared(x, model):
    text = [name for name in x if x[name].dtype.kind not in "fiu"]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder=StandardScaler())
    return make_pipeline(columns, model)


def main():
    warnings.filterwarnings("ignore")
    out, digits = map(pathlib.Path, sys.argv[1:3])
    write(out)
    tables = {name: (out / f"{name}-train.csv", out / f"{name}-test.csv") for name in ("wine", "breast-cancer", "diabetes")}
    classifiers = {
        "LogisticRegression": lambda seed: LogisticRegression(max_iter=2000),
        "MLPClassifier": lambda seed: MLPClassifier(HIDDEN, random_state=seed, max_iter=300),
    }
    loaded = {name: load(*tables[name]) for name in ("wine", "breast-cancer")}
    loaded["optdigits"] = load(digits / "optdigits.tra", digits / "optdigits.tes", 64, None)
    for name, (x, y, x_test, y_test) in loaded.items():
        for label, model in classifiers.items():
            shares = [prepared(x, model(seed)).fit(x, y).score(x_test, y_test) for seed in range(3)]
            print(name, label, [round(100 * share, 2) for share in shares])
    regressors = {
        "RidgeCV": lambda seed: RidgeCV(np.logspace(-3, 3, 13)),
        "MLPRegressor": lambda seed: MLPRegressor(hidden_layer_sizes=HIDDEN, random_state=seed, max_iter=2000),
        "MLPRegressor, early stopping": lambda seed: MLPRegressor(
            hidden_layer_sizes=HIDDEN, random_state=seed, max_iter=2000, early_stopping=True),
    }
    x, y, x_test, y_test = load(*tables["diabetes"])
    print("diabetes mean", round(root_mean_squared_error(y_test, np.full(len(y_test), y.mean())), 2))
    for label, model in regressors.items():
        models = [TransformedTargetRegressor(prepared(x, model(seed)), transformer=StandardScaler()) for seed in range(3)]
        predicted = [model.fit(x, y).predict(x_test) for model in models]
        print("diabetes", label, [round(root_mean_squared_error(y_test, p), 2) for p in predicted],
              "R²", [round(r2_score(y_test, p), 3) for p in predicted])


if __name__ == "__main__":
    main()
