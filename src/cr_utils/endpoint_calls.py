"""One request to an OpenAI-compatible server: send it, understand the reply, try again where that may help.

Tried again: time-outs, broken connections, status 408, 409, 425, 429 and 5xx, and replies that are no
completion. Any other refusal ends the run, but for a prompt that is too long, which is an answer of its kind.
"""

import asyncio
import random
from dataclasses import dataclass, field

from cr_utils.errors import UserError

AGAIN = frozenset({408, 409, 425, 429})
LONGEST_WAIT = 60.0  # seconds between two tries, whatever the server asks for
_TOO_LONG = ("context_length_exceeded", "context length", "maximum context", "max_model_len", "too long")


@dataclass(frozen=True)
class Server:
    """Where and how to ask. `url` ends before /chat/completions; `chat` False sends the bare prompt to
    /completions, for base models. timeout: seconds for a whole reply. tries: at most, per request. wait:
    seconds before the second try; doubled from try to try. extra: merged into every request's body; a value
    None removes a field. context: tokens of the model's context; a prompt that fills it counts as too long,
    also where the server takes it (transformers' does)."""

    url: str
    model: str
    key: str | None = None
    chat: bool = True
    timeout: float = 300.0
    tries: int = 6
    wait: float = 1.0
    extra: dict = field(default_factory=dict)
    context: int | None = None


@dataclass(frozen=True)
class Answer:
    """What came back: text, tokens read and written (None where the server does not say), whether the length
    limit cut it, and `too_long` where the prompt did not fit."""

    text: str
    prompt_tokens: int | None = None
    tokens: int | None = None
    truncated: bool = False
    too_long: bool = False


class Failed(Exception):
    """This try failed and another may not. `after`: seconds that the server asks to wait, or None."""

    def __init__(self, reason: str, after: float | None = None):
        super().__init__(reason)
        self.after = after


async def ask(client, server: Server, prompt: str, options: dict) -> Answer:
    """The answer to one prompt; options: max_tokens, temperature, seed. client: an httpx.AsyncClient.

    Raises Failed with the last reason where every try failed, UserError where another try cannot help.
    """
    for number in range(1, server.tries + 1):
        try:
            return await _try(client, server, prompt, options)
        except Failed as failure:
            if number == server.tries:
                raise
            await asyncio.sleep(pause(server, number, failure.after))
    raise ValueError("a server needs at least one try")


def pause(server: Server, number: int, after: float | None = None) -> float:
    """Seconds to wait after the `number`-th try: at least what the server asks for, never above a minute.

    The random part keeps requests that failed together from coming back together.
    """
    grown = server.wait * 2 ** (number - 1) * (0.5 + random.random() / 2)  # noqa: S311 - no secret
    return min(LONGEST_WAIT, max(grown, after or 0.0))


async def _try(client, server: Server, prompt: str, options: dict) -> Answer:
    import httpx

    path = "/chat/completions" if server.chat else "/completions"
    try:
        async with asyncio.timeout(server.timeout):
            reply = await client.post(server.url.rstrip("/") + path, json=_body(server, prompt, options))
    except (TimeoutError, httpx.TimeoutException):
        raise Failed(f"no reply within {server.timeout:g} s") from None
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        raise Failed(f"the connection broke ({type(error).__name__})") from None
    if reply.status_code in AGAIN or reply.status_code >= 500:
        raise Failed(f"status {reply.status_code}", _seconds(reply.headers.get("retry-after")))
    if reply.status_code != 200:
        return _refused(server, reply)
    return _understood(reply, server)


def _body(server: Server, prompt: str, options: dict) -> dict:
    asked = {"messages": [{"role": "user", "content": prompt}]} if server.chat else {"prompt": prompt}
    body = {"model": server.model, **asked, **options, **server.extra}
    return {name: value for name, value in body.items() if value is not None}


def _understood(reply, server: Server) -> Answer:
    """The answer in a reply of status 200. Raises Failed where it holds none."""
    try:
        data = reply.json()
        choice = data["choices"][0]
        text = choice["message"]["content"] if server.chat else choice["text"]
        usage = data.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise Failed("the reply is no completion") from None
    if not isinstance(text, str | None) or not all(isinstance(one, int | None) for one in counts):
        raise Failed("the reply is no completion")
    if server.context and counts[0] is not None and counts[0] >= server.context:
        return Answer("", *counts, too_long=True)
    text = (text or "").encode("utf-8", "replace").decode()  # half a surrogate pair could not be stored
    return Answer(text, *counts, truncated=choice.get("finish_reason") == "length")


def _refused(server: Server, reply) -> Answer:
    """A prompt that is too long, or UserError for any other refusal."""
    said = " ".join(reply.text.split())[:200]
    if reply.status_code in (400, 413, 422) and any(word in reply.text.lower() for word in _TOO_LONG):
        return Answer("", 0, 0, too_long=True)
    remedy = {
        401: "set OPENAI_API_KEY",
        403: "set OPENAI_API_KEY",
        404: "check the address and the model's name",
    }
    raise UserError(f"{server.url} refuses {server.model} (status {reply.status_code}): "
                    f"{remedy.get(reply.status_code, 'check the request')}: {said}")


def _seconds(header: str | None) -> float | None:
    """A Retry-After header in seconds; None where it is absent or a date."""
    try:
        return max(0.0, float(header))
    except (TypeError, ValueError):
        return None
