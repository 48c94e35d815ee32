"""How work gets done: the bell (RQ), claims by lease, token buckets, and the schedule."""
