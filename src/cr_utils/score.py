"""The command line ``score``: re-score files of generations or answers, officially and strictly.

    score cruxeval      --mode output|input --generations FILE --out FILE [--data FOLDER]
    score livecodebench --mode output|input --generations FILE --data FILE --out FILE
    score reval --task coverage|path|state|output --answers FILE --out FILE [--data FOLDER]
    score reval --task consistency --coverage F --path F --state F --output F
    score reval --task differences --out FILE [--data FOLDER]   where the official and the strict truth part

Files of generations are CRUXEval's: {"sample_0": ["…", …], …} in; the same with raw_generations,
raw_scored_generations, pass_at_1 and pass_at_5 out, and our strict verdicts beside them. With --completions
they hold whole completions, and the answers that were read in them come out as raw_generations.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from cr_utils import answers, benchmarks, extraction, jsonl, score_cruxeval, templates
from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox

_REVAL_TASKS = ("coverage", "path", "state", "output")


def main(argv: list[str]) -> int:
    """Run one ``score`` command; prints the metrics as one JSON object. Returns the exit status."""
    options = _parser().parse_args(argv)
    with Sandbox(weak_ok=options.weak_ok) as sandbox:
        print(json.dumps(options.run(options, sandbox)))
    return 0


def score_generations(name: str, mode: str, rows: list[dict], generations: dict, sandbox,
                      own: dict | None = None) -> dict:
    """The published result of a scoring run plus our strict keys; see `score_cruxeval.score`."""
    scored = score_cruxeval.score(name, mode, rows, generations, sandbox, own)
    return {
        "raw_generations": generations,
        "raw_scored_generations": scored.official,
        "pass_at_1": score_cruxeval.percent(scored.official, 1),
        "pass_at_5": score_cruxeval.percent(scored.official, 5),
        "strict_scored_generations": scored.strict,
        "strict_pass_at_1": score_cruxeval.percent(scored.strict, 1, published=False),
        "strict_pass_at_5": score_cruxeval.percent(scored.strict, 5, published=False),
        "judged_differently": score_cruxeval.differing(name, mode, rows, generations, scored),
    }


def _generations(options, sandbox) -> dict:
    where = Path(options.data) if options.data else None
    if where is not None and where.is_file():
        rows = jsonl.read(where)
    else:
        rows = benchmarks.load(options.benchmark, where=where, mode="require")
    generations = _read_json(options.generations)
    if not isinstance(generations, dict):
        raise UserError(f"{options.generations} is no JSON object of row id -> list of generations")
    own = None
    if options.completions:
        generations, own = _extracted(options.benchmark, options.mode, rows, generations)
    result = score_generations(options.benchmark, options.mode, rows, generations, sandbox, own)
    jsonl.write_text(_writable(options.out), json.dumps(result))
    return {key: value for key, value in result.items() if not isinstance(value, dict)}


def _extracted(name: str, mode: str, rows: list[dict], completions: dict) -> tuple[dict, dict]:
    """The answers in whole completions: by the published reading, and by our own (None: no answer)."""
    score_cruxeval.check(name, mode, rows, completions)
    official, own = {}, {}
    for row in rows:
        texts = completions[row["id"]]
        # A completion that only ends the marks continues a prompt that opened them.
        tagged = [templates.tagged(text, "" if "[ANSWER]" in text or "[/ANSWER]" not in text else "[ANSWER]")
                  for text in texts]
        own[row["id"]] = [answers.extract(text).answer for text in tagged]
        official[row["id"]] = [
            extraction.of_reply(name, mode, "", answer) if "<answer>" in text
            else extraction.published(name, mode, text)
            for answer, text in zip(own[row["id"]], texts, strict=True)
        ]
    return official, own


def _reval(options, sandbox) -> dict:
    from cr_utils import score_reval
    where = Path(options.data) if options.data else None
    if options.task == "consistency":
        files = {task: getattr(options, task) for task in _REVAL_TASKS}
        absent = [f"--{task}" for task, path in files.items() if not path]
        if absent:
            raise UserError(f"score reval --task consistency needs {' '.join(absent)}, as score wrote them")
        return score_reval.consistency({task: jsonl.read(path) for task, path in files.items()})
    if options.task == "differences" and options.out:
        return _differences(where, options.out, sandbox)
    if not options.answers or not options.out:
        raise UserError(f"score reval --task {options.task} needs --answers FILE and --out FILE")
    data = benchmarks.load("reval", where=where, mode="require")
    tasks = benchmarks.load("reval_tasks", where=where, mode="require")
    rows = jsonl.read(options.answers)
    scored = score_reval.score(options.task, data, tasks, rows, sandbox, options.thought)
    jsonl.write(_writable(options.out), scored)
    return score_reval.metrics(options.task, scored)


def _differences(where: Path | None, out: str, sandbox) -> dict:
    """Write the questions whose two truths differ; returns their number by task."""
    from cr_utils import reval
    target = _writable(out)
    data, tasks = (benchmarks.load(name, where=where, mode="require") for name in ("reval", "reval_tasks"))
    pairs = reval.add_truth(reval.pairs(data, tasks), sandbox)
    table = reval.differences(pairs)
    jsonl.write(target, table)
    return {"questions": sum(len(pair.places) for pair in pairs if pair.truths is not None),
            **Counter(row["task"] for row in table)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cr_utils score", description="Re-score files.")
    parser.add_argument("--weak-ok", action="store_true",
                        help="paste model text also where the sandbox lacks Landlock or seccomp (macOS)")
    kinds = parser.add_subparsers(dest="benchmark", required=True)
    for name in ("cruxeval", "livecodebench"):
        one = kinds.add_parser(name)
        one.add_argument("--mode", choices=score_cruxeval.MODES, required=True)
        one.add_argument("--generations", required=True, help="JSON: row id -> list of texts")
        one.add_argument("--completions", action="store_true",
                         help="the texts are whole completions: read the answers in them first, as published")
        one.add_argument("--data", help="a folder with the benchmark's file, or the file itself")
        one.add_argument("--out", required=True, help="where the scored file goes")
        one.set_defaults(run=_generations)
    reval = kinds.add_parser("reval")
    reval.add_argument("--task", choices=(*_REVAL_TASKS, "consistency", "differences"), required=True)
    reval.add_argument("--answers", help="JSONL: idx, input_idx, lineno, var, response")
    reval.add_argument("--thought", action="store_true",
                       help="the published chain-of-thought form: a response without [/THOUGHT] is wrong")
    reval.add_argument("--data", help="a folder with the benchmark's two files")
    reval.add_argument("--out", help="where the scored JSONL goes")
    for task in _REVAL_TASKS:
        reval.add_argument(f"--{task}", help=f"for consistency: the scored {task} file")
    reval.set_defaults(run=_reval)
    return parser


def _read_json(path: str):
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error})") from None


def _writable(path: str) -> Path:
    target = Path(path)
    if not target.parent.is_dir():
        raise UserError(f"{target.parent} is no folder: make it first, or name another --out")
    return target
