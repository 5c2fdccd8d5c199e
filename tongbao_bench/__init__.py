"""Measures the bank from outside. Nothing in `tongbao` imports this; `tongbao bench` starts it as a process of its own."""
