"""Commands as a person runs them: one sentence on a wrong setting, migrate, doctor masks secrets, rotate-keys."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from shopapp.keys import fresh_key
from tests.unit.cli.test_supervisor import until

ROOT = Path(__file__).resolve().parent.parent.parent.parent
MISSING = "shopapp: SECRET_KEY is not set (signs cookies; 32 characters or more, not the client secret)."


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    return kept | {
        "SHOPAPP_DATA": str(tmp_path / "data"),
        "SHOPIFY_API_KEY": "key",
        "SHOPIFY_API_SECRET": secrets.token_hex(24),
        "APP_URL": "https://app.shop.test",
        "SECRET_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEY": fresh_key(),
    }


def python(env: dict[str, str], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def run(env: dict[str, str], *commands: str) -> subprocess.CompletedProcess[str]:
    """The commands one after the other in one process, which ends with the last one's status; a line of all of them."""
    told = "print('statuses', *statuses)"
    each = "statuses = [main(one.split()) for one in sys.argv[1:]]"
    return python(env, f"import sys; from shopapp.cli import main; {each}; {told}; sys.exit(statuses[-1])", *commands)


def test_the_command_line_ends_with_the_commands_status(env: dict[str, str]) -> None:
    """As a person types it; the other tests put several commands into one process, whose start is what they cost."""
    command = [sys.executable, "-m", "shopapp.cli", "up"]
    wrong = {**env, "SECRET_KEY": ""}
    done = subprocess.run(command, env=wrong, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == MISSING


def test_serving_commands_refuse_a_missing_secret_in_one_sentence(env: dict[str, str]) -> None:
    done = run({**env, "SECRET_KEY": ""}, "web", "worker", "scheduler")
    assert done.stderr.strip().splitlines() == [MISSING] * 3
    assert done.stdout.strip() == "statuses 2 2 2"


def test_migrate_makes_the_database_and_can_be_repeated(env: dict[str, str]) -> None:
    done = run(env, "migrate", "migrate")
    assert done.stdout.splitlines()[-1] == "statuses 0 0", done.stderr
    assert (Path(env["SHOPAPP_DATA"]) / "shopapp.db").exists()


def test_doctor_tells_what_is_wrong_and_shows_no_secret(env: dict[str, str]) -> None:
    keys = {"AMAZON_CLIENT_ID": "a", "AMAZON_APPLICATION_ID": "b", "AMAZON_CLIENT_SECRET": "hush-hush-hush-hush"}
    done = run({**env, **keys, "DATABASE_URL": ""}, "migrate", "doctor")
    assert done.returncode == 1
    assert "ok       database" in done.stdout
    assert "trouble  queue" in done.stdout
    assert "trouble  mail       MAIL_SERVER is not set" in done.stdout
    assert "ok       amazon     0 accounts (0 busy), polled every 180 s, limits of their own" in done.stdout
    for name in ("SHOPIFY_API_SECRET", "SECRET_KEY", "ENCRYPTION_KEY"):
        assert env[name] not in done.stdout + done.stderr
    assert "hush" not in done.stdout


def test_doctor_names_the_setting_that_keeps_it_from_serving(env: dict[str, str]) -> None:
    done = run({**env, "ENCRYPTION_KEY": "c2hvcnQ="}, "doctor")
    assert done.returncode == 1
    assert "Not ready to serve: ENCRYPTION_KEY must be base64 of exactly 32 bytes." in done.stdout
    assert "Traceback" not in done.stderr


def test_a_worker_without_its_queue_ends_in_one_line_to_be_started_again(env: dict[str, str], tmp_path: Path) -> None:
    done = run({**env, "REDIS_URL": f"unix://{tmp_path / 'gone.sock'}"}, "migrate", "worker")
    assert done.returncode == 1
    assert "queue_unreachable" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_or_not_ready_is_told_in_one_sentence(env: dict[str, str], tmp_path: Path) -> None:
    gone = {**env, "DATABASE_URL": "postgresql://someone:sekret@127.0.0.1:9/none"}
    done = run(gone, "migrate", "rotate-keys", "worker")
    assert done.stdout.strip() == "statuses 1 1 1"
    assert "sekret" not in done.stderr
    assert done.stderr.count("shopapp: The database does not answer (") == 3
    assert "Traceback" not in done.stderr
    done = run({**env, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}, "worker", "rotate-keys")
    assert done.stdout.strip() == "statuses 1 1"
    assert done.stderr.count("The database is not at the newest schema; run `shopapp migrate`.") == 2
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_written_is_named(env: dict[str, str]) -> None:
    done = run({**env, "SHOPAPP_DATA": "/dev/null/data"}, "migrate", "up")
    assert done.stdout.strip() == "statuses 2 2"
    sentence = "shopapp: SHOPAPP_DATA: nothing can be written in /dev/null/data (Not a directory)."
    assert done.stderr.strip().splitlines() == [sentence] * 2


def test_a_database_of_a_later_release_is_left_alone_and_told(env: dict[str, str]) -> None:
    later = (
        "import os, sqlite3; from shopapp.cli import main; main(['migrate'])\n"
        "with sqlite3.connect(os.environ['SHOPAPP_DATA'] + '/shopapp.db') as c:\n"
        "    c.execute(\"UPDATE alembic_version SET version_num = '9999'\")\n"
    )
    assert python(env, later).returncode == 0
    done = run(env, "migrate", "doctor")
    assert done.stdout.splitlines()[-1] == "statuses 2 1"
    assert done.stderr.splitlines()[0].startswith("shopapp: The database is of a later release")
    assert "trouble  database   is of a later release of shopapp than this one; run that release" in done.stdout


@pytest.mark.parametrize("command", ["up", "web"])
def test_a_port_that_is_taken_is_told_before_anything_starts(env: dict[str, str], command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(env, f"{command} --port {port}")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"shopapp: Cannot listen on 127.0.0.1:{port} (Address already in use): give another --host or --port."
    )


@pytest.mark.parametrize("wrong", ["--port 0", "--port 99999", "--port x", "--processes 0", "--processes -1"])
def test_an_argument_that_cannot_work_is_refused(env: dict[str, str], wrong: str) -> None:
    done = run(env, f"web {wrong}")
    assert done.returncode == 2
    assert "must be a whole number from" in done.stderr


def test_all_processes_of_up_use_the_folder_it_was_started_in(env: dict[str, str], tmp_path: Path) -> None:
    """The default folder is told from where `up` stands: the web server and migrations once looked from elsewhere."""
    elsewhere = tmp_path / "a place"
    elsewhere.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mine = {name: value for name, value in env.items() if name != "SHOPAPP_DATA"}
    mine["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "shopapp.cli", "up", "--port", str(port), "--processes", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=mine, cwd=elsewhere, preexec_fn=_hangs_up, **pipes) as process:
        try:
            until(lambda: _answer(f"http://127.0.0.1:{port}/readyz") == 200, 60)
            process.send_signal(signal.SIGHUP)
            told, _ = process.communicate(timeout=60)
        finally:
            process.terminate()
    assert process.returncode == 0
    assert b"starting it again" not in told
    assert (elsewhere / ".shopapp" / "shopapp.db").exists()


def _hangs_up() -> None:
    """The tests may run under nohup, which what they start would heed as well."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _answer(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_rotated_keys_open_everything_with_the_new_key_alone(env: dict[str, str]) -> None:
    seed = (
        "from shopapp.cli import main; main(['migrate'])\n"
        "from shopapp import create_app, clock; create_app()\n"
        "from shopapp.records import db, vault; from shopapp.records.models import Shop\n"
        "with db.writing() as s:\n"
        "    shop = Shop(domain='a.myshopify.com', installed_at=clock.now(), uid='u'*32)\n"
        "    vault.seal(shop, 'refresh_token', 'kept')\n"
        "    s.add(shop)\n"
    )
    read = (
        "from shopapp import create_app; create_app()\n"
        "from shopapp.records import db, vault; from shopapp.records.models import Shop\n"
        "with db.reading() as s: print(vault.unseal(s.query(Shop).one(), 'refresh_token'))\n"
    )
    assert python(env, seed).returncode == 0
    new = fresh_key()
    done = run({**env, "ENCRYPTION_KEY": f"{new},{env['ENCRYPTION_KEY']}"}, "rotate-keys", "rotate-keys")
    assert done.returncode == 0, done.stderr
    first, second, _ = done.stdout.splitlines()
    assert first.startswith("1 secrets encrypted anew")
    assert second.startswith("0 secrets encrypted anew")
    assert python({**env, "ENCRYPTION_KEY": new}, read).stdout.strip() == "kept"
