"""The order of the house: modules import only from layers below their own, and only the model layer torch."""

import ast
import subprocess
import sys

import pytest

from cr_utils import paths

# Bottom to top. A new module is added to the layer that it belongs to; a sub-package counts as one module.
LAYERS = {
    "ground": """
        errors schema params launch cards paths memory machine workers record jsonl progress noise colab locks
        sources processes estimates arithmetic budget paces
    """,
    "execution": """
        sandbox runs verdicts scratch trust trace literals calls lanes zygote judge_cli
    """,
    "task": """
        constraints blocks writer syntax liveness structure usage candidates expressions wording grammar literals_random
        synthesis data_cli questions answers rewards teacher narrator distill benchmarks
        fingerprints guarding whitebox pasted passes verl evaluate exams score score_cruxeval score_reval reval reval_judging
        reval_output reval_program reval_questions corpus facts steps arms templates
        shares departures operations nearness drafts mutations program_prompts program_replies program_source releases
        rewriting events turns voices monologue synopsis forms traced datacards yields wide pasted_runner extraction published_prompts
    """,
    "model": """
        adapters attention decoder distributed footprint train shapes tokenizer base base_cli models generate
        responders endpoint endpoint_calls engines vllm_engine llm_teacher sft sft_trainer grpo grpo_trainer
        grpo_update training workshop origins replicas packing throughput feed pretrain data_fits fits fits_base base_stage
        static_decoding flight
    """,
    "report": """
        run execute failures report figures figure_style stats tables tablefile published claims
        consistency answer_tables answer_figures comparisons constructs curves eval_cli frames gallery marks
        page results samples story views readme reference kept check crate environment checklists __main__
        natural_figures passes_cli exhibits overview explore menus scaling executed learning address armruns
    """,
}
LAYER = {module: number for number, names in enumerate(LAYERS.values()) for module in names.split()}
HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "safetensors"}
MODEL = list(LAYERS).index("model")

FILES = sorted(path for path in paths.package().rglob("*.py") if path != paths.package() / "__init__.py")


def module_of(path):
    """The name under which a file counts: its module, or its sub-package."""
    return path.relative_to(paths.package()).with_suffix("").parts[0]


def imported(path):
    """Modules that a file imports anywhere in it: (top package, module of ours or None)."""
    package = ["cr_utils", *path.relative_to(paths.package()).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[:len(package) + 1 - node.level] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{source}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            yield top, rest.split(".")[0] if top == "cr_utils" and rest else None


def name(path):
    return str(path.relative_to(paths.package()))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_has_a_layer_and_imports_downward(path):
    module = module_of(path)
    assert module in LAYER, f"{module} has no layer: add it to LAYERS"
    if module == "__main__":
        return  # it finds modules by name, when they are asked for
    for _, other in imported(path):
        if other in (None, module) or other.startswith("__"):
            continue
        assert other in LAYER, f"{module} imports {other}, which has no layer"
        assert LAYER[other] <= LAYER[module], f"{module} imports {other} from a layer above"


@pytest.mark.parametrize("path", [path for path in FILES if LAYER.get(module_of(path)) != MODEL], ids=name)
def test_only_the_model_layer_imports_the_training_stack(path):
    assert not {top for top, _ in imported(path)} & HEAVY


def test_no_module_outside_the_model_layer_loads_torch():
    light = sorted({module_of(path) for path in FILES if LAYER.get(module_of(path)) not in (None, MODEL)}
                   - {"__main__", "zygote"})  # zygote: programs that run in helper processes of their own
    code = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module('cr_utils.' + name)\n" \
           "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, *light], check=False).returncode == 0


def test_the_package_itself_loads_nothing():
    code = "import sys; before = set(sys.modules); import cr_utils; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['cr_utils']"


def test_no_layer_names_a_module_twice():
    names = " ".join(LAYERS.values()).split()
    assert len(names) == len(set(names))
