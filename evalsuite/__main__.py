"""`python -m evalsuite`, which is also what torchrun starts."""

from evalsuite.cli import main

if __name__ == "__main__":
    main()
