"""`python -m r1lab` is the command `r1lab`."""

from r1lab.images.cli import main

if __name__ == "__main__":
    main()
