"""From a model's spec to a function from questions to replies: three engines behind one interface.

- ``shipped``, a folder or a hub id: transformers in this process, small models on a CPU in several
  (`replicas`), or vLLM where `eval_engine` says so.
- ``vllm:…`` (the same three): vLLM in this process, where it is installed.
- ``openai:model`` or ``openai:model@http://host:port/v1``: a server, asked by chat; ``completions:`` in its
  place sends the bare prompt, for base models.

Loads no engine before it is asked for.
"""

import re
from collections.abc import Callable
from pathlib import Path

from cr_utils.errors import UserError
from cr_utils.evaluate import Reply
from cr_utils.exams import OWN
from cr_utils.params import nearest
from cr_utils.schema import ENDPOINT

SERVERS = {"openai": True, "completions": False}
_SERVER = ("timeout", "tries", "wait", "extra", "context")  # settings of eval_endpoint that are one request's


def named(given: list[str]) -> dict[str, str]:
    """{name: spec} of texts ``name=spec``. Raises UserError for other texts and for names that are taken."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, spec = text.partition("=")
        if not (equals and spec and re.fullmatch(r"[\w.+-]+", name)):
            raise UserError(f"model {text!r}: write name=spec, such as gpt-4o=openai:gpt-4o")
        if name in found or name in OWN:
            raise UserError(f"model {text!r}: the name {name} is taken: choose another")
        found[name] = spec
    return found


def load(spec: str, params: dict, log: Path | str | None = None) -> Callable[..., list[Reply]]:
    """The function of a spec, with the profile's evaluation settings.

    log: where a server's answers are kept as they arrive. Raises UserError where the engine or the model is
    not to be had.
    """
    kind, _, rest = str(spec).partition(":")
    if kind not in (*SERVERS, "vllm") and params.get("eval_engine") == "vllm":
        kind, rest = "vllm", str(spec)
    how = {"max_new_tokens": params["eval_max_new_tokens"], "temperature": params["eval_temperature"],
           "seed": params["seed"]}
    if kind in SERVERS:
        return _endpoint(rest, SERVERS[kind], how, params["eval_endpoint"], log)
    if kind == "vllm":
        from cr_utils import vllm_engine
        number = params.get("model_dtype", "float32")  # float32: vLLM's choice, by the model's own settings
        return vllm_engine.load(rest, **how, **({} if number == "float32" else {"dtype": number}))
    from cr_utils import models, replicas, responders

    how |= {"batch_size": params["eval_batch_size"], **(models.for_answers(params) or {})}
    return replicas.Replicas(spec, **how) if replicas.suit(spec, how) else responders.load(spec, **how)


def _endpoint(spec: str, chat: bool, how: dict, settings: dict, log) -> Callable[..., list[Reply]]:
    """prices: {input, output} in dollars per million tokens, for every model or by the model's name."""
    from cr_utils import endpoint
    for key in settings:
        if key not in ENDPOINT:
            raise UserError(f"eval_endpoint has no setting {key!r}: {nearest(key, ENDPOINT)}")
    server = endpoint.open_server(spec, chat, **{key: settings[key] for key in _SERVER if key in settings})
    prices = settings.get("prices", {})
    if prices and not set(prices) & {"input", "output"}:
        prices = prices.get(server.model)
    return endpoint.Endpoint(server, **how, log=log, budget=settings.get("budget"), prices=prices or None,
                             concurrency=settings.get("concurrency", 16))
