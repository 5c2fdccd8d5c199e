"""Everything that is not the bank: other firms, each a process of its own with a store of its own, reached over HTTP."""
