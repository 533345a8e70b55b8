"""`python -m affekt`, the form `torchrun -m affekt train ...` needs."""

from affekt.cli.main import main

if __name__ == "__main__":
    main()
