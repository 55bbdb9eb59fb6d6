"""Loading models: from where, on which device, in which number format, quantised or not.

Covers the shipped base, local folders and hub ids, 4-bit loading, LoRA adapters (new ones and saved ones),
what a processor computes natively, and which of this a profile asks for. Does not train or sample.
bitsandbytes and peft are imported only when asked for: importing them is slow and noisy.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from pathlib import Path

# Before torch is imported: with a busy neighbour, threads that spin while they wait cost a factor of 7 to 9.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402
import transformers  # noqa: E402

from cr_utils import attention, distributed, noise, paths  # noqa: E402
from cr_utils.errors import UserError  # noqa: E402

# For a model that has no chat template of its own (Llama base, DeepSeek-Coder base): the message and a new
# line, then the answer. Saved with what is trained from it, so that a server asks in the same form.
PLAIN = ("{% for m in messages %}{{ m['content'] }}"
         "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}")
SMALL = 500_000_000  # parameters below which nothing need be saved on memory
LORA = {
    "r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "target_modules": "all-linear",
    "task_type": "CAUSAL_LM",
}


def device(name: str = "auto") -> torch.device:
    """The device to compute on: "auto" takes a GPU if there is one."""
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def native_bf16(where: torch.device | str = "cpu") -> bool:
    """Whether bfloat16 is computed in hardware there, not emulated (a T4 emulates it and reports support)."""
    where = torch.device(where)
    if where.type == "cuda":
        return torch.cuda.get_device_capability(where)[0] >= 8
    if where.type != "cpu":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def is_small(model) -> bool:
    """Whether the model is small enough for float32 weights and no gradient checkpointing."""
    return sum(p.numel() for p in model.parameters()) < SMALL


def locate(spec: str) -> str:
    """What `from_pretrained` takes for a spec: "shipped", a folder (with config.json) or a hub id."""
    if spec == "shipped":
        return str(paths.asset("base"))
    if spec == "scratch":
        raise UserError("model scratch is trained by a run: name its folder, results/<profile>/00_base/model")
    folder = Path(spec)
    if folder.is_dir():
        if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
            raise UserError(f"{folder} holds no model (no config.json): name a folder a training stage wrote")
        return str(folder)
    if folder.is_absolute() or spec.startswith(".") or spec.count("/") != 1:
        raise UserError(
            f"model {spec!r} is no folder: use shipped, a model's folder, or a hub id (owner/name)"
        )
    return spec


def load(
    spec: str = "shipped",
    device: str | torch.device = "auto",
    dtype: torch.dtype | str | None = None,
    four_bit: bool = False,
    lora: dict | bool | None = None,
    seed: int = 0,
):
    """(model, tokenizer) in evaluation mode.

    dtype: of the weights; None is float32, or with four_bit the compute type (bfloat16 where native, else
    float16; float32 on a CPU without it). four_bit: nf4 with double quantisation. lora: add a fresh adapter
    (True: the defaults, or settings of peft's LoraConfig), whose weights are float32 and drawn by `seed`. A
    folder with a saved adapter loads with its base, trainable if lora is asked for. Raises UserError where
    there is no such model.
    """
    where = globals()["device"](device) if isinstance(device, str) else device
    path = locate(spec)
    with quiet():
        optional_libraries(four_bit)
        try:
            tokenizer = read_tokenizer(path)
            model = _read(path, _settings(where, dtype, four_bit), bool(lora))
        except OSError as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"model {spec!r} could not be loaded: {reason}") from error
        if lora and not is_adapter(path):
            # Not from a running state: every process begins from the same adapter.
            with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
                torch.manual_seed(seed)
                model = _with_adapter(model, lora, four_bit)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    train_in_float32(model)
    forget_penalty(model)
    if not four_bit and not distributed.sharded():
        model.to(where)
    if where.type == "cpu" and is_small(model):
        model.set_attn_implementation(attention.register())
    return model.eval(), tokenizer


def for_training(params: dict) -> dict | None:
    """The further arguments of `load` that a profile's keys ask for, for a model to train; None: none."""
    rank, four_bit = params.get("model_lora", 0), params.get("model_four_bit", False)
    if not (rank or four_bit):
        return None
    found = {"four_bit": four_bit, "lora": {"r": rank, "lora_alpha": 2 * rank} if rank else None}
    return found | ({"seed": params["seed"]} if params.get("seed") else {})


def for_answers(params: dict) -> dict | None:
    """The same for a model that only answers."""
    if params.get("model_four_bit"):
        return {"four_bit": True}
    name = params.get("model_dtype", "float32")
    return None if name == "float32" else {"dtype": getattr(torch, name)}


def optional_libraries(four_bit: bool = False) -> None:
    """Import peft, which the trainers need, with bitsandbytes if asked for.

    Raises UserError where a process asks for it too late: peft looks for it once, when it is imported.
    """
    if "peft" in sys.modules:
        if four_bit and "bitsandbytes" not in sys.modules:
            raise UserError("4-bit was asked for after a model was loaded without it: restart the kernel")
        return
    if four_bit:
        import bitsandbytes  # noqa: F401
    with without_bitsandbytes(), contextlib.suppress(ImportError):
        import peft  # noqa: F401


@contextlib.contextmanager
def without_bitsandbytes():
    """Hide bitsandbytes, unless it is loaded, from libraries imported inside: they load it if they find it.

    Loading it takes seconds and prints advice.
    """
    if "bitsandbytes" in sys.modules:
        yield
        return
    sys.modules["bitsandbytes"] = None
    try:
        yield
    finally:
        del sys.modules["bitsandbytes"]


def read_tokenizer(path: str):
    """The tokenizer saved in a folder or on the hub, padding left, with a chat template (PLAIN at need).

    A folder whose tokenizer is a plain `tokenizers` file is read as such: AutoTokenizer goes by the
    architecture and would put Qwen's own splitting rules in place of ours.
    """
    saved = Path(path) / "tokenizer_config.json"
    plain = ("TokenizersBackend", "PreTrainedTokenizerFast")
    kind = transformers.AutoTokenizer
    if saved.is_file() and json.loads(saved.read_text(encoding="utf-8")).get("tokenizer_class") in plain:
        kind = transformers.PreTrainedTokenizerFast
    tokenizer = kind.from_pretrained(path, padding_side="left")
    if not tokenizer.chat_template:
        start = tokenizer.bos_token
        opens = start and tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
        tokenizer.chat_template = ("{{ bos_token }}" if opens else "") + PLAIN
    return tokenizer


def is_adapter(path: str) -> bool:
    """Whether a folder holds an adapter rather than a whole model."""
    return (Path(path) / "adapter_config.json").is_file()


def train_in_float32(model) -> None:
    """Cast trainable parameters of a model with frozen ones to float32.

    Adapters in bfloat16 do not move at small learning rates, and float16 ones break gradient scaling. TRL
    casts them when a trainer is built, so call this after that as well.
    """
    if all(p.requires_grad for p in model.parameters()):
        return
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def forget_penalty(model) -> None:
    """Set aside the penalty on repeated tokens that is saved with a model (Qwen's instruct models have one).

    `generate` would apply it to greedy answers too: a chain about a loop repeats itself rightly.
    """
    if getattr(model.generation_config, "repetition_penalty", None) not in (None, 1.0):
        model.generation_config.repetition_penalty = 1.0


@contextlib.contextmanager
def quiet():
    """Libraries' progress bars and advice off inside; their errors stay."""
    before = transformers.utils.logging.get_verbosity()
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    advice = [
        logging.getLogger(name)
        for name in ("trl", "accelerate", "peft", "bitsandbytes", "torch.distributed", noise.HUB)
    ]
    levels = [logger.level for logger in advice]
    for logger in advice:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.utils.logging.set_verbosity(before)
        if bars:
            transformers.utils.logging.enable_progress_bar()
        for logger, level in zip(advice, levels, strict=True):
            logger.setLevel(level)


def _settings(where: torch.device, dtype, four_bit: bool) -> dict:
    """Keyword arguments of `from_pretrained`."""
    if not four_bit:
        return {"dtype": dtype or torch.float32}
    if dtype is None:
        plain = torch.float16 if where.type == "cuda" else torch.float32
        dtype = torch.bfloat16 if native_bf16(where) else plain
    config = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"dtype": dtype, "quantization_config": config, "device_map": {"": where}}


def _read(path: str, settings: dict, trainable: bool):
    if is_adapter(path):
        import peft

        return peft.AutoPeftModelForCausalLM.from_pretrained(path, is_trainable=trainable, **settings)
    return transformers.AutoModelForCausalLM.from_pretrained(path, **settings)


def _with_adapter(model, lora: dict | bool, four_bit: bool):
    import peft

    if four_bit:
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=not is_small(model))
    settings = LORA | (lora if isinstance(lora, dict) else {})
    return peft.get_peft_model(model, peft.LoraConfig(**settings))
