"""`shopapp doctor`: what is set (secrets masked), and whether database, queue, mail server, clock and keys are fine."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable

import redis
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from shopapp import clock
from shopapp.alerts import outbox, postman
from shopapp.config import SETTINGS, Config, ConfigError
from shopapp.records import db, migrate, vault
from shopapp.records.models import Chore, Mail, MailState, Shop
from shopapp.work import bell, schedule

Check = tuple[str, Callable[[Config], str]]


class Trouble(Exception):
    """A check found something wrong; the text says what and what to do."""


def masked(value: str) -> str:
    """A secret as it may be shown: its length and its last four characters (nothing of a short one)."""
    if not value:
        return "not set"
    return f"set, {len(value)} characters" + (f", ends in {value[-4:]}" if len(value) >= 24 else "")


def _place(url: str) -> str:
    """Which database an address means, without who uses it: a password may stand before the host or in the options."""
    try:
        parts = make_url(url)
    except ArgumentError:
        return masked(url)
    # An @ that nobody has escaped leaves the end of a password in what is read as the host.
    host = (parts.host or "").rpartition("@")[2] + (f":{parts.port}" if parts.port else "")
    return f"{parts.drivername}://{host}/{parts.database or ''}"


def _settings(config: Config) -> None:
    for setting in SETTINGS:
        value = config[setting.name]
        shown = masked(value) if setting.secret else (value or "not set")
        if setting.name == "DATABASE_URL" and value:
            shown = _place(value)
        print(f"  {setting.name:24} {shown}")


def _database(_config: Config) -> str:
    try:
        db.ping()
    except SQLAlchemyError as error:
        raise Trouble(f"does not answer ({type(error).__name__}); check DATABASE_URL") from None
    if migrate.is_newer(db.engine()):
        raise Trouble("is of a later release of shopapp than this one; run that release")
    if not migrate.at_head(db.engine()):
        raise Trouble("is not at the newest schema; run `shopapp migrate`")
    return f"answers, schema up to date ({db.engine().dialect.name})"


def _queue(_config: Config) -> str:
    if not bell.ping():
        raise Trouble("does not answer; start `shopapp up` or check REDIS_URL. Nothing is lost, but work waits")
    waiting = {name: bell.queue(name).count for name in bell.QUEUES}
    idle = [name for name in bell.QUEUES if bell.waited(name) > 2 * bell.DRAIN_TIMEOUT]
    if idle:
        raise Trouble(f"answers, but nobody works on it: start `shopapp worker --queue {'` and `--queue '.join(idle)}`")
    return "answers, drains waiting: " + ", ".join(f"{name} {count}" for name, count in waiting.items())


def _clock(_config: Config) -> str:
    try:
        seconds, _ = bell.connection().time()
    except (redis.RedisError, RuntimeError):
        return "not compared (the queue does not answer)"
    apart = abs(time.time() - int(seconds))
    if apart > 5:
        raise Trouble(f"is {apart:.0f} s away from the queue's clock; synchronise the machines (ID tokens live 60 s)")
    return f"agrees with the queue's within {apart:.0f} s"


def _mail(config: Config) -> str:
    with db.reading() as s:
        waiting, oldest = s.execute(
            select(func.count(Mail.id), func.min(Mail.created_at)).where(Mail.state == MailState.WAITING)
        ).one()
    queue = f"{waiting} mails wait" + (f", the oldest since {oldest}" if waiting else "")
    if not config["MAIL_SERVER"]:
        raise Trouble(f"MAIL_SERVER is not set: alerts are not mailed ({queue})")
    try:
        # The same way as a mail goes: encrypted and logged in where the settings say so.
        postman.hang_up(postman.connect(outbox.server(), postman.Limits()), politely=True)
    except smtplib.SMTPAuthenticationError:
        raise Trouble(f"{config['MAIL_SERVER']} refuses MAIL_USERNAME with MAIL_PASSWORD; {queue}") from None
    except (smtplib.SMTPException, ssl.SSLError) as error:
        raise Trouble(
            f"{config['MAIL_SERVER']} cannot be talked to ({type(error).__name__}); check MAIL_PORT, MAIL_USE_TLS and "
            f"MAIL_USE_SSL; {queue}"
        ) from None
    except OSError as error:
        raise Trouble(f"{config['MAIL_SERVER']} does not answer ({type(error).__name__}); {queue}") from None
    return f"{config['MAIL_SERVER']} answers; {queue}"


def _keys(_config: Config) -> str:
    from shopapp.cli.upkeep import sealed_columns

    opened = 0
    with db.reading() as s:
        for model, columns in sealed_columns().items():
            for column in (getattr(model, name) for name in columns):
                used = s.scalars(select(func.substr(column, 1, vault.ID)).where(column != "").distinct())
                if lost := sorted(set(used) - vault.known()):
                    raise Trouble(
                        f"some of {column} need the key {lost[0]}, which is not set; put it back behind a comma"
                    )
        for model, columns in sealed_columns().items():
            for row in s.scalars(select(model).order_by(model.id.desc()).limit(20)):
                for column in columns:
                    try:
                        opened += bool(vault.unseal(row, column))
                    except vault.VaultError as error:
                        raise Trouble(f"{error}; put the older key back behind a comma") from None
    return f"fine ({opened} stored secrets opened)"


def _scheduler(_config: Config) -> str:
    with db.reading() as s:
        alive = schedule.alive(s)
        failing = s.scalars(select(Chore).where(Chore.words != "")).all()
    if not alive:
        raise Trouble("has not beaten for 90 s; start `shopapp up` or `shopapp scheduler`")
    if failing:
        raise Trouble("; ".join(f"chore {chore.name} fails: {chore.words}" for chore in failing))
    return "alive"


CHECKS: tuple[Check, ...] = (
    ("database", _database),
    ("queue", _queue),
    ("clock", _clock),
    ("keys", _keys),
    ("scheduler", _scheduler),
    ("mail", _mail),
)


def _channels() -> int:
    """Print how often each channel's accounts are polled and what that leaves; how many cannot be polled often enough."""
    from shopapp.cli.quotas import told

    print("\nChannels")
    bad = 0
    try:
        for key, fine, text in told():
            bad += not fine
            print(f"  {'ok     ' if fine else 'trouble'}  {key:10} {text}")
    except SQLAlchemyError as error:
        print(f"  trouble  {'channels':10} could not be checked ({type(error).__name__})")
        return 1
    return bad


def doctor(*, restored: bool = False) -> int:
    """Print the settings and each check; 0 when all is fine, 1 when something needs the operator."""
    config = Config.load(serving=False)
    print("Settings")
    _settings(config)
    try:
        config.check()
        from shopapp import create_app

        create_app(config)
    except ConfigError as error:
        print(f"\nNot ready to serve: {error}")
        return 1
    if restored:
        from shopapp.orders import place

        with db.writing() as s:
            print(f"\n{place.distrust(s)} orders will be looked up in Shopify before they are sent")
    return _report(config)


def _report(config: Config) -> int:
    print(f"\nChecks at {clock.now():%Y-%m-%d %H:%M:%S} UTC")
    bad = 0
    for name, check in CHECKS:
        try:
            print(f"  ok       {name:10} {check(config)}")
        except (Trouble, SQLAlchemyError, redis.RedisError) as error:
            bad += 1
            text = str(error) if isinstance(error, Trouble) else f"could not be checked ({type(error).__name__})"
            print(f"  trouble  {name:10} {text}")
    bad += _channels()
    with db.reading() as s:
        shops = s.scalar(select(func.count(Shop.id))) if not bad else None
    if shops is not None:
        print(f"  {shops} shops installed")
    return 1 if bad else 0
