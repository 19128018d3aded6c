"""`python -m libs.chassis.cli`, for the children of `backline up`."""

from libs.chassis.cli.commands import main

if __name__ == "__main__":
    main()
