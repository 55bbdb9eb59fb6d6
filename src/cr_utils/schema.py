"""Every knob of the project: its type, default, range and sentence; and which knobs belong to which stage.

Only data; cr_utils.params reads and checks values against it.
"""

from dataclasses import dataclass

DEFAULT_PROFILE = "tiny"
NOT_PROFILES = {"base", "constraints", "constraints-wide"}
TASKS = ("output", "input", "coverage", "path", "state")
ENDPOINT = ("concurrency", "prices", "budget", "timeout", "tries", "wait", "extra", "context")
ARMS = ("full", "no_grpo", "more_sft", "no_sft", "short_sft", "no_chains", "no_constraints", "no_mutation",
        "no_filter", "half_data", "tenth_data", "facts", "results", "numbered", "monologue", "scratchpad",
        "short_grpo", "whitebox", "bilevel")
STEPS = ("facts", "results")  # the styles whose steps are lines of the program with what they did
STYLES = (*STEPS, "numbered", "monologue", "scratchpad")
SHARDING = ("none", "fsdp2", "zero3")
VLLM = ("none", "colocate", "server")
PACKING = ("auto", "packed", "padded")
KINDS = ("facts", "steps", "output", "input", "coverage", "path", "state")  # of documents
COMMON = ("profile", "seed", "force", "time_budget")
UNRECORDED = ("profile", "force")  # the first is in every path, the second the wish of one run
STAGE_KEYS = {
    "00_base": ("model", "base_"),
    "01_data": ("data_",),
    "02_distill": ("distill_",),
    "03_sft": ("model", "model_", "sft_", "launch", "report_to"),
    "04_grpo": ("model_", "grpo_", "launch", "report_to"),
    "05_eval": ("model", "model_", "benchmarks", "eval_"),
    "06_ablations": ("model", "model_", "ablation_"),
}
# What decides a stage's result beside the keys that its notebook declares: the arms of 06 train and score
# as the earlier stages do.
ALSO = {"06_ablations": ("data_", "distill_", "sft_", "grpo_", "eval_max_new_tokens", "eval_engine",
                         "benchmarks")}
REQUIRED = object()
SAMPLED = ("eval_cruxeval", "eval_reval", "eval_livecodebench")  # eval_whole puts all rows in their place


@dataclass(frozen=True)
class Key:
    """One knob. default REQUIRED: every profile states it. low and high are inclusive bounds of numbers;
    choices are the allowed values of a text, or of each member of a list or each name of a dict."""

    type: type
    default: object
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple | None = None


