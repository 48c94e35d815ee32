"""The rules of the house that a tool can see: one clock, one wire, no guesses about errors, small files, plain names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = sorted(p for folder in ("shopapp", "marketplaces") for p in (ROOT / folder).rglob("*.py"))
ALL = [*PRODUCT, *sorted((ROOT / "tests").rglob("*.py"))]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
# Only the loop that runs work, chores, the web's error handler and what must close something may catch everything.
MAY_CATCH_ALL = {"shopapp/work/claim.py", "shopapp/work/chores.py", "shopapp/web/errors.py"}
BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|manager|service|base|common|misc)($|_)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names of everything that is called, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_only_the_clock_asks_what_time_it_is() -> None:
    asking = [
        f"{name(path)}:{line} {call}"
        for path in PRODUCT
        for call, line in calls(path)
        if call
        in ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "datetime.datetime.now")
        and name(path) != "shopapp/clock.py"
        and not (name(path) == "shopapp/cli/doctor.py" and call == "time.time")  # compares the machine's clock itself
    ]
    assert asking == []


def test_only_marketplaces_and_shopifys_doorway_speak_http() -> None:
    speaking = {
        name(path)
        for path in PRODUCT
        if imports(path) & {"requests", "httpx", "urllib3"}
        and not name(path).startswith(("marketplaces/", "shopapp/shopify_admin/"))
    }
    assert speaking == set()


def test_only_loops_and_the_web_edge_catch_everything() -> None:
    broad = set()
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            ):
                reraises = any(isinstance(one, ast.Raise) for one in ast.walk(node))
                if not reraises:
                    broad.add(name(path))
    assert broad <= MAY_CATCH_ALL


def test_files_stay_small() -> None:
    """400 lines at the most; tests a little more, generated migrations as they are."""
    long = {
        name(path): lines
        for path in ALL
        if (lines := len(path.read_text().splitlines())) > (450 if "tests" in path.parts else 400)
        and "versions" not in path.parts
    }
    assert long == {}


def test_modules_have_names_of_the_trade() -> None:
    assert [name(path) for path in PRODUCT if BANNED_NAMES.search(path.stem)] == []


def test_every_module_says_what_it_owns() -> None:
    silent = [
        name(path)
        for path in PRODUCT
        if "versions" not in path.parts and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_float_touches_money() -> None:
    near = (
        "marketplaces/money.py",
        "marketplaces/bills.py",
        "shopapp/plans/ledger.py",
        "shopapp/plans/rates.py",
        "shopapp/orders/to_shopify.py",
    )
    amounts = [path for path in PRODUCT if name(path) in near or name(path).endswith("/amounts.py")]
    assert len(amounts) == 9
    assert [
        f"{name(path)}:{line}" for path in amounts for call, line in calls(path) if call in ("float", "round")
    ] == []


def test_nothing_unsafe_slips_in() -> None:
    patterns = {
        "verify=False": "certificates are always checked",
        "pickle": "what is stored or queued is JSON",
        "yaml.load(": "no yaml",
        "shell=True": "no shell",
        "render_template_string": "templates are files",
        "TESTING": "no branch for tests in the product",
        "PYTEST_CURRENT_TEST": "no branch for tests in the product",
    }
    found = [f"{name(path)}: {word}" for path in PRODUCT for word in patterns if word in path.read_text()]
    assert found == []


def test_a_locked_row_may_still_be_referred_to() -> None:
    """A plain FOR UPDATE waits for everybody who just wrote a row about the locked one: a deadlock by foreign key."""
    locks = [
        (name(path), lock) for path in PRODUCT for lock in re.findall(r"with_for_update\W[^\n]{0,60}", path.read_text())
    ]
    assert len(locks) > 10
    assert [lock for lock in locks if "key_share" not in lock[1] and "read=True" not in lock[1]] == []


def test_templates_escape_everything_and_hold_no_script_or_style() -> None:
    wrong = []
    for path in TEMPLATES:
        text = path.read_text()
        # Mails need inline style, because mail programs drop all else; top-level pages allow theirs by a nonce or hash.
        own_style = path.parent.name in ("mail", "login", "mail_links")
        for pattern in (r"\|\s*safe\b", r"autoescape\s+false", r"<script(?![^>]*\bsrc=)", r"\son[a-z]+\s*="):
            wrong += [f"{name(path)}: {pattern}" for _ in re.findall(pattern, text)]
        if not own_style:
            wrong += [f"{name(path)}: style" for _ in re.findall(r"<style|\sstyle=", text)]
    assert wrong == []


def test_no_path_of_a_machine_is_written_down() -> None:
    texts = [*ALL, *TEMPLATES, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), *(ROOT / "static").rglob("*.*")]
    home = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w")
    assert [name(path) for path in texts if path != Path(__file__).resolve() and home.search(path.read_text())] == []


def test_nothing_but_its_own_folder_names_a_channel() -> None:
    """Forms, words, steps and limits come from what a channel declares: a new one changes no page and no table."""
    channels = [one.name for one in (ROOT / "marketplaces/channels").iterdir() if (one / "__init__.py").exists()]
    assert len(channels) >= 4
    named = re.compile("|".join(channels), re.IGNORECASE)
    theirs = ("marketplaces/channels/", "static/channels/", "shopapp/cli/demo.py")  # the demo's story is one channel's
    naming = []
    for path in (*PRODUCT, *TEMPLATES, *(ROOT / "static").rglob("*.*")):
        if name(path).startswith(theirs):
            continue
        text = path.read_text()
        if path.suffix == ".py":
            tree = ast.parse(text)
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            texts = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and id(one) not in docs]
            text = "\n".join([*(one for one in texts if isinstance(one, str)), *imports(path)])
        naming += [f"{name(path)}: {found}" for found in named.findall(text)]
    assert naming == []
