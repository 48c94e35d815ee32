"""What a merchant must hear of: incidents, who wants which mail, outbox, inbox. Judges no marketplace's answers."""
