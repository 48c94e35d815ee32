"""Alembic migrations. `shopapp migrate` brings the database to the newest; a test keeps head equal to the models."""
