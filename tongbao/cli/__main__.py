"""`python -m tongbao.cli` is `tongbao`, for child processes that must run in this very environment."""

from tongbao.cli import main

main()