SCHEMA = {
    "profile": Key(str, REQUIRED, "name of the profile; results go to results/<profile>/"),
    "seed": Key(int, 0, "seed of everything random", 0, 2**31 - 1),
    "force": Key(bool, False, "run again although finished (the earlier result is moved aside)"),
    "time_budget": Key(float, 0.0, "minutes for all stages; sizes are then upper limits (0: no budget)",
                       0.0, 100_000.0),
    "model": Key(str, "shipped", "start model: shipped, scratch (see the base_ keys), a folder, or a hub id"),
    "base_share": Key(float, 0.4, "share of time_budget for pre-training", 0.0, 1.0),
    "base_width": Key(int, 640, "width of the model trained from scratch", 8, 16_384),
    "base_inner": Key(int, 1728, "width of its feed-forward layers", 8, 65_536),
    "base_layers": Key(int, 12, "its layers", 1, 200),
    "base_heads": Key(int, 10, "its attention heads", 1, 256),
    "base_kv_heads": Key(int, 5, "its heads of keys and values", 1, 256),
    "base_context": Key(int, 1024, "its context in tokens", 64, 32_768),
    "base_tokens": Key(int, 1_000_000_000, "tokens of pre-training", 1),
    "base_batch_tokens": Key(int, 262_144, "positions of one update", 64),
    "base_micro_tokens": Key(int, 65_536, "positions of one forward and backward pass", 64),
    "base_lr": Key(float, 1.0e-3, "peak learning rate of pre-training", 1e-8, 1.0),
    "base_decay": Key(float, 0.4, "share of pre-training over which the rate falls", 0.0, 0.98),
    "base_mix": Key(dict, {"facts": 0.3, "output": 0.7}, "share of each kind of document, summing to 1",
                    choices=KINDS),
    "base_wide": Key(float, 0.4, "share of its documents that are of the wide grammar", 0.0, 1.0),
    "base_most_steps": Key(int, 12, "most single steps of one run in a document", 1, 40),
    "base_late": Key(float, 0.0, "share of pre-training, at its end, with the mix base_late_mix", 0.0, 1.0),
    "base_late_mix": Key(dict, {"steps": 1.0}, "share of each kind of document there, summing to 1",
                         choices=KINDS),
    "base_repeats": Key(int, 1, "passes over each pool of documents", 1, 100),
    "base_packing": Key(str, "auto", "documents packed into full rows, or padded (auto: packed on a GPU)",
                        choices=PACKING),
    "base_compile": Key(bool, False, "compile the layers (torch.compile)"),
    "base_workers": Key(int, 0, "processes that make documents ahead of the device (0: a core each, but one)",
                        0, 256),
    "model_four_bit": Key(bool, False,
                          "load models in 4-bit (nf4), which saves memory; needs an adapter to train"),
    "model_lora": Key(int, 0, "rank of the LoRA adapter to train (0: train all weights)", 0, 1024),
    "model_dtype": Key(str, "float32", "number format of the weights of models that only answer",
                       choices=("float32", "bfloat16", "float16")),
    "launch": Key(dict, {}, "processes of a training (nodes, gpus, sharding, vllm, vllm_gpus); {}: one",
                  choices=("nodes", "gpus", "sharding", "vllm", "vllm_gpus")),
    "report_to": Key(str, "none", "where training is tracked beside log.jsonl",
                     choices=("none", "tensorboard", "trackio", "wandb")),
    "benchmarks": Key(str, "auto", "real benchmark files: use if obtainable, require, or never",
                      choices=("auto", "require", "never")),
    "data_share": Key(float, 0.04, "share of time_budget for data", 0.0, 1.0),
    "data_train": Key(int, REQUIRED, "training programs to accept", 1),
    "data_validation": Key(int, REQUIRED, "validation programs", 1),
    "data_heldout": Key(int, REQUIRED, "held-out programs (same constraints as training)", 1),
    "data_heldout_ood": Key(int, REQUIRED, "held-out programs of cells and depths never trained on", 1),
    "data_constraints": Key(bool, True, "draw programs from the constraint table (off: unconstrained)"),
    "data_mutation": Key(bool, True, "mutate inputs to get further examples of a program"),
    "data_grammar": Key(str, "core", "who writes the programs: the core grammar, or the wide one",
                        choices=("core", "wide")),
    "data_order": Key(str, "random", "order of the training problems: as drawn, or from easy to hard",
                      choices=("random", "curriculum")),
    "data_workers": Key(int, 2, "processes that execute programs", 1, 256),
    "data_max_steps": Key(int, REQUIRED, "longest accepted execution, in traced lines", 4, 10_000),
    "data_source": Key(str, "grammar", "who writes the programs", choices=("grammar", "llm", "released")),
    "data_model": Key(str, "", "model that writes programs for source llm: name or name@http://host:port/v1"),
    "data_endpoint": Key(dict, {}, "settings of its server, such as concurrency, budget and prices",
                         choices=ENDPOINT),
    "data_inputs": Key(int, 2, "further inputs that it is asked for per program, with data_mutation", 0, 20),
    "distill_share": Key(float, 0.04, "share of time_budget for chains", 0.0, 1.0),
    "distill_teacher": Key(str, "interpreter",
                           "who writes the chains (rewrite: a model rewords the interpreter's)",
                           choices=("interpreter", "llm", "rewrite")),
    "distill_model": Key(str, "", "the model of teachers llm and rewrite: name or name@http://host:port/v1"),
    "distill_endpoint": Key(dict, {}, "settings of its server, such as concurrency, budget and prices",
                            choices=ENDPOINT),
    "distill_tries": Key(int, 4, "tries per question at most", 1, 100),
    "distill_wanted": Key(int, 1, "accepted tries per question, of which the shortest is taken", 1, 100),
    "distill_temperature": Key(float, 0.6, "its sampling temperature", 0.0, 2.0),
    "distill_top_p": Key(float, 0.9, "its nucleus sampling", 0.01, 1.0),
    "distill_max_new_tokens": Key(int, 4096, "its longest answer, in tokens", 1),
    "distill_items": Key(int, REQUIRED, "chains to ask for", 1),
    "distill_mix": Key(dict, REQUIRED, "share of each task among the chains, summing to 1", choices=TASKS),
    "distill_styles": Key(dict, {"facts": 1.0},
                          "share of each style among the interpreter's chains, summing to 1",
                          choices=STYLES),
    "sft_share": Key(float, 0.14, "share of time_budget for SFT", 0.0, 1.0),
    "sft_steps": Key(int, REQUIRED, "optimizer updates", 1),
    "sft_lr": Key(float, REQUIRED, "peak learning rate", 1e-8, 1.0),
    "sft_batch_size": Key(int, REQUIRED, "sequences in one forward and backward pass", 1),
    "sft_grad_accum": Key(int, 1, "passes per optimizer update", 1),
    "sft_max_length": Key(int, REQUIRED, "longest training sequence in tokens; longer ones are left out", 16),
    "sft_eval_every": Key(int, REQUIRED, "updates between validations", 1),
    "sft_eval_items": Key(int, REQUIRED, "validation questions answered each time", 1),
    "sft_chains": Key(list, [], "files of chains to train on in place of those of 02"),
    "sft_extra": Key(dict, {}, "further settings passed as they are to TRL's SFTConfig"),
    "grpo_share": Key(float, 0.16, "share of time_budget for GRPO", 0.0, 1.0),
    "grpo_steps": Key(int, REQUIRED, "optimizer updates", 1),
    "grpo_lr": Key(float, REQUIRED, "peak learning rate", 1e-9, 1.0),
    "grpo_group": Key(int, REQUIRED, "answers sampled per prompt", 2, 1024),
    "grpo_prompts": Key(int, REQUIRED, "prompts per generation", 1),
    "grpo_batch_size": Key(int, REQUIRED, "answers in one forward and backward pass", 1),
    "grpo_updates": Key(int, 1, "optimizer updates per generation", 1),
    "grpo_temperature": Key(float, 1.0, "sampling temperature", 0.01, 10.0),
    "grpo_max_new_tokens": Key(int, REQUIRED, "longest sampled answer, in tokens", 1),
    "grpo_loss": Key(str, "dr_grpo", "loss of TRL's GRPOConfig", choices=("grpo", "dapo", "dr_grpo", "bnpo")),
    "grpo_literal": Key(bool, False,
                        "the published loss to the letter: grpo, group scaling, cut answers count"),
    "grpo_beta": Key(float, 0.0, "weight of the KL term against the SFT model", 0.0, 10.0),
    "grpo_filter_prompts": Key(int, REQUIRED, "candidate prompts tried before training (0: no filter)", 0),
    "grpo_filter_samples": Key(int, 8, "answers per candidate; prompts with right and wrong ones stay", 2),
    "grpo_filter_most": Key(int, 0, "right answers of a kept candidate at most (0: all but all of them)", 0),
    "grpo_counts": Key(str, "", "file of counts (`data difficulty`) to choose prompts by: none is tried"),
    "grpo_order": Key(str, "random", "order of the prompts: random, or from often solved to hardly solved",
                      choices=("random", "curriculum")),
    "grpo_save_every": Key(int, REQUIRED, "updates between checkpoints (each is validated)", 1),
    "grpo_eval_items": Key(int, REQUIRED, "validation questions answered at each checkpoint", 1),
    "grpo_format_weight": Key(float, 0.1, "share of the format term in the reward", 0.0, 0.5),
    "grpo_reward": Key(str, "terminal", "what is rewarded: the answer, or steps too (cr_utils.whitebox)",
                       choices=("terminal", "whitebox", "bilevel")),
    "grpo_tasks": Key(list, ["output", "input"], "tasks of the training questions", choices=TASKS),
    "grpo_extra": Key(dict, {}, "further settings passed as they are to TRL's GRPOConfig"),
    "eval_share": Key(float, 0.12, "share of time_budget for evaluation", 0.0, 1.0),
    "eval_heldout": Key(int, REQUIRED, "held-out output questions", 1),
    "eval_heldout_ood": Key(int, REQUIRED, "out-of-distribution output questions", 1),
    "eval_other": Key(int, REQUIRED, "questions for each of input, coverage, path and state", 0),
    "eval_cruxeval": Key(int, REQUIRED, "CRUXEval items per direction (800: all)", 0, 800),
    "eval_reval": Key(int, 120, "REval places, each asked about in four tasks (3152: all)", 0, 3152),
    "eval_livecodebench": Key(int, 120, "LiveCodeBench execution items per direction (479: all)", 0, 479),
    "eval_whole": Key(bool, False, "all rows of the real benchmarks, whatever those numbers say (0: none)"),
    "eval_max_new_tokens": Key(int, REQUIRED, "longest answer, in tokens", 1),
    "eval_batch_size": Key(int, REQUIRED, "answers generated side by side", 1),
    "eval_engine": Key(str, "transformers", "what answers for models on this machine: transformers, or vLLM",
                       choices=("transformers", "vllm")),
    "eval_models": Key(list, [],
                       "further models to compare, each a name, an equals sign and a spec (docs/05_eval.md)"),
    "eval_endpoint": Key(dict, {}, "settings of openai: models, such as concurrency, budget and prices",
                         choices=ENDPOINT),
    "eval_templates": Key(dict, {}, "prompt template files for further models, by task", choices=TASKS),
    "eval_samples": Key(int, 1, "answers per question (pass@k)", 1, 1000),
    "eval_temperature": Key(float, 0.0, "sampling temperature of the answers (0: greedy)", 0.0, 2.0),
    "eval_limit": Key(int, 0, "questions per benchmark and task at most (0: all)", 0),
    "eval_shard": Key(str, "", "i/n: ask only the i-th of n shares of the questions"),
    "eval_items": Key(list, [], "items.jsonl files made elsewhere, taken in before anything is asked"),
    "ablation_share": Key(float, 0.1, "share of time_budget for ablations", 0.0, 1.0),
    "ablation_arms": Key(list, list(ARMS), "arms to train and score", choices=ARMS),
    "ablation_sft_steps": Key(int, REQUIRED, "SFT updates of the arms about data", 1),
    "ablation_more_sft_steps": Key(int, REQUIRED, "SFT updates that cost what the GRPO stage costs", 1),
    "ablation_sft_tokens": Key(int, 0, "completion tokens of the SFT of the arms about data (0: by updates)",
                               0),
    "ablation_grpo_steps": Key(int, REQUIRED, "GRPO updates of the arm without SFT", 1),
    "ablation_items": Key(int, REQUIRED, "held-out questions per arm", 1),
    "ablation_cruxeval": Key(int, 0, "CRUXEval output questions per arm (0: none, 800: all)", 0, 800),
}
