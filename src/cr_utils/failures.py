"""A failed stage in two lines: what went wrong, and what to do about it."""

CAUSES = {"ok": "the notebook ended without finishing its record (no manifest)",
          "dead": "its kernel died (killed, out of memory, or crashed)",
          "gone": "the process that ran it was killed"}
REMEDIES = {"dead": "Free some memory or lower the stage's batch sizes, then run the same command again.",
            "gone": "Run the same command again: it continues at this stage.",
            "start": "Check that `jupyter kernelspec list` shows python3, then run the same command again."}
SIGNS = (  # words of an exception's message, cause, remedy
    ("No space left on device", "the disk is full",
     "Free some space (`make clean PROFILE=…` deletes a profile's results), then run the same command again: "
     "it continues at this stage."),
    ("Disk quota exceeded", "the disk quota is used up",
     "Free some space or set CR_RESULTS to another disk, then run the same command again."),
    ("BrokenProcessPool", "a worker process was killed (out of memory?)",
     "Run the same command again: it continues at this stage; lower data_workers if memory is short."),
    ("MemoryError", "memory ran out",
     "Free some memory or lower the stage's batch sizes, then run the same command again."),
    ("out of memory", "memory ran out",
     "Free some memory or lower the stage's batch sizes, then run the same command again."),
)


def cause(report: dict) -> str:
    """What went wrong, in one line; report: {"kind", "message"} of an executed notebook."""
    first = (report["message"].strip().splitlines() or [""])[0]
    if known(report):
        return f"{known(report)[0][1]} ({first})"
    if report["kind"] == "start":
        return f"its kernel did not start ({first})"
    return CAUSES.get(report["kind"], first)


def remedy(report: dict) -> str:
    """What to do about it, in one line."""
    told = next((text for *_, text in known(report)), None) or REMEDIES.get(report["kind"])
    return told or "The same command continues at this stage; --debug shows the trace."


def known(report: dict) -> list[tuple[str, str, str]]:
    """The known signs in a message; what a dead kernel's says is not about its cause."""
    return [] if report["kind"] == "dead" else [sign for sign in SIGNS if sign[0] in report["message"]]
