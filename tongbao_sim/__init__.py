"""A user of the bank: a made-up city, its traffic, an independent auditor, faults. HTTP only; imports no `tongbao`."""
