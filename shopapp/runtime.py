"""The configuration of this process, set once by the factory (or a test). Holds nothing else."""

from __future__ import annotations

from shopapp.config import Config

_config: Config | None = None


def setup(config: Config) -> None:
    """Make `config` the configuration of this process."""
    global _config
    _config = config


def config() -> Config:
    """The configuration of this process; RuntimeError before `setup`."""
    if _config is None:
        raise RuntimeError("the configuration is not set up; call create_app first")
    return _config
