"""`affekt`: finds the command and imports only that one, so that help is instant."""

import errno
import importlib
import os
import sys

from affekt import __version__
from affekt.cores import leave, leave_at_interrupt
from affekt.errors import AffektError, Terminated, nearest
from affekt.files import MIRROR, mirror
from affekt.terminal import forget_unwritten, messages_shown, printable, speak_utf8, text_table

COMMANDS = {
    "predict": ("affekt.cli.predict", "find the faces of pictures and videos and write a table, one row per face"),
    "summarize": ("affekt.cli.summarize", "rows of videos become a row per person, episodes and averages over time"),
    "serve": ("affekt.cli.serve", "answer over HTTP, with a live page that runs the model in the browser"),
    "data": ("affekt.cli.data", "import a data set into a manifest, check one, or divide one into splits"),
    "train": ("affekt.cli.train", "train a recipe on a manifest"),
    "evaluate": ("affekt.cli.evaluate", "score models or prediction tables, with intervals, tables and a report"),
    "compare": ("affekt.cli.compare", "runs side by side: what they cost, and the paired differences of their answers"),
    "export": ("affekt.cli.export", "write a model folder that predicts without torch: weights, card, ONNX"),
    "push": ("affekt.cli.push", "send a model to the Hugging Face Hub, from where --model hf://user/name takes it"),
    "models": ("affekt.cli.models", "list models: those that come with affekt, your own, and the study's"),
    "gather": ("affekt.cli.gather", "make one table of the parts that several machines wrote"),
    "setup": ("affekt.cli.setup", "get the face detector's file, here or for a machine without internet access"),
    "demo": ("affekt.cli.demo", "the whole job on drawn faces: train four recipes, evaluate, report"),
}

HELP, VERSION = ("help", "-h", "--help"), ("version", "-V", "--version")
STOPPED = BY_INTERRUPT, BY_TERMINATION = 130, 143
ANOTHER, SHORTER = "check who may, or choose another place", "choose a shorter name"
WHAT_TO_DO = dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), ANOTHER) | {errno.ENAMETOOLONG: SHORTER}


def help_text() -> str:
    """Return what `affekt --help` prints."""
    commands = text_table([("", name, summary) for name, (_, summary) in COMMANDS.items()], left=3)
    return (
        f"affekt {__version__}: name facial expressions\n\n"
        f"usage: affekt COMMAND [options]\n\n{commands}\n\n"
        "Each command explains itself: affekt COMMAND --help\n"
        "--debug before the command shows the traceback of an error.\n"
        "--mirror PLACE before the command takes models from another origin than the hub, or from a folder."
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; user errors end with one sentence and exit code 2."""
    end = None
    try:
        try:
            speak_utf8()
            with messages_shown():
                _run(sys.argv[1:] if arguments is None else arguments, is_process=arguments is None)
        except SystemExit as stop:
            end = stop
        # Not left to Python's own end, which has nobody to tell that it failed.
        if sys.stdout.writable():
            print(end="", flush=True)
    except BrokenPipeError:  # the reader of our standard output went away, as in `affekt models | head`
        forget_unwritten()
    except OSError as error:
        if isinstance(error, ValueError):  # io.UnsupportedOperation
            fail("expected an open standard output, got one that the shell closed; type > FILE in place of >&-")
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        forget_unwritten()
        fail(f"expected room for what is written, got {error.strerror}; free some, or write to another place")
    if end is not None:
        if arguments is None and end.code in STOPPED:
            leave(end.code)
        raise end


def _run(arguments: list[str], *, is_process: bool) -> None:
    before = list[str]()
    while arguments[:1] in (["--debug"], ["--mirror"]):
        option, *arguments = arguments
        before.append(option)
        if option == "--mirror" and arguments:
            os.environ[MIRROR], *arguments = arguments
        if not arguments:
            fail(f"expected a command at the end, got none behind {option}; type: affekt --help")
    if len(arguments) > 1 and arguments[0] in HELP:
        arguments = [*arguments[1:], "--help"]
    if not arguments or arguments[0] in HELP:
        return print(help_text())
    if arguments[0] in VERSION:
        if arguments[1:] not in ([], ["--help"]):
            fail(f"expected nothing after {arguments[0]}, got {arguments[1]}; type: affekt {arguments[0]}")
        return print(__version__)
    name, *rest = arguments
    if name not in COMMANDS:
        near, among = nearest(name, COMMANDS), f" among {', '.join(COMMANDS)}"
        fail(f"expected a command{'' if near else among}, got {name!r}; type: affekt {near or '--help'}")
    try:
        if "--mirror" in before:
            mirror()  # which refuses a place that is none
        if is_process and name in ("evaluate", "compare"):  # which have nothing to tell or to mend
            leave_at_interrupt("\naffekt: stopped\n", BY_INTERRUPT)
        importlib.import_module(COMMANDS[name][0]).main(rest)
    except (AffektError, OSError) as error:
        if "--debug" in before or (isinstance(error, OSError) and error.errno not in WHAT_TO_DO):
            raise
        if isinstance(error, OSError):
            where, advice = error.filename or "a file", WHAT_TO_DO[error.errno or 0]
            fail(f"expected to read or write {where}, got {error.strerror}; {advice}")
        fail(str(error))
    except KeyboardInterrupt as stop:
        print(f"\naffekt: {stop.args[0] if stop.args else 'stopped'}", file=sys.stderr)
        raise SystemExit(BY_TERMINATION if isinstance(stop, Terminated) else BY_INTERRUPT) from None


def fail(sentence: str) -> None:
    """Print one sentence and exit with code 2."""
    print(printable(f"affekt: {sentence}"), file=sys.stderr)
    raise SystemExit(2)
