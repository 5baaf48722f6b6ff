"""`python -m hybrid.cli`: the command line without the console script."""

from hybrid.cli import main

if __name__ == "__main__":
    main()
