"""`affekt`, and `python -m affekt`, the form that `torchrun -m affekt train ...` needs."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C ends it with one sentence, while the program is still being imported as well."""
    try:
        from affekt.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("\naffekt: stopped", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
