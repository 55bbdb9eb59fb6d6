"""A small simulator of a finished run: records of the right shape, made up, for the tests of the report
layer.
"""

import json
import random

from cr_utils import jsonl, machine

SKILL = {"trivial": 0.05, "base_direct": 0.18, "base": 0.06, "sft": 0.42, "grpo": 0.47}
ARMS = {"full": 0.40, "no_grpo": 0.36, "more_sft": 0.38, "no_sft": 0.08, "short_sft": 0.3, "no_chains": 0.2,
        "no_constraints": 0.24, "no_mutation": 0.28}
SETTINGS = (("nested", 0), ("methods", 0), ("control", 1), ("control", 2), ("control", 3), ("helper", 0))
METHODS = {"str": ["upper", "split", "find"], "list": ["append", "sort"], "dict": ["get", "items"],
           "set": ["union"], "int": ["floordiv"], "builtins": ["zip", "range"]}
CODE = "def f(s, n):\n    out = s.upper()\n    for i in range(n):\n        out += str(i)\n    return out"
LIST = "def f(a, n):\n    out = [a]\n    for i in range(n):\n        out.append(i)\n    return out"
COUNT = "def f(a, n):\n    out = a\n    for i in range(n):\n        out += i\n    return out"
PROGRAMS = ((CODE, "'ab', 1", "'AB0'"), (LIST, "1, 2", "[1, 0, 1]"), (COUNT, "7, 1", "7"))
CHAIN = "<reasoning>\nline 2: out = 'AB'\nline 4: out = 'AB0'\n</reasoning>\n<answer>'AB0'</answer>"


