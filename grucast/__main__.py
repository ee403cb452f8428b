"""`python -m grucast` is the same as `grucast`."""

from grucast.cli.app import main

main()
