"""How natural generated programs look beside real ones: distributions, and a classifier between them.

Scope: programs with an entry point, a call and its output (records with code, input, output). The classifier
is a logistic regression on counts of syntax-tree n-grams (a node with its parent, a node with its neighbour,
names of methods and builtins), its accuracy cross-validated on equal numbers of both kinds: 0.5 says that it
cannot tell them apart, 1.0 that it always can. Only development rows of a benchmark may be compared while the
grammar is changed.
"""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np

from cr_utils import structure
from cr_utils.trace import trace_call

FOLDS, STEPS, DECAY = 5, 300, 1.0
LEAST = 4  # programs that must hold a feature


def features(code: str) -> Counter:
    """Counts of a program's n-grams: parent>child, neighbour+neighbour, .method, builtin()."""
    found: Counter = Counter()
    for node in ast.walk(ast.parse(code)):
        name = type(node).__name__
        children = [
            type(child).__name__
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.Load | ast.Store)
        ]
        found.update(f"{name}>{child}" for child in children)
        found.update(f"{one}+{two}" for one, two in zip(children, children[1:], strict=False))
        if isinstance(node, ast.Attribute):
            found[f".{node.attr}"] += 1
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found[f"{node.func.id}()"] += 1
    return found


def matrix(codes: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """log(1 + count) of the features that LEAST programs hold, shape (programs, features); their names."""
    counts = [features(code) for code in codes]
    held = Counter(name for one in counts for name in one)
    names = sorted(name for name, n in held.items() if n >= LEAST)
    place = {name: i for i, name in enumerate(names)}
    made = np.zeros((len(codes), len(names)))
    for row, one in enumerate(counts):
        for name, n in one.items():
            if name in place:
                made[row, place[name]] = np.log1p(n)
    return made, names


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights (features + 1, the last a constant) of a ridge logistic regression, by gradient descent."""
    x = np.hstack([x, np.ones((len(x), 1))])
    weights, velocity = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    rate = 4.0 / (np.linalg.norm(x, 2) ** 2 / len(x) + DECAY / len(x))
    for _ in range(STEPS):
        slope = (
            x.T @ (1 / (1 + np.exp(-np.clip(x @ weights, -30, 30))) - y) / len(x) + DECAY / len(x) * weights
        )
        velocity = 0.9 * velocity - rate * 0.1 * slope
        weights += velocity
    return weights


def classify(generated: Sequence[str], real: Sequence[str], seed: int = 0) -> dict:
    """Cross-validated accuracy of telling generated from real programs, on as many of each.

    Returns {"n", "accuracy", "generated", "real"}: programs judged, the share judged rightly, and the
    features that speak most for each kind.
    """
    rng = random.Random(seed)
    n = min(len(generated), len(real))
    codes = rng.sample(list(generated), n) + rng.sample(list(real), n)
    y = np.array([0.0] * n + [1.0] * n)
    x, names = matrix(codes)
    order = np.array(rng.sample(range(2 * n), 2 * n))
    right = 0
    for fold in range(FOLDS):
        test = order[fold::FOLDS]
        train = np.setdiff1d(order, test)
        weights = fit(x[train], y[train])
        right += int((((x[test] @ weights[:-1] + weights[-1]) > 0) == (y[test] > 0.5)).sum())
    weights = fit(x, y)[:-1]
    ranked = [names[i] for i in np.argsort(weights)]
    return {"n": 2 * n, "accuracy": right / (2 * n), "generated": ranked[:12], "real": ranked[::-1][:12]}


def facts(problem: dict) -> dict:
    """What is compared of one program: lines, nodes, nesting, steps, methods, output type."""
    tree = ast.parse(problem["code"])
    nodes = list(ast.walk(tree))
    run = trace_call("import string\n" + problem["code"], "f", problem["input"])
    return {
        "lines": sum(bool(line.strip()) for line in problem["code"].splitlines()),
        "nodes": len(nodes),
        "nesting": structure.depth(tree),
        "steps": len(run.lines) if run.complete and not run.error else None,
        "methods": sorted(node.attr for node in nodes if isinstance(node, ast.Attribute)),
        "kinds": Counter(type(node).__name__ for node in nodes if isinstance(node, ast.stmt | ast.expr)),
        "output_type": type(ast.literal_eval(problem["output"])).__name__
        if problem["output"] != "set()"
        else "set",
    }


def compare(generated: Sequence[dict], real: Sequence[dict], seed: int = 0) -> dict:
    """Both sources' distributions and distances, and the classifier's accuracy.

    One program counts once. Returns {"rows": tidy rows (source, measure, value, share), "distances":
    {measure: total variation between the two, 0 to 1}, "classifier": as `classify`}.
    """
    sources = {"generated": _once(generated), "real": _once(real)}
    tables = {name: _shares([facts(problem) for problem in problems]) for name, problems in sources.items()}
    rows = [
        {"source": name, "measure": measure, "value": value, "share": share}
        for name, table in tables.items()
        for measure, shares in table.items()
        for value, share in shares.items()
    ]
    distances = {
        measure: round(
            0.5
            * sum(
                abs(shares.get(value, 0) - tables["real"][measure].get(value, 0))
                for value in {**shares, **tables["real"][measure]}
            ),
            3,
        )
        for measure, shares in tables["generated"].items()
    }
    judged = classify([p["code"] for p in sources["generated"]], [p["code"] for p in sources["real"]], seed)
    return {"rows": rows, "distances": distances, "classifier": judged}


def _once(problems: Sequence[dict]) -> list[dict]:
    return list({problem["code"]: problem for problem in reversed(problems)}.values())


def _shares(found: list[dict]) -> dict[str, dict]:
    """Shares of each value of each measure; numbers in bins, so that a few programs do not make gaps."""
    counted: dict[str, Counter] = {
        name: Counter() for name in ("lines", "nesting", "steps", "nodes", "output_type", "methods", "kinds")
    }
    for one in found:
        counted["lines"][min(one["lines"], 15)] += 1
        counted["nesting"][min(one["nesting"], 4)] += 1
        counted["nodes"][min(one["nodes"] // 20 * 20, 160)] += 1
        if one["steps"] is not None:
            counted["steps"][min(one["steps"] // 5 * 5, 50)] += 1
        counted["output_type"][one["output_type"]] += 1
        counted["methods"].update(one["methods"])
        counted["kinds"].update(one["kinds"])
    return {
        name: {
            value: n / max(1, sum(values.values()))
            for value, n in sorted(values.items(), key=lambda v: str(v[0]))
        }
        for name, values in counted.items()
    }
