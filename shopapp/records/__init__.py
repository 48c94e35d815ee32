"""What is remembered: the database, its models, encryption of secrets, the journal and the migrations."""
