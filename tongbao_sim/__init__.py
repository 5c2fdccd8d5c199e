"""A user of the bank: a made-up city, its traffic, an independent auditor, and faults. Speaks HTTP, imports no `tongbao`."""
