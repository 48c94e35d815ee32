"""Plans: what a shop may import, the ledger of what it did import, and the gate between them."""
