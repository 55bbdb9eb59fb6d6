"""vLLM in this process, where it is installed: a model as a function from questions to replies.

Scope: one LLM object at a time, which takes most of a GPU's memory: another model closes the one before it.
Whole models only, no adapters. A vLLM server on this or another machine is an endpoint instead. Tested with a
stand-in for vLLM.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from . import models
from .errors import UserError
from .evaluate import TOO_LONG, Reply
from .generate import encode
from .questions import Question

_open: dict = {}  # "how": the settings of the engine that is open; "engine": itself


def load(spec: str, *, max_new_tokens: int, temperature: float = 0.0, seed: int = 0, **settings
         ) -> Callable[..., list[Reply]]:
    """`respond(questions, number=0) -> replies`; spec: shipped, a folder or a hub id; settings go to
    vllm.LLM.

    The function of an earlier model can no longer be called. Raises UserError where vLLM is not installed,
    and for an adapter.
    """
    try:
        from vllm import LLM, SamplingParams
    except ImportError as error:
        raise UserError(
            f"vllm:{spec} needs vLLM, which is not installed here ({error}): pip install vllm (Linux with a "
            "GPU), serve the model elsewhere and name it openai:model@http://…, or leave out vllm:"
        ) from None
    path = models.locate(spec)
    if models.is_adapter(path):
        raise UserError(f"{path} is an adapter and vLLM gets whole models here: python -m cr_utils merge "
                        f"{path} OUT makes one")
    engine = _opened(LLM, model=path, seed=seed, **settings)
    tokenizer = models.read_tokenizer(path)
    room = engine.llm_engine.model_config.max_model_len

    def respond(questions: list[Question], number: int = 0) -> list[Reply]:
        ids = [list(encode(tokenizer, one.prompt)) for one in questions]
        fit = [index for index, one in enumerate(ids) if len(one) < room]
        options = SamplingParams(temperature=temperature, max_tokens=max_new_tokens, seed=seed + number)
        outputs = engine.generate(
            [{"prompt_token_ids": ids[index]} for index in fit], options, use_tqdm=False
        )
        replies = [Reply("", 0, True, TOO_LONG)] * len(questions)
        for index, output in zip(fit, outputs, strict=True):
            best = output.outputs[0]
            replies[index] = Reply(best.text, len(best.token_ids), best.finish_reason == "length")
        return replies

    respond.chunk = 100_000  # vLLM schedules by itself: the more it knows of, the better
    return respond


def _opened(kind: type, **how):
    """The engine with these settings: the open one if they are its own, else a new one in its place."""
    if _open.get("how") != how:
        close()
        _open.update(engine=kind(**how), how=how)
    return _open["engine"]


def close() -> None:
    """End the open engine, if there is one, and the process that holds its memory."""
    engine = _open.pop("engine", None)
    _open.clear()
    if engine is not None:
        engine.llm_engine.engine_core.shutdown()
        gc.collect()
