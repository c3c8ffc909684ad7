"""The SQL of accounts: functions that take a transaction, so that a service can combine them."""
