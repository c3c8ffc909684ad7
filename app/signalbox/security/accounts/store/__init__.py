"""The SQL of accounts: functions over a transaction, so that a service can do several in one."""
