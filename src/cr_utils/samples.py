"""Sample programs for the page: code, the run step by step, what each model answered and the verdict.

Those that need no script are picked by a rule that knows nothing of how they look: the first questions by id
in each group of outcomes; those to browse are chosen in `exhibits`. Only programs of our own generator are
traced, and no benchmark text is ever shown.
"""

import json

from cr_utils import page, paths
from cr_utils.exhibits import walk
from cr_utils.figure_style import BENCHMARK_LABELS, MODEL_LABELS
from cr_utils.results import Results

__all__ = ["browser", "evaluated", "pick", "rollouts", "stepper", "taught", "walk"]

GROUPS = (
    ("right only after GRPO", {"sft": False, "grpo": True}),
    ("right before GRPO, wrong after", {"sft": True, "grpo": False}),
    ("right after SFT and after GRPO", {"sft": True, "grpo": True}),
    ("wrong after every stage", {"base": False, "base_direct": False, "sft": False, "grpo": False}),
)
EACH = 2


def pick(items: list[dict], each: int = EACH) -> list[tuple[str, str, dict[str, dict]]]:
    """(group, question id, model -> item) of the first held-out output questions by group of outcomes."""
    answers: dict[str, dict[str, dict]] = {}
    for item in items:
        if item["benchmark"] == "heldout" and item["task"] == "output":
            answers.setdefault(item["question_id"], {})[item["model"]] = item
    chosen = []
    for title, wanted in GROUPS:
        found = [q for q in sorted(answers) if all(m in answers[q] and answers[q][m]["verdict"] == v
                                                   for m, v in wanted.items())]
        chosen += [(title, q, answers[q]) for q in found[:each]]
    return chosen


def stepper(problem: dict) -> str:
    """The program beside its run, stepped through with buttons; without a script a table of the steps."""
    steps = walk(problem)
    if not steps:
        told = f'<p class="missing">{page.DASH} no trace: the program is not ours</p>'
        return page.code(problem["code"]) + told
    rows = "".join(f"<tr><td>{n}</td><td>{step['line'] or 'call'}</td>"
                   f"<td><code>{_changes(step)}</code></td></tr>"
                   for n, step in enumerate(steps, 1))
    data = page.escape(json.dumps(steps, ensure_ascii=False))
    return (f'<div class="stepper" data-steps="{data}">{page.code(problem["code"])}'
            '<div class="controls" hidden><button type="button" data-go="-1">◀ back</button>'
            '<button type="button" data-go="1">step '
            '▶</button><input type="range" min="0" value="0" aria-label="step">'
            '<output></output></div><dl class="variables" hidden></dl>'
            + page.details("all steps", '<div class="scroll"><table><thead><tr><th>step</th><th>line</th>'
                           f"<th>sets</th></tr></thead><tbody>{rows}</tbody></table></div>") + "</div>")


def _changes(step: dict) -> str:
    return page.escape(", ".join(f"{name} = {value}" if value is not None else f"{name} deleted"
                                 for name, value in step["set"].items())) or page.DASH


def evaluated(results: Results) -> str:
    """Samples from the evaluation: program, run, and every model's answer with its verdict."""
    known, blocks = results.texts, []
    for title, question, answers in pick(results.items):
        problem = known.get(question.split("/")[0])
        if problem:
            call = f"{problem['entry_point']}({problem['input']})"
            marks = " ".join(page.badge(MODEL_LABELS[m], answers[m]["verdict"]) for m in MODEL_LABELS
                             if m in answers)
            body = (f"<p><code>assert {page.escape(call)} == ?</code>, which is "
                    f"<code>{page.escape(problem['output'])}</code></p>{stepper(problem)}"
                    + "".join(_answer(m, answers[m]) for m in MODEL_LABELS if m in answers))
            head = f"<b>{page.escape(title)}</b> <code>{page.escape(call)}</code> {marks}"
            blocks.append(page.details(head, body, name="sample"))
    return "\n".join(blocks)


def browser(programs: list[dict]) -> str:
    """The programs to filter, step through and compare answers on: data for the page's script. "" without
    any.
    """
    if not programs:
        return ""
    labels = {"model": MODEL_LABELS, "benchmark": BENCHMARK_LABELS, "verdict": {"differ": "models differ"}}
    return (paths.asset("report/browse.html").read_text(encoding="utf-8")
            + page.data("programs", {"programs": programs, "labels": labels}))


def _answer(model: str, item: dict) -> str:
    """One model's answer: verdict first, the whole text on a click."""
    answer = item.get("answer")
    said = f"<code>{page.escape(answer)}</code>" if answer is not None else page.DASH
    wrong = item.get("first_wrong_step")
    steps = f" · first wrong step {wrong}" if wrong else ""
    text = item.get("completion")
    body = page.code(text, numbered=False) if text is not None else f"<p>{page.DASH} text not recorded</p>"
    return page.details(f"{page.escape(MODEL_LABELS.get(model, model))}: {said} "
                        f"{page.badge(item['kind'], item['verdict'])} <small>{item.get('tokens') or 0} "
                        f"tokens{steps}"
                        "</small>", body)


def taught(results: Results, tasks: tuple = ("output", "input")) -> str:
    """One training chain per task: program, run and the chain that SFT learns from."""
    known, blocks = results.texts, []
    chains = sorted((row for row in results.rows("02_distill", "chains.jsonl") if "completion" in row),
                    key=lambda row: row["id"])
    for task in tasks:
        chain = next((row for row in chains if row["task"] == task and row["verdict"]
                      and row["problem_id"] in known),
                     None)
        if chain:
            body = stepper(known[chain["problem_id"]]) + page.code(chain["completion"], numbered=False)
            blocks.append(page.details(f"<b>{task}</b>: a program, its run and the chain made from it "
                                       f"{page.badge('verified', True)}", body, name="sample"))
    return "\n".join(blocks)


def rollouts(results: Results, groups: int = 2) -> str:
    """GRPO groups of different rewards: the first such question of the first and last steps."""
    found: dict[tuple, list[dict]] = {}
    for row in results.rows("04_grpo", "rollouts.jsonl"):
        found.setdefault((row["step"], row["question_id"]), []).append(row)
    mixed = [key for key, rows in sorted(found.items()) if len({row["reward"] for row in rows}) > 1]
    blocks = []
    for key in dict.fromkeys([*mixed[:groups - 1], *mixed[-1:]]):
        rows = sorted(found[key], key=lambda row: -row["reward"])
        answers = "".join(page.details(
            f"reward {row['reward']:.2f} {page.badge(row['kind'], row['kind'] == 'pass')}",
            page.code(row["completion"], numbered=False)) for row in rows)
        body = page.code(rows[0]["prompt"], numbered=False) + answers
        blocks.append(page.details(f"<b>step {key[0]}</b>: {len(rows)} answers to one question", body,
                                   name="sample"))
    return "\n".join(blocks)
