"""How long the interpreter's chains are in each style: characters, lines, and tokens of the small model.

python speed/chain_styles.py [--problems 500] [--profile tiny] [--task output] [--wide]

The problems are new ones of the profile's kind (training split, its seed); each is narrated in every style.
Over 850: chains that `distill` would not accept; over the limit: chains longer than the profile's longest
answer. Problems that cannot be told in every style are left out. Prints the table of docs/02_distill.md;
nothing depends on the clock.
"""

import argparse
import statistics

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)

from cr_utils import distill, params, synthesis, teacher
from cr_utils.schema import STYLES


def chains(values: dict, count: int, task: str) -> list[list[str]]:
    """For each problem its chain in every style; failed tries of inputs are left out."""
    sizes = {split: 0 for split in synthesis.SPLITS} | {"train": count}
    options = {"seed": values["seed"], "constraints": values["data_constraints"],
               "mutation": values["data_mutation"], "max_steps": values["data_max_steps"],
               "grammar": values["data_grammar"]}
    found = []
    for problem in synthesis.synthesize(sizes, options, 1)[0]:
        question = distill.ask(problem, task, values["seed"])
        try:
            found.append([teacher.narrate(question, (), distill.MAX_LINES, style, values["seed"])
                          for style in STYLES])
        except Exception:  # noqa: BLE001 - no question, or no words for the run: no chain, as in distill
            continue
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--problems", type=int, default=500)
    options.add_argument("--profile", default="tiny")
    options.add_argument("--task", default="output")
    options.add_argument("--wide", action="store_true", help="programs of the wide grammar")
    asked = options.parse_args()
    values = params.load(asked.profile) | ({"data_grammar": "wide"} if asked.wide else {})
    rows, limit = chains(values, asked.problems, asked.task), values["eval_max_new_tokens"]
    tokenizer = models.read_tokenizer(models.locate("shipped"))
    print(f"{len(rows)} problems, task {asked.task}, grammar {values['data_grammar']}\n")
    print(f"| style | tokens, mean | median | characters, mean | lines, mean | over {distill.MAX_CHAIN_TEXT} "
          f"characters | over {limit} tokens |\n|---|---|---|---|---|---|---|")
    for style, texts in zip(STYLES, zip(*rows, strict=True), strict=True):
        sizes = [len(tokenizer(text)["input_ids"]) for text in texts]
        lines = statistics.mean(max(0, text.count("\n") - 2) for text in texts)
        long, cut = (sum(size > most for size in found) / len(texts) for found, most in
                     ((map(len, texts), distill.MAX_CHAIN_TEXT), (sizes, limit)))
        print(f"| `{style}` | {statistics.mean(sizes):.0f} | {statistics.median(sizes):.0f} | "
              f"{statistics.mean(map(len, texts)):.0f} | {lines:.1f} | {100 * long:.1f} % | "
              f"{100 * cut:.1f} % |")


if __name__ == "__main__":
    main()
