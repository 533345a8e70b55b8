__import__("runpy").run_module("study.evaluate", run_name=__name__)  # noqa: D100 - the script in study says it