def problems(n=300, seed=0):
    rng = random.Random(seed)
    made = []
    for i in range(n):
        kind = rng.choice(list(METHODS))
        setting, depth = rng.choice(SETTINGS)
        code, arguments, output = PROGRAMS[i // 4 % 3]
        made.append({
            "id": f"p{i:012x}", "code": code, "entry_point": "f", "input": arguments, "output": output,
            "source": "grammar",
            "constraint": {"type": kind, "method": rng.choice(METHODS[kind]), "setting": setting,
                           "depth": depth},
            "difficulty": rng.randint(2, 40), "split": ("train", "validation", "heldout",
                                                        "heldout_ood")[i % 4]})
    return made


def item(model, benchmark, question, task, skill, rng, **extra):
    right, cut = rng.random() < skill, rng.random() < 0.1
    kind = "pass" if right else "truncated" if cut else rng.choice(["wrong", "wrong", "no_answer", "format"])
    return {"key": f"{model}|{benchmark}|{question}", "model": model, "benchmark": benchmark,
            "question_id": question, "task": task, "prompt_sha": "0" * 12,
            "completion": CHAIN if kind != "truncated" else "<reasoning>\n" + "line 3: i = 0\n" * 30,
            "answer": "'AB0'", "verdict": right, "kind": kind,
            "tokens": rng.randint(20, 60) if "direct" in model else rng.randint(60, 256),
            "truncated": kind == "truncated", **extra}


def items(rows, skills=SKILL, seed=1, cruxeval=40, **extra):
    rng = random.Random(seed)
    made = []
    for model, skill in skills.items():
        for row in rows:
            if row["split"].startswith("heldout"):
                harder = 0.8 if row["split"] == "heldout_ood" else 1.0
                made += [item(model, row["split"], f"{row['id']}/{task}", task, skill * harder, rng, **extra)
                         for task in ("output", "input")]
                made += [item(model, row["split"], f"{row['id']}/{task}/3", task, skill * harder, rng,
                              **extra)
                         for task in ("coverage", "path", "state")] if row["split"] == "heldout" else []
        made += [item(model, "cruxeval", f"sample_{i}/{task}", task, skill / 4, rng, **extra)
                 for i in range(cruxeval) for task in ("output", "input")]
    return made


def arms(rows, seed=2):
    return [{**one, "arm": one["model"]} for one in items(rows, ARMS, seed, cruxeval=0)]


def sft_log(steps=100):
    rng = random.Random(3)
    log = [{"step": s, "loss": 2.5 * 0.97**s + 0.2 + rng.random() / 10, "lr": 1e-3, "tokens": 900 * s,
            "tokens_per_s": 9000.0, "seconds": s / 2} for s in range(1, steps + 1)]
    return log + [{"step": s, "val_accuracy": 0.4 * s / steps, "val_n": 200}
                  for s in range(20, steps + 1, 20)]


def grpo_log(steps=40):
    rng = random.Random(4)
    log = [{"step": s, "reward": 0.4 + s / 400 + rng.random() / 10, "reward_std": 0.3, "zero_std_share": 0.3
            + s / 200,
            "length_mean": 120 - s / 2, "truncated_share": 0.1, "entropy": 0.4 - s / 200, "accuracy": 0.4
            + s / 400,
            "rollouts_per_s": 40.0, "seconds": 2.0 * s, "lr": 4e-5, "loss": 0.01}
           for s in range(1, steps + 1)]
    return log + [{"step": s, "val_accuracy": 0.40 + 0.001 * s, "val_n": 300}
                  for s in range(0, steps + 1, 10)]


def chains(rows):
    rng = random.Random(5)
    return [{"id": f"{row['id']}/{task}", "problem_id": row["id"], "task": task, "prompt": row["code"],
             "completion": CHAIN.replace("line", "line " * rng.randint(1, 9)), "verdict": True,
             "kind": "pass", "teacher": "interpreter", "tries": 1, "steps": row["difficulty"]}
            for row in rows if row["split"] == "train" for task in ("output", "input")]


def manifest(stage, profile, files):
    return {"stage": stage, "profile": profile, "seed": 0, "params": {"seed": 0}, "inputs": {},
            "outputs": {name: machine.sha256(path) for name, path in files.items()}, "metrics": {},
            "attempts": 1, "wall_seconds": 61.5,
            "cpu_seconds": 100.0, "peak_memory": 2**30, "finished": "2026-01-02T03:04:05+0000",
            "code": {"commit": "c" * 40, "dirty": False}, "versions": {"python": "3.11.7", "torch": "2.13.0"},
            "hardware": {"system": "Linux x86_64", "processor": "a processor", "cores": 2, "memory": 2**34,
                         "gpus": []}}


def write_run(folder, profile="tiny", n=300, skip=()):
    """Write the records of all stages but those in `skip` under `folder`."""
    rows = problems(n)
    counts = [{"step": "generated", "n": 4 * n}, {"step": "runs", "n": 2 * n},
              {"step": "no duplicate", "n": n}]
    rollouts = [{"step": s, "question_id": f"{rows[0]['id']}/output", "prompt": CODE, "completion": CHAIN,
                 "reward": n % 2 * 1.0, "kind": "pass" if n % 2 else "wrong"} for s in (1, 2, 9)
                for n in range(4)]
    stages = {
        "01_data": {"problems.jsonl": rows, "data.json": counts},
        "02_distill": {"chains.jsonl": chains(rows)},
        "03_sft": {"log.jsonl": sft_log()},
        "04_grpo": {"log.jsonl": grpo_log(), "rollouts.jsonl": rollouts,
                    "filter.jsonl": [{"question_id": "q", "passes": i % 9, "samples": 8} for i in range(50)],
                    "selection.json": {"candidates": [{"step": 10, "val_accuracy": 0.41, "n": 300}],
                                       "chosen": 10}},
        "05_eval": {"items.jsonl": items(rows)},
        "06_ablations": {"items.jsonl": arms(rows), "arms.jsonl": []},
    }
    for stage, files in stages.items():
        if stage in skip:
            continue
        for name, content in files.items():
            path = folder / stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".jsonl"):
                jsonl.write(path, content)
            else:
                path.write_text(json.dumps(content))
        (folder / stage / "manifest.json").write_text(json.dumps(
            manifest(stage, profile, {name: folder / stage / name for name in files})))
    return folder
