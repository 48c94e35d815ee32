"""The boundary enumerator: kills a scenario before and after every effect of ours, one by one, and judges by the ledger.

Nobody places the points by hand: commits, calls, answers, Redis and SMTP commands are counted where they leave us.
"""
