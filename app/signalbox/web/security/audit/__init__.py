"""The audit log as a page and for programs: who did what, how it ended, and whether the log is whole."""
