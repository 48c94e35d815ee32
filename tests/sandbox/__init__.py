"""The sandbox: real HTTP and SMTP servers on loopback that stand in for the outside systems.

An independent witness: it is written from the vendors' contracts and must import neither `shopapp` nor `marketplaces`.
"""
