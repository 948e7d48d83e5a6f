"""The command `r1lab`, also `python -m r1lab`; it needs the extra `images`."""

import sys


def main() -> None:
    """Run the command line, or say in one sentence which packages it lacks.

    Examples
    --------
    >>> sys.argv = ["r1lab", "resume", "nowhere"]
    >>> main()
    Traceback (most recent call last):
    SystemExit: 2
    """
    try:
        from r1lab.images import cli
    except ModuleNotFoundError as error:
        print(
            f"r1lab: the command line needs {error.name}, which is not installed: "
            "pip install 'r1lab[images]'",
            file=sys.stderr,
        )
        sys.exit(2)
    cli.main()


if __name__ == "__main__":
    main()
