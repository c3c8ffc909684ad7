"""The audit log: who did what, written before it is done and again when it has ended; a chain that cannot be changed unseen."""
