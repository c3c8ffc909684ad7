"""The audit log: every action, written before it starts and again when it ends, in a hash chain that shows tampering."""
